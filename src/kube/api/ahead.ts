/** One connection to the API server, opened ahead of need: its handshakes pass while the server is asked for the pod. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { Identity } from "#kube/auth/credentials.ts";
import type { Connection } from "./connection.ts";

type Opener = Pick<Connection, "identity" | "open">;

interface Opening {
  readonly connection: Opener;
  readonly ending: AbortController;
  /** Undefined where it could not be opened: the need itself then finds out why. */
  readonly opened: Promise<{ readonly conn: Conn; readonly identity: Identity } | undefined>;
  readonly cancel: () => void;
}

export class Ahead {
  readonly #clock: Clock;
  #opening: Opening | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Opens one, unless there is one; it is dropped where it is not taken soon. */
  begin(connection: Opener): void {
    if (this.#opening) return;
    const ending = new AbortController();
    const open = async (): ReturnType<() => Opening["opened"]> => {
      const identity = await connection.identity();
      return { identity, conn: await connection.open(identity, ending.signal) };
    };
    const cancel = this.#clock.after(kubeLimits.aheadMs, () => this.drop());
    this.#opening = { connection, ending, opened: open().catch(() => undefined), cancel };
  }

  /**
   * The Conn, which is the caller's from now on; undefined where there is none for that identity. A caller that has gone already, whose
   * signal says nothing more, leaves it to the next.
   */
  async take(connection: Opener, identity: Identity, signal: AbortSignal): Promise<Conn | undefined> {
    const opening = this.#opening;
    if (signal.aborted || opening?.connection !== connection) return undefined;
    this.#opening = undefined;
    opening.cancel();
    const onAbort = (): void => opening.ending.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const opened = await opening.opened;
    signal.removeEventListener("abort", onAbort);
    if (opened === undefined) return undefined;
    if (opened.identity.cert === identity.cert && !signal.aborted) return opened.conn;
    opened.conn.abort();
    return undefined;
  }

  drop(): void {
    const opening = this.#opening;
    this.#opening = undefined;
    opening?.cancel();
    opening?.ending.abort();
    void opening?.opened.then((opened) => opened?.conn.abort());
  }
}
