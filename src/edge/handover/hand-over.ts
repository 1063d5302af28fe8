/** The predecessor's part of a hand-over: an instance of the edge gives what is open to one that was started beside it. */

import { rename, rm } from "node:fs/promises";
import * as v from "valibot";
import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { edgeLimits } from "#edge/limits.ts";
import { listenLocal } from "#net/local-socket.ts";
import type { HandedSession, UdpOffer } from "#edge/udp/udp-offer.ts";
import { JsonLines } from "./json-lines.ts";
import { handOverVersion, sessionsLeft, successorStep } from "./steps.ts";

export interface Predecessor {
  offer(): UdpOffer;
  /** The successor has its sockets: what comes from now on is its, and so are the sessions. */
  giveAway(): Promise<readonly HandedSession[]>;
  /** The successor serves. What is left here are open connections; resolves once no listening socket is. */
  leave(): Promise<void>;
}

export interface HandOverOptions {
  /** Where a successor asks. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly predecessor: Predecessor;
}

export class HandOver {
  readonly #options: HandOverOptions;
  #stop: (() => void) | undefined;
  #settled: Promise<void> = Promise.resolve();
  #isServing = false;

  constructor(options: HandOverOptions) {
    this.#options = options;
  }

  /**
   * From now on a successor finds this instance at the path, and no former one any more: there is no moment without any. `settled`: this one
   * serves, and its own predecessor has closed its sockets. The next one's open only then: which socket is the second is known only among two.
   */
  async listen(settled: Promise<void>): Promise<void> {
    const { path, log } = this.#options;
    this.#settled = settled;
    const beside = `${path}.new`;
    try {
      await rm(beside, { force: true });
      this.#stop = listenLocal(beside, (conn) => void this.#serve(conn));
      await rename(beside, path);
    } catch (error) {
      log("warn", "hand-over-not-possible", { path, text: messageOf(error) });
    }
  }

  /** The socket stays in the file system: the next instance replaces it. */
  close(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  async #serve(conn: Conn): Promise<void> {
    const { clock, log, predecessor } = this.#options;
    if (this.#isServing) {
      conn.abort();
      return;
    }
    this.#isServing = true;
    const lines = new JsonLines(conn, clock);
    try {
      await this.#settled;
      await this.#give(lines);
      const left = predecessor.leave();
      lines.send(sessionsLeft);
      await left;
    } catch (error) {
      log("warn", "hand-over-failed", { text: `the successor ${messageOf(error)}` });
    } finally {
      this.#isServing = false;
      lines.close();
    }
  }

  async #give(lines: JsonLines): Promise<void> {
    const { log, predecessor } = this.#options;
    lines.send({ version: handOverVersion, udp: predecessor.offer() });
    const step = v.parse(successorStep, await lines.next(edgeLimits.successorMs));
    if (step === "other-version") {
      log("warn", "hand-over", { text: "the successor uses another form of it: sessions of UDP begin anew" });
      return;
    }
    const sessions = await predecessor.giveAway();
    lines.send({ sessions });
    v.parse(successorStep, await lines.next(edgeLimits.adoptMs));
    log("info", "hand-over", { sessions: sessions.length });
  }
}
