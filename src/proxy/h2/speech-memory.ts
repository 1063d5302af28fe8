/** What backends were last found to speak. */

import type { Clock } from "#base/clock.ts";
import { proxyLimits } from "#proxy/limits.ts";

type Speech = { readonly kind: "h2" } | { readonly kind: "http1"; readonly untilMs: number };

/** Remembers what backends speak, so that only the first stream to each has to ask. Shared by the connections of a front door. */
export class SpeechMemory {
  readonly #clock: Clock;
  /** By target; the longest known first. */
  readonly #byTarget = new Map<string, Speech>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** HTTP/1 is believed for a while only: a new version of the backend may speak HTTP/2. */
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
    this.#byTarget.set(target, kind === "h2" ? { kind } : { kind, untilMs: this.#clock.now() + proxyLimits.http1BackendMs });
    if (this.#byTarget.size <= proxyLimits.knownBackends) return;
    const [oldest] = this.#byTarget.keys();
    if (oldest !== undefined) this.#byTarget.delete(oldest);
  }
}
