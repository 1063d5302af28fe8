/** Targets that no profile names and that did not exist when a client asked: the answer is kept for a moment, for some of them. */

import type { Clock } from "#base/clock.ts";
import { type ErrorCode, isAbout } from "#base/error-facts.ts";
import type { KtError } from "#base/errors.ts";
import { tunnelLimits } from "./limits.ts";

/** The cluster has nothing of the kind, and waiting does not help. */
export const isAbsent = (code: ErrorCode): boolean => isAbout(code, "absence");

interface Entry {
  readonly problem: KtError;
  readonly untilMs: number;
}

export class AbsentTargets {
  readonly #clock: Clock;
  /** By target, oldest first. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Why there is no such target, if that was found a moment ago. */
  get(key: string): KtError | undefined {
    const entry = this.#entries.get(key);
    if (!entry || this.#clock.now() < entry.untilMs) return entry?.problem;
    this.#entries.delete(key);
    return undefined;
  }

  add(key: string, problem: KtError): void {
    this.#entries.delete(key);
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size >= tunnelLimits.absentTargets) this.#entries.delete(oldest);
    this.#entries.set(key, { problem, untilMs: this.#clock.now() + tunnelLimits.absentTargetMs });
  }
}
