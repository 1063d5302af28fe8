/** The time-outs of one request: which of them run depends on how far the request and its response have come. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";

/** As [timeouts] of a profile has them; 0 is none. */
export interface RequestTimeouts {
  readonly readMs: number;
  readonly headerMs: number;
  readonly writeMs: number;
  readonly grpcMs: number;
}

type Cancel = () => void;

export class RequestTimer {
  readonly #timeouts: RequestTimeouts;
  readonly #clock: Pick<Clock, "after">;
  readonly #onLate: (error: KtError) => void;
  readonly #isGrpc: boolean;
  /** While the request is being received, or of a whole gRPC call. */
  #cancelRequest: Cancel | undefined;
  /** While its response is being waited for, then while it is being sent. */
  #cancelResponse: Cancel | undefined;

  constructor(timeouts: RequestTimeouts, clock: Pick<Clock, "after">, isGrpc: boolean, onLate: (error: KtError) => void) {
    this.#timeouts = timeouts;
    this.#clock = clock;
    this.#isGrpc = isGrpc;
    this.#onLate = onLate;
  }

  /** The head is there; `isWhole` where no body follows. */
  begin(isWhole: boolean): void {
    const { grpcMs, readMs } = this.#timeouts;
    if (this.#isGrpc) this.#cancelRequest = this.#after(grpcMs, () => tooSlow("answer-timeout", "the call did not end", "grpc", grpcMs));
    else if (!isWhole)
      this.#cancelRequest = this.#after(readMs, () =>
        tooSlow("request-timeout", "the client did not send its whole request", "read", readMs),
      );
  }

  /** The whole request is there. */
  received(): void {
    if (!this.#isGrpc) this.#cancelRequest?.();
  }

  /** A pod has the whole request; `pod` where its name is known. */
  sent(pod: string | undefined): void {
    const { headerMs } = this.#timeouts;
    const who = pod === undefined ? "the pod" : `pod "${pod}"`;
    this.#response(headerMs, () => tooSlow("answer-timeout", `${who} did not begin to answer`, "header", headerMs));
  }

  /** The request is sent again: no pod has it. */
  rewound(): void {
    this.#cancelResponse?.();
  }

  /** The head of the response is there. */
  answered(): void {
    const { writeMs } = this.#timeouts;
    this.#response(writeMs, () => tooSlow("answer-timeout", "the response did not end", "write", writeMs));
  }

  end(): void {
    this.#cancelRequest?.();
    this.#cancelResponse?.();
  }

  #response(delayMs: number, error: () => KtError): void {
    this.#cancelResponse?.();
    this.#cancelResponse = this.#isGrpc ? undefined : this.#after(delayMs, error);
  }

  #after(delayMs: number, error: () => KtError): Cancel | undefined {
    return delayMs === 0 ? undefined : this.#clock.after(delayMs, () => this.#onLate(error()));
  }
}

function tooSlow(code: "request-timeout" | "answer-timeout", what: string, key: string, ms: number): KtError {
  const time = ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
  return new KtError(code, `${what} within ${time}, as timeouts.${key} has it`, {
    hints: ["kt check (it says where the time-out is set)"],
  });
}
