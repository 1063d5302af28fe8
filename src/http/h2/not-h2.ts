/** The news that a backend speaks no HTTP/2, and what is remembered of it. */

import type { Clock } from "#base/clock.ts";
import { KtError, type KtErrorOptions } from "#base/errors.ts";
import { httpLimits } from "#http/limits.ts";

/** A backend that was asked for HTTP/2 answers in something else, so it has not understood a request: it may be asked in HTTP/1. */
export class NotH2Error extends KtError {
  constructor(message: string, options: KtErrorOptions = {}) {
    super("backend-invalid", message, options);
  }
}

/** What a target's backends were last heard to speak. */
type Speech = { readonly kind: "h2" } | { readonly kind: "http1"; readonly untilMs: number };

/** Remembers what backends speak, so that only the first stream to each has to ask. Shared by the connections of a front door. */
export class SpeechMemory {
  readonly #clock: Clock;
  /** By target; the longest known first. */
  readonly #byTarget = new Map<string, Speech>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** HTTP/1 is believed for a while only: another version of the program may have learned more. */
  of(target: string): "h2" | "http1" | undefined {
    const known = this.#byTarget.get(target);
    if (known?.kind !== "http1") return known?.kind;
    return this.#clock.now() < known.untilMs ? "http1" : undefined;
  }

  forget(target: string): void {
    this.#byTarget.delete(target);
  }

  note(target: string, kind: "h2" | "http1"): void {
    if (this.#byTarget.get(target)?.kind === "h2" && kind === "h2") return;
    this.#byTarget.delete(target);
    this.#byTarget.set(target, kind === "h2" ? { kind } : { kind, untilMs: this.#clock.now() + httpLimits.http1BackendMs });
    if (this.#byTarget.size <= httpLimits.knownBackends) return;
    const [oldest] = this.#byTarget.keys();
    if (oldest !== undefined) this.#byTarget.delete(oldest);
  }
}
