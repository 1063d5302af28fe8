/** What every door has: listening addresses, guests, and a way to close that lets the guests finish. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { type Listener, listenTcp, type SocketEnds } from "#net/tcp.ts";
import type { DoorContext } from "./context.ts";

/** An open connection as its door sees it. */
export interface Guest {
  /** Ends as soon as nothing is under way. */
  drain(): void;
  /** Ends now. */
  abort(): void;
}

/** An address that is listened on. */
export interface OpenAddress<LeadsTo> {
  /** The port in use, also where 0 was asked for. */
  readonly port: number;
  /** From now on new connections, and new requests, go there; those under way go on. */
  leadTo(next: LeadsTo): void;
  /** Stops accepting; open connections go on. */
  close(): void;
}

/** What is sent to a client that cannot be accepted. */
export type RefusalWords = (problem: KtError) => readonly Uint8Array[];

export class Door {
  readonly #clock: Clock;
  readonly #listeners = new Set<Listener>();
  readonly #guests = new Set<Guest>();
  readonly #closing = new AbortController();
  /** Drains that wait for the last guest to leave: a second one does not prolong the first. */
  readonly #onEmpty = new Set<() => void>();
  readonly #refusal: (() => KtError | undefined) | undefined;
  /** Refused clients that may still read why. */
  #lingering = 0;

  constructor({ clock, refusal }: Pick<DoorContext, "clock" | "refusal">) {
    this.#clock = clock;
    this.#refusal = refusal;
  }

  /** Aborts when the door has closed, and with it every wait for a pod. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Listens on one more address; closing the listener stops accepting there. Throws KtError `port-taken` or `listen-failed`. */
  open(
    address: { readonly host: string; readonly port: number },
    accept: (conn: Conn, ends: () => SocketEnds | undefined) => void,
    words: RefusalWords,
  ): Listener {
    const listener = listenTcp({
      ...address,
      accept: (conn, ends) => {
        const problem = this.#refusal?.();
        if (problem) this.#refuse(conn, problem, words);
        else accept(conn, ends);
      },
    });
    this.#listeners.add(listener);
    return {
      port: listener.port,
      close: () => {
        listener.close();
        this.#listeners.delete(listener);
      },
    };
  }

  /** Its descriptor is wanted: it has a moment to read why, if there is anything to read. */
  #refuse(conn: Conn, problem: KtError, words: RefusalWords): void {
    const said = words(problem);
    if (said.length === 0 || this.#lingering >= proxyLimits.lingeringRefusals) conn.abort();
    else this.#linger(conn, said);
  }

  #linger(conn: Conn, said: readonly Uint8Array[]): void {
    this.#lingering += 1;
    for (const bytes of said) conn.write(bytes);
    conn.end();
    this.#clock.after(proxyLimits.refusalLingerMs, () => {
      this.#lingering -= 1;
      conn.abort();
    });
  }

  /** A connection that ends when its peers do, and is not asked to before. Returns what to call then. */
  hold(conn: Conn): () => void {
    const guest: Guest = { drain() {}, abort: () => conn.abort() };
    this.enter(guest);
    return () => this.leave(guest);
  }

  enter(guest: Guest): void {
    this.#guests.add(guest);
  }

  leave(guest: Guest): void {
    this.#guests.delete(guest);
    if (this.#guests.size === 0) for (const tell of this.#onEmpty) tell();
  }

  /** Stops accepting, asks all guests to end, and waits until they have, for at most `deadlineMs`; then ends them. */
  async drain(deadlineMs: number): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
    for (const guest of [...this.#guests]) guest.drain();
    if (this.#guests.size > 0) await this.#emptied(deadlineMs);
    this.#closing.abort(new KtError("shutting-down", "kt is shutting down"));
    for (const guest of [...this.#guests]) guest.abort();
  }

  #emptied(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(deadlineMs, resolve);
      this.#onEmpty.add(() => {
        cancel();
        resolve();
      });
    });
  }
}
