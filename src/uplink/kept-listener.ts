/** A listener that is opened again and again until it is: an address may come late, and what holds a port may leave it. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { assert, messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { type Listener, listenTcp } from "#net/tcp.ts";
import { uplinkLimits } from "./limits.ts";

export interface KeptListenerOptions {
  /** Tried in this order, since a node may have no IPv6. */
  readonly hosts: readonly string[];
  readonly port: number;
  readonly accept: (conn: Conn) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export class KeptListener {
  readonly #options: KeptListenerOptions;
  #listener: Listener | undefined;
  #problem = "";
  #cancel = (): void => {};

  constructor(options: KeptListenerOptions) {
    this.#options = options;
    this.#open();
  }

  /** Why it does not listen; undefined where it does. */
  get problem(): string | undefined {
    return this.#listener ? undefined : this.#problem;
  }

  get port(): number {
    return this.#listener?.port ?? this.#options.port;
  }

  /** Accepts no more; open connections go on. */
  close(): void {
    this.#cancel();
    this.#listener?.close();
    this.#listener = undefined;
    this.#problem = "it does not listen any more";
  }

  #open(): void {
    const { hosts, clock, log, port } = this.#options;
    try {
      this.#listener = this.#firstOf(hosts);
      log("info", "uplink-listening", { hosts: hosts.join(" "), port: this.#listener.port });
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.#problem) log("warn", "uplink-not-listening", { hosts: hosts.join(" "), port, text: problem });
      this.#problem = problem;
      this.#cancel = clock.after(uplinkLimits.retryMs, () => this.#open());
    }
  }

  #firstOf([host, ...others]: readonly string[]): Listener {
    const { port, accept } = this.#options;
    assert(host !== undefined, "a listener has no host");
    try {
      return listenTcp({ host, port, accept });
    } catch (error) {
      if (others.length === 0) throw error;
      return this.#firstOf(others);
    }
  }
}
