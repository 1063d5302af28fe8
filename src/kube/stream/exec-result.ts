/** Collects how a command ended from its error stream and its connection, and reports it once. */

import { concatBytes } from "#base/bytes.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { parseExecEnd } from "#wire/exec.ts";
import type { ExecExit } from "#kube/objects/types.ts";
import { serverClosed } from "./session-errors.ts";

const decoder = new TextDecoder();

export class ExecResult {
  readonly #report: (exit: ExecExit) => void;
  #chunks: Uint8Array[] = [];
  #lengthBytes = 0;
  #reported = false;

  constructor(report: (exit: ExecExit) => void) {
    this.#report = report;
  }

  /** Bytes of the error stream: one JSON object, after everything else. */
  push(bytes: Uint8Array): void {
    this.#lengthBytes += bytes.length;
    if (this.#lengthBytes > sharedLimits.errorTextBytes) return;
    this.#chunks.push(bytes);
    if (bytes.at(-1) === "}".charCodeAt(0)) this.#parse(true);
  }

  /** The error stream is over. */
  ended(): void {
    if (this.#lengthBytes > 0) this.#parse(false);
  }

  connectionEnded(error: KtError | undefined): void {
    this.ended();
    this.lost(error ?? serverClosed());
  }

  lost(error: KtError): void {
    this.#say({ kind: "lost", error });
  }

  /** More may follow where it is `partial`. */
  #parse(partial: boolean): void {
    try {
      this.#say(parseExecEnd(decoder.decode(concatBytes(this.#chunks))));
    } catch (error) {
      if (!partial) this.lost(toKtError(error, "protocol", "read how a command ended"));
    }
  }

  #say(exit: ExecExit): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#report(exit);
  }
}
