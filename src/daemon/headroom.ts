/** Keeps some descriptors free: the connection too many is refused with a reason, before the process has none left to give one with. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { daemonLimits } from "./limits.ts";
import { descriptorLimit, openDescriptors } from "#native/descriptors.ts";
import { type Problem, type Report, toProblem } from "#observe/events.ts";

export interface HeadroomOptions {
  /** The most that this process may have open. */
  readonly limit: number;
  readonly openNow: () => number;
  readonly clock: Clock;
  readonly report: Report;
}

/** A connection is the client's socket and the one to the cluster. */
const perConnection = 2;

export class Headroom {
  readonly #options: HeadroomOptions;
  readonly #reserve: number;
  /** How many may be opened before the system is asked again. */
  #left = 0;
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** Connections to the cluster that are being opened: their descriptors count as used. */
  #opening = 0;
  /** Since the first refusal of a run of them. */
  #burst: { refused: number; readonly problem: Problem & { readonly sinceMs: number } } | undefined;
  #cancelQuiet = (): void => {};

  constructor(options: HeadroomOptions) {
    this.#options = options;
    this.#reserve = Math.min(daemonLimits.reservedDescriptors, Math.ceil(options.limit / 4));
  }

  /** Why connections are refused, while they are. */
  get problem(): (Problem & { readonly sinceMs: number }) | undefined {
    return this.#burst?.problem;
  }

  /** Why a client that has just come cannot be served; undefined when it can. */
  refusal(): KtError | undefined {
    const needed = perConnection + this.#reserve;
    if (this.#left < needed || this.#isOld()) this.#look();
    if (this.#left < needed) return this.#refused();
    this.#left -= perConnection;
    return undefined;
  }

  /** Runs what opens a connection to the cluster. Rejects with KtError `overloaded` where no descriptor is left for it. */
  async opening<T>(open: () => Promise<T>): Promise<T> {
    // Of what is kept from new clients, those that were let in may use most.
    const isTight = this.#left < perConnection + this.#reserve && this.#options.limit - this.#options.openNow() < this.#reserve / 4;
    if (isTight) throw this.#refused();
    this.#opening += 1;
    try {
      return await open();
    } finally {
      this.#opening -= 1;
    }
  }

  close(): void {
    this.#cancelQuiet();
  }

  #isOld(): boolean {
    return this.#options.clock.now() - this.#lookedMs > daemonLimits.descriptorLookMs;
  }

  /** Some that are being opened are counted twice, for a moment: rather one too few. */
  #look(): void {
    this.#left = this.#options.limit - this.#options.openNow() - this.#opening;
    this.#lookedMs = this.#options.clock.now();
  }

  #refused(): KtError {
    const { limit, clock, report } = this.#options;
    const error = new KtError("overloaded", `no more connections are accepted: the limit of ${limit} open files and sockets is near`, {
      hints: ["ulimit -n (in the shell that starts the hub, or LimitNOFILE of its service): raise it, then start the hub again"],
    });
    if (!this.#burst) {
      this.#burst = { refused: 0, problem: { ...toProblem(error), sinceMs: clock.wallMs() } };
      report({ type: "overload", refused: 0, problem: this.#burst.problem });
    }
    this.#burst.refused += 1;
    this.#cancelQuiet();
    this.#cancelQuiet = clock.after(daemonLimits.overloadQuietMs, () => this.#calm());
    return error;
  }

  #calm(): void {
    if (this.#burst) this.#options.report({ type: "overload", refused: this.#burst.refused, problem: undefined });
    this.#burst = undefined;
  }
}

/** Of this process. */
export function ownHeadroom(clock: Clock, report: Report): Headroom {
  return new Headroom({ limit: descriptorLimit(), openNow: openDescriptors, clock, report });
}
