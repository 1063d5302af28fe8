/** The uplink's end of the tunnel: makes the tunnel as the document says, and listens at the overlay address once it is there. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { UplinkDocument } from "#expose/host/uplink-document.ts";
import { KeptListener } from "./kept-listener.ts";
import { uplinkLimits } from "./limits.ts";
import type { UplinkTunnel } from "./tunnel.ts";

export interface OverlayEndOptions {
  readonly tunnel: UplinkTunnel;
  readonly port: number;
  readonly accept: (conn: Conn) => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Wanted {
  readonly document: UplinkDocument;
  readonly address: string;
}

export class OverlayEnd {
  readonly #options: OverlayEndOptions;
  /** What the tunnel has not been made for yet. */
  #next: Wanted | undefined;
  #isBusy = false;
  #listener: KeptListener | undefined;
  #address = "";
  #failure = "";
  #cancel = (): void => {};
  #isClosed = false;

  constructor(options: OverlayEndOptions) {
    this.#options = options;
  }

  get port(): number {
    return this.#listener?.port ?? this.#options.port;
  }

  /** Why nothing can come through; undefined where it can. */
  get problem(): string | undefined {
    if (!this.#listener) return this.#failure || "its tunnel is not made yet";
    return this.#listener.problem ?? this.#options.tunnel.problem();
  }

  follow(document: UplinkDocument, address: string): void {
    this.#next = { document, address };
    if (!this.#isBusy) void this.#make();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    this.#listener?.close();
    await this.#options.tunnel.close();
  }

  async #make(): Promise<void> {
    this.#isBusy = true;
    this.#cancel();
    for (let wanted = this.#next; wanted && !this.#isClosed; wanted = this.#next) {
      this.#next = undefined;
      await this.#makeOne(wanted);
    }
    this.#isBusy = false;
  }

  async #makeOne(wanted: Wanted): Promise<void> {
    const { tunnel, clock, log } = this.#options;
    try {
      await tunnel.follow(wanted.document, wanted.address);
      this.#failure = "";
      this.#listenAt(wanted.address);
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.#failure) log("error", "tunnel-failed", { text: problem });
      this.#failure = problem;
      this.#cancel = clock.after(uplinkLimits.retryMs, () => this.follow(wanted.document, wanted.address));
    }
  }

  #listenAt(address: string): void {
    if (this.#isClosed || (this.#listener && address === this.#address)) return;
    const { port, accept, clock, log } = this.#options;
    this.#listener?.close();
    this.#address = address;
    this.#listener = new KeptListener({ hosts: [address], port, accept, clock, log });
  }
}
