/** TCP doors: local ports that lead to one target each, whatever is spoken on them. */

import type { Conn } from "#base/conn.ts";
import type { DoorContext } from "./context.ts";
import { Door, type Guest } from "./door.ts";
import { type PassthroughRoute, passThrough } from "./passthrough.ts";

export interface TcpListenerHandle {
  readonly port: number;
  /** From now on new connections go there. */
  setRoute(route: PassthroughRoute): void;
  close(): void;
}

export class TcpDoor {
  readonly #context: DoorContext;
  readonly #door: Door;

  constructor(context: DoorContext) {
    this.#context = context;
    this.#door = new Door(context.clock);
  }

  /** Throws KtError `port-taken` or `listen-failed`. */
  listen(address: { readonly host: string; readonly port: number }, route: PassthroughRoute): TcpListenerHandle {
    let current = route;
    const { port, close } = this.#door.open(address, (conn) => this.#accept(conn, current));
    return {
      port,
      setRoute(next) {
        current = next;
      },
      close,
    };
  }

  /** Stops accepting, lets open connections go on for at most `deadlineMs`, then ends them. */
  drain(deadlineMs: number): Promise<void> {
    return this.#door.drain(deadlineMs);
  }

  #accept(conn: Conn, route: PassthroughRoute): void {
    const guest: Guest = { drain: () => {}, abort: () => conn.abort() };
    this.#door.enter(guest);
    void passThrough(conn, route, this.#context, this.#door.closing, {
      // There is no page to show on a bare port: a reset is what a refusing server would give.
      onRefused: () => {
        conn.abort();
        this.#door.leave(guest);
      },
      onClosed: () => this.#door.leave(guest),
    });
  }
}
