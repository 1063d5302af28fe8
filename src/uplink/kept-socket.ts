/** A socket that is opened again and again until it is open: an address may come late, and what holds a port may leave it. */

import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { uplinkLimits } from "./limits.ts";

export interface OpenSocket {
  readonly port: number;
  /** Takes nothing new; what is open goes on. */
  close(): void;
}

export interface KeptSocketOptions<Opened extends OpenSocket> {
  /** For the log: `10.200.0.2:40501/udp`. */
  readonly where: string;
  /** Throws why it cannot be opened. */
  readonly open: () => Opened;
  readonly clock: Clock;
  readonly log: Log;
}

export class KeptSocket<Opened extends OpenSocket = OpenSocket> {
  readonly #options: KeptSocketOptions<Opened>;
  #opened: Opened | undefined;
  #problem = "";
  #cancel = (): void => {};

  constructor(options: KeptSocketOptions<Opened>) {
    this.#options = options;
    this.#open();
  }

  /** Why it is not open; undefined where it is. */
  get problem(): string | undefined {
    return this.#opened ? undefined : this.#problem;
  }

  /** Undefined while it is not open. */
  get opened(): Opened | undefined {
    return this.#opened;
  }

  close(): void {
    this.#cancel();
    this.#opened?.close();
    this.#opened = undefined;
    this.#problem = "it does not listen any more";
  }

  #open(): void {
    const { where, open, clock, log } = this.#options;
    try {
      this.#opened = open();
      log("info", "uplink-listening", { where });
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.#problem) log("warn", "uplink-not-listening", { where, text: problem });
      this.#problem = problem;
      this.#cancel = clock.after(uplinkLimits.retryMs, () => this.#open());
    }
  }
}
