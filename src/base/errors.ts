/** KtError, the union of its codes, and the assertion for states that cannot be. */

import { limits } from "./limits.ts";
import { maskSecrets } from "./mask.ts";

/** Every code that a user, a page or a JSON reader can meet. Documented in docs/troubleshooting.md; a test compares the two lists. */
export const errorCodes = [
  // The command line and the profile.
  "usage",
  "profile-not-found",
  "profile-unreadable",
  "profile-unwritable",
  "profile-syntax",
  "profile-invalid",
  "profile-variable",
  "profile-cycle",
  "profile-exists",
  "profile-not-allowed",
  "route-unknown",
  "route-conflict",
  // The cluster and the credentials for it.
  "kubeconfig-unreadable",
  "context-unknown",
  "credentials-failed",
  "unauthorized",
  "forbidden",
  "cluster-unreachable",
  "cluster-error",
  "proxy-failed",
  // What is behind a route.
  "service-not-found",
  "service-external",
  "workload-not-found",
  "pod-not-found",
  "container-not-found",
  "port-not-found",
  "no-ready-pod",
  "jump-pod-failed",
  "port-refused",
  "jump-no-tool",
  "target-not-found",
  "target-refused",
  "target-unreachable",
  "backend-invalid",
  "backend-tls",
  "connection-lost",
  "start-timeout",
  "overloaded",
  // What a client sent to the front door.
  "host-missing",
  "host-unknown",
  "host-ambiguous",
  "name-refused",
  "too-many-names",
  "origin-refused",
  "request-invalid",
  "plain-http",
  "request-too-large",
  "misdirected",
  // The hub and the machine.
  "hub-unreachable",
  "hub-failed",
  "port-taken",
  "listen-failed",
  "browser-missing",
  "file-unwritable",
  "service-unavailable",
  "service-failed",
  "protocol",
  "shutting-down",
  "internal",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface KtErrorOptions {
  /** Commands to paste or sentences to act on, most useful first. */
  readonly hints?: readonly string[];
  readonly cause?: unknown;
}

/**
 * An error meant for people. `message` is lower case without a full stop, says what was being done and quotes the user's or
 * the far end's own words.
 */
export class KtError extends Error {
  override readonly name = "KtError";
  readonly code: ErrorCode;
  readonly hints: readonly string[];

  constructor(code: ErrorCode, message: string, options: KtErrorOptions = {}) {
    super(shown(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hints = (options.hints ?? []).map(shown);
  }
}

/** Errors stand on pages, in logs and on terminals, and hold what others said: nothing in them may be a secret, nor endless. */
function shown(text: string): string {
  return maskSecrets(text.length > limits.errorMessageChars ? `${text.slice(0, limits.errorMessageChars)}…` : text);
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
