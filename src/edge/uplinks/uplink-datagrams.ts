/** The stream that carries an uplink's datagrams: opened when it is there, and again where it was lost. */

import type { Clock } from "#base/clock.ts";
import { edgeLimits } from "#edge/limits.ts";
import { FramedDatagrams } from "#net/framed-datagrams.ts";
import { openStream } from "./uplink-stream.ts";
import type { UplinkWay } from "./uplink-way.ts";

export interface UplinkDatagramsOptions {
  readonly way: UplinkWay;
  readonly clock: Clock;
  readonly onDatagram: (payload: Uint8Array) => void;
}

export class UplinkDatagrams {
  readonly #options: UplinkDatagramsOptions;
  readonly #stop = new AbortController();
  #stream: FramedDatagrams | undefined;
  #cancel = (): void => {};

  constructor(options: UplinkDatagramsOptions) {
    this.#options = options;
    void this.#open();
  }

  /** Without a stream it is lost, as any datagram may be. */
  send(datagram: Uint8Array): void {
    this.#stream?.send(datagram);
  }

  close(): void {
    this.#stop.abort();
    this.#cancel();
    this.#stream?.close();
  }

  async #open(): Promise<void> {
    const { way, clock, onDatagram } = this.#options;
    const times = { dialMs: edgeLimits.connectMs, answerMs: edgeLimits.connectMs };
    const outcome = await openStream(clock, way, { kind: "datagrams" }, times, this.#stop.signal);
    if (outcome.kind !== "opened") return this.#againLater();
    if (this.#stop.signal.aborted) return outcome.conn.abort();
    const waitingBytes = edgeLimits.waitingDatagramBytes;
    this.#stream = new FramedDatagrams({ conn: outcome.conn, waitingBytes, onDatagram, onClose: () => this.#againLater() });
  }

  #againLater(): void {
    this.#stream = undefined;
    if (this.#stop.signal.aborted) return;
    this.#cancel = this.#options.clock.after(edgeLimits.datagramsAgainMs, () => void this.#open());
  }
}
