/** TCP doors: local ports that lead to one target each, whatever is spoken on them. */

import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { type Listener, listenTcp } from "#net/tcp.ts";
import type { DoorContext } from "./context.ts";
import { type Guest, Guests } from "./guests.ts";
import { type PassthroughRoute, passThrough } from "./passthrough.ts";

export interface TcpListenerHandle {
  readonly port: number;
  /** From now on new connections go there. */
  setRoute(route: PassthroughRoute): void;
  close(): void;
}

export class TcpDoor {
  readonly #context: DoorContext;
  readonly #listeners = new Set<Listener>();
  readonly #guests: Guests;
  readonly #closing = new AbortController();

  constructor(context: DoorContext) {
    this.#context = context;
    this.#guests = new Guests(context.clock);
  }

  /** Throws KtError `port-taken` or `listen-failed`. */
  listen(address: { readonly host: string; readonly port: number }, route: PassthroughRoute): TcpListenerHandle {
    let current = route;
    const listener = listenTcp({ ...address, accept: (conn) => this.#accept(conn, current) });
    this.#listeners.add(listener);
    return {
      port: listener.port,
      setRoute(next) {
        current = next;
      },
      close: () => {
        listener.close();
        this.#listeners.delete(listener);
      },
    };
  }

  /** Stops accepting, lets open connections go on for at most `deadlineMs`, then ends them. */
  async drain(deadlineMs: number): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
    await this.#guests.drain(deadlineMs);
    this.#closing.abort(new KtError("shutting-down", "kt is shutting down"));
  }

  #accept(conn: Conn, route: PassthroughRoute): void {
    const guest: Guest = { drain: () => {}, abort: () => conn.abort() };
    this.#guests.enter(guest);
    void passThrough(conn, route, this.#context, this.#closing.signal, {
      // There is no page to show on a bare port: a reset is what a refusing server would give.
      onRefused: () => {
        conn.abort();
        this.#guests.leave(guest);
      },
      onClosed: () => this.#guests.leave(guest),
    });
  }
}
