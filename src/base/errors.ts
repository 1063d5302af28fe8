/** KtError, and the assertion for states that cannot be. */

import { cut } from "./cut.ts";
import type { ErrorCode } from "./error-facts.ts";
import { sharedLimits } from "./limits.ts";
import { maskSecrets } from "./mask.ts";

/** What the code leaves open, for those who act on an error instead of showing it: nothing is read out of its message. */
export type ErrorDetail =
  /** A pod's node, or a process in it, said so itself: no session was lost. */
  | "said-by-pod"
  /** None of the files is there. */
  | "no-kubeconfig"
  /** No context was asked for, and the kubeconfig names none. */
  | "no-current-context"
  /** The pod lacks nothing but readiness: it would accept a connection. */
  | "running-not-ready"
  /** The pod has ended, or its container: where nothing starts another, for good. */
  | "pod-ended"
  /** The backend uses a different protocol than its route says: only the profile can change that. */
  | "other-protocol"
  /** As many connections are in use as the profile allows: another may end at any time. */
  | "limit-reached";

export interface KtErrorOptions {
  /** Commands to paste or sentences to act on, most useful first. */
  readonly hints?: readonly string[];
  readonly cause?: unknown;
  readonly detail?: ErrorDetail | undefined;
  /** Ports that could be meant, where none was found by what was asked for. */
  readonly ports?: readonly number[] | undefined;
}

/**
 * An error meant for people. `message` is lower case without a full stop, says what was being done and quotes the user's or
 * the peer's own words.
 */
export class KtError extends Error {
  override readonly name = "KtError";
  readonly code: ErrorCode;
  readonly hints: readonly string[];
  readonly detail: ErrorDetail | undefined;
  readonly ports: readonly number[];

  constructor(code: ErrorCode, message: string, options: KtErrorOptions = {}) {
    super(shown(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hints = (options.hints ?? []).map(shown);
    this.detail = options.detail;
    this.ports = options.ports ?? [];
  }
}

/** The same error for those who know better what to do about it. */
export function withHints(error: KtError, hints: readonly string[]): KtError {
  return new KtError(error.code, error.message, { hints, cause: error, detail: error.detail, ports: error.ports });
}

/** Errors stand on pages, in logs and on terminals, and hold what others said: nothing in them may be a secret, nor endless. */
function shown(text: string): string {
  return maskSecrets(cut(text, sharedLimits.errorMessageChars));
}

/** Turns anything thrown into a KtError; what is not one already becomes `code` with the original as its cause. */
export function toKtError(thrown: unknown, code: ErrorCode, doing: string): KtError {
  if (thrown instanceof KtError) return thrown;
  return new KtError(code, `${doing}: ${messageOf(thrown)}`, { cause: thrown });
}

/** What anything thrown says. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** For states that the types rule out: a failure here is a bug in kt. */
export function unreachable(value: never): never {
  throw new KtError("internal", `internal error: unexpected ${JSON.stringify(value)}`);
}

/** Throws an internal error unless `condition` holds: a failure here is a bug in kt, never bad input. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new KtError("internal", `internal error: ${what}`);
}
