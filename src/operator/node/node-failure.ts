/** Why an EdgeNode is not as wanted: an error with the word that its conditions and events have for it. */

import type { ErrorCode } from "#base/error-facts.ts";
import { KtError, toKtError } from "#base/errors.ts";

export class NodeFailure extends KtError {
  readonly reason: string;

  constructor(reason: string, { code, message, hints }: Pick<KtError, "code" | "message" | "hints">, cause?: unknown) {
    super(code, message, { hints, cause });
    this.reason = reason;
  }
}

/** Rejects with NodeFailure alone; one that is one already keeps its reason. */
export async function orFail<Value>(reason: string, what: string, run: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof NodeFailure ? error : new NodeFailure(reason, toKtError(error, "cluster-error", what), error);
  }
}

/** What keeps kt from even beginning at a host. */
const reasons: Partial<Record<ErrorCode, string>> = {
  "ssh-credentials": "SecretError",
  "ssh-unreachable": "SSHConnectionFailed",
  "ssh-host-key": "SSHConnectionFailed",
  "ssh-login": "SSHConnectionFailed",
  "ssh-no-root": "SSHConnectionFailed",
};

/** For what went wrong at a host. */
export function hostFailure(error: unknown): NodeFailure {
  if (error instanceof NodeFailure) return error;
  const problem = toKtError(error, "ssh-failed", "set the host up");
  return new NodeFailure(reasons[problem.code] ?? "ProvisioningFailed", problem, error);
}
