/** The health of one target: checks it while it is in use, and makes a problem of failures in a row. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import type { Semaphore } from "#base/semaphore.ts";
import type { HealthCheck, HealthStatus } from "./health-check.ts";

export interface HealthOptions {
  /** Asked for each check, since profiles change. Undefined: nothing is checked. */
  readonly check: () => HealthCheck | undefined;
  /** A connection as clients get one. Rejects with KtError. */
  readonly open: (signal: AbortSignal) => Promise<Conn>;
  /** All targets share it. */
  readonly atOnce: Semaphore;
  readonly clock: Clock;
  /** There is another status. */
  readonly onChecked: () => void;
  /** The target began to fail, or is well again. */
  readonly onTurn: (problem: KtError | undefined) => void;
}

export class Health {
  readonly #options: HealthOptions;
  /** When the next check is due; undefined until the target is in use. */
  #nextMs: number | undefined;
  #running: AbortController | undefined;
  #status: HealthStatus | undefined;
  #problem: KtError | undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Undefined before the first check. */
  get status(): HealthStatus | undefined {
    return this.#status;
  }

  /** Called about every second while the target is in use. The first check comes an interval after the first use, which says the same. */
  tick(nowMs: number): void {
    const check = this.#options.check();
    if (!check) this.forget();
    if (!check || this.#running) return;
    this.#nextMs ??= nowMs + check.intervalMs;
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + check.intervalMs;
    void this.#run(check);
  }

  /** What was found is void: the target leads to other pods, or nowhere. */
  forget(): void {
    this.#running?.abort(new KtError("shutting-down", "the check is not needed any more"));
    this.#running = undefined;
    this.#nextMs = undefined;
    this.#status = undefined;
    this.#turn(undefined);
  }

  async #run(check: HealthCheck): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    const failure = await this.#failureOf(check, running);
    if (this.#running !== running) return;
    this.#running = undefined;
    const failedInARow = failure ? (this.#status?.failedInARow ?? 0) + 1 : 0;
    this.#status = { checkedMs: this.#options.clock.wallMs(), failedInARow };
    if (!failure) this.#turn(undefined);
    else if (failedInARow >= check.failures) this.#turn(unhealthy(failedInARow, failure));
    this.#options.onChecked();
  }

  /** Undefined where the check succeeded. */
  async #failureOf(check: HealthCheck, { signal }: AbortController): Promise<KtError | undefined> {
    try {
      await this.#options.atOnce.run(signal, () => this.#probe(check, signal));
      return undefined;
    } catch (error) {
      return toKtError(error, "unhealthy", "check the target");
    }
  }

  async #probe({ timeoutMs, probe }: HealthCheck, outer: AbortSignal): Promise<void> {
    const tooLate = new AbortController();
    const cancel = this.#options.clock.after(timeoutMs, () => tooLate.abort(new KtError("unhealthy", `no answer within ${timeoutMs} ms`)));
    const signal = AbortSignal.any([outer, tooLate.signal]);
    try {
      await probe(await this.#options.open(signal), signal);
    } finally {
      cancel();
    }
  }

  #turn(problem: KtError | undefined): void {
    const isTurn = (this.#problem === undefined) !== (problem === undefined);
    this.#problem = problem;
    if (isTurn) this.#options.onTurn(problem);
  }
}

function unhealthy(failures: number, { message, hints }: KtError): KtError {
  const count = failures === 1 ? "a health check" : `${failures} health checks in a row`;
  return new KtError("unhealthy", `${count} failed: ${message}`, { hints });
}
