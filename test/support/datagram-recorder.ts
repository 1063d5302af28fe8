/** A DatagramsHandler that records what it hears and lets tests await it. */

import type { Datagrams, DatagramsHandler } from "#base/datagrams.ts";
import type { KtError } from "#base/errors.ts";

export class DatagramRecorder implements DatagramsHandler {
  readonly datagrams: Datagrams;
  readonly received: Uint8Array[] = [];
  readonly reports: KtError[] = [];
  readonly events: string[] = [];
  error: KtError | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(datagrams: Datagrams) {
    this.datagrams = datagrams;
    datagrams.start(this);
  }

  onDatagram(payload: Uint8Array): void {
    this.received.push(payload);
    this.#note("datagram");
  }

  onUnreachable(error: KtError): void {
    this.reports.push(error);
    this.#note("unreachable");
  }

  onClose(error: KtError | undefined): void {
    this.error = error;
    this.#note("close");
  }

  texts(): string[] {
    return this.received.map((payload) => new TextDecoder().decode(payload));
  }

  send(text: string): boolean {
    return this.datagrams.send(new TextEncoder().encode(text));
  }

  /** Resolves once `condition` holds; it is looked at after every event. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  async untilReceived(count: number): Promise<void> {
    await this.until(() => this.received.length >= count);
  }

  async untilClosed(): Promise<void> {
    await this.until(() => this.events.includes("close"));
  }

  #note(event: string): void {
    this.events.push(event);
    const changed = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    changed.resolve();
  }
}
