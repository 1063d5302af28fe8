/** Lets as many connections into the cluster as a profile allows, in all and to one target; one too many waits a while for its turn. */

import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";

/** 0 means no limit. */
export interface ConnectionLimits {
  readonly inAll: number;
  readonly perTarget: number;
  readonly waitMs: number;
}

/** What the places of one profile share. */
interface Crowd {
  readonly limits: () => ConnectionLimits;
  open: number;
  /** In the order of their coming. */
  readonly waiting: Set<Waiter>;
  /** Open and not in use, those that have rested longest first: they make room. */
  readonly parked: Map<Parked, Place>;
}

/** A connection that is kept for the next request. `abort` reports its end to its place before it returns. */
interface Parked {
  abort(): void;
}

interface Waiter {
  readonly place: Place;
  readonly admit: () => void;
}

export class Turnstile {
  readonly #limitsFor: (profile: string) => ConnectionLimits | undefined;
  readonly #clock: Pick<Clock, "after">;
  readonly #crowds = new Map<string, Crowd>();

  constructor(limitsFor: (profile: string) => ConnectionLimits | undefined, clock: Pick<Clock, "after">) {
    this.#limitsFor = limitsFor;
    this.#clock = clock;
  }

  /** That of one target of the profile; `name` is what errors call it. */
  place(profile: string, name: string): Place {
    let crowd = this.#crowds.get(profile);
    if (!crowd) {
      crowd = { limits: () => this.#limitsFor(profile) ?? noLimits, open: 0, waiting: new Set(), parked: new Map() };
      this.#crowds.set(profile, crowd);
    }
    return new Place(crowd, name, this.#clock);
  }

  /** Forgets all other profiles, which have no targets left. */
  retain(profiles: ReadonlySet<string>): void {
    for (const profile of this.#crowds.keys()) if (!profiles.has(profile)) this.#crowds.delete(profile);
  }
}

const noLimits: ConnectionLimits = { inAll: 0, perTarget: 0, waitMs: 0 };

export class Place {
  readonly #crowd: Crowd;
  readonly #name: string;
  readonly #clock: Pick<Clock, "after">;
  #open = 0;

  constructor(crowd: Crowd, name: string, clock: Pick<Clock, "after">) {
    this.#crowd = crowd;
    this.#name = name;
    this.#clock = clock;
  }

  /** Counts one more, where there is room and no one waits for it. */
  enter(): boolean {
    const hasRoom = this.#crowd.waiting.size === 0 && this.#makeRoom();
    if (hasRoom) this.#add();
    return hasRoom;
  }

  /** Counts one more once there is room. Rejects with KtError `overloaded` where there is none in time. */
  wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(aborted(signal));
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        cancel();
        this.#crowd.waiting.delete(waiter);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        settle();
        reject(aborted(signal));
      };
      const waiter: Waiter = {
        place: this,
        admit: () => {
          settle();
          resolve();
        },
      };
      const cancel = this.#clock.after(this.#crowd.limits().waitMs, () => {
        settle();
        reject(this.#refusal());
      });
      signal.addEventListener("abort", onAbort);
      this.#crowd.waiting.add(waiter);
      // Those before it may wait for other targets.
      this.#admit();
    });
  }

  /** One of those that are counted has ended, or was never opened. */
  remove(): void {
    this.#open -= 1;
    this.#crowd.open -= 1;
    if (this.#crowd.waiting.size > 0) this.#admit();
  }

  /** It is not in use until `unpark`, and is ended where another needs its room. */
  park(conn: Parked): void {
    this.#crowd.parked.set(conn, this);
    if (this.#crowd.waiting.size > 0) this.#admit();
  }

  unpark(conn: Parked): void {
    this.#crowd.parked.delete(conn);
  }

  #add(): void {
    this.#open += 1;
    this.#crowd.open += 1;
  }

  /** Whether there is room now, if need be that of connections that rest. */
  #makeRoom(): boolean {
    for (let full = this.#full; full !== undefined; full = this.#full) {
      const oldest = this.#restingOne(full.key === "limits.per_target");
      if (!oldest) return false;
      this.#crowd.parked.delete(oldest);
      oldest.abort();
    }
    return true;
  }

  #restingOne(isHere: boolean): Parked | undefined {
    for (const [conn, place] of this.#crowd.parked) if (!isHere || place === this) return conn;
    return undefined;
  }

  /** Those who wait for another target may have their turn before, where that has room. */
  #admit(): void {
    for (const waiter of [...this.#crowd.waiting]) {
      // What makes room may let one in by itself.
      if (!this.#crowd.waiting.has(waiter) || !waiter.place.#makeRoom() || !this.#crowd.waiting.has(waiter)) continue;
      this.#crowd.waiting.delete(waiter);
      waiter.place.#add();
      waiter.admit();
    }
  }

  /** The setting that leaves no room, and what it allows. */
  get #full(): { readonly key: string; readonly most: number } | undefined {
    const { inAll, perTarget } = this.#crowd.limits();
    if (perTarget > 0 && this.#open >= perTarget) return { key: "limits.per_target", most: perTarget };
    return inAll > 0 && this.#crowd.open >= inAll ? { key: "limits.connections", most: inAll } : undefined;
  }

  #refusal(): KtError {
    const { key, most } = this.#full ?? { key: "limits.connections", most: this.#crowd.open };
    const where = key === "limits.per_target" ? ` to "${this.#name}"` : "";
    return new KtError("overloaded", `${most} connections${where} are in use, as many as ${key} allows`, {
      hints: ["try again once another has ended", "kt check (it says where the limit is set)"],
      detail: "limit-reached",
    });
  }
}

function aborted({ reason }: AbortSignal): KtError {
  return toKtError(reason, "connection-lost", "wait for a connection");
}
