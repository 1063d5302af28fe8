/**
 * What a backend has been seen to do with its connections between two requests, and so which of them another request may use. Pure.
 *
 * A pod's end reaches us late: container runtimes hold it back for a second. Until then a connection that the pod has closed
 * looks like any other. A request that may be sent twice is sent again when it was lost on one; any other must not be lost, so
 * it uses only what such backends are known to keep.
 */

import { proxyLimits } from "#proxy/limits.ts";

/** A connection between two requests. */
export interface Pause {
  /** How many requests it has answered. */
  readonly answers: number;
  /** How long ago the latest answer ended. */
  readonly idleMs: number;
}

export class KeepAlive {
  /** A connection went on after this many answers, */
  #provenAnswers = 0;
  /** and one after this long a pause. */
  #provenIdleMs = 0;
  /** A connection was closed after so many answers without a pause, as far as can be told; */
  #closesAfterAnswers = Number.POSITIVE_INFINITY;
  /** and one after so long a pause. */
  #closesAfterIdleMs = Number.POSITIVE_INFINITY;

  /** It gave another answer after the pause. */
  answeredAgain({ answers, idleMs }: Pause): void {
    this.#provenAnswers = Math.max(this.#provenAnswers, answers);
    this.#provenIdleMs = Math.max(this.#provenIdleMs, idleMs);
    if (answers >= this.#closesAfterAnswers) this.#closesAfterAnswers = Number.POSITIVE_INFINITY;
    if (idleMs >= this.#closesAfterIdleMs) this.#closesAfterIdleMs = Number.POSITIVE_INFINITY;
  }

  /** It is open as far as we know, and so it was when the news of its end would have left the pod. */
  stillOpen({ answers, idleMs }: Pause): void {
    if (idleMs > proxyLimits.lateEndMs) this.answeredAgain({ answers, idleMs: idleMs - proxyLimits.lateEndMs });
  }

  /** The pod closed it. What has been seen to go on before must be seen again, and counts for nothing the second time. */
  closed({ answers, idleMs }: Pause): void {
    const keptMs = Math.max(0, idleMs - proxyLimits.lateEndMs);
    this.#provenIdleMs = Math.min(this.#provenIdleMs, keptMs);
    if (keptMs > 0) this.#closesAfterIdleMs = Math.min(this.#closesAfterIdleMs, keptMs);
    else if (answers <= this.#provenAnswers) this.#provenAnswers = answers - 1;
    else this.#closesAfterAnswers = Math.min(this.#closesAfterAnswers, answers);
  }

  /** Whether a request may use it. `repeatable`: it can be sent again when it is lost. */
  mayUse({ answers, idleMs }: Pause, repeatable: boolean): boolean {
    if (answers === 0) return repeatable || idleMs < proxyLimits.parkedLinkForUnsafeMs;
    if (answers >= this.#closesAfterAnswers || idleMs >= this.#closesAfterIdleMs) return false;
    if (repeatable) return true;
    // Half of what is known leaves room for the way to the pod.
    const counts = this.#provenAnswers < proxyLimits.keepAliveProvenAnswers;
    return (!counts || answers <= this.#provenAnswers) && idleMs * 2 <= this.#provenIdleMs && idleMs < proxyLimits.parkedLinkForUnsafeMs;
  }
}
