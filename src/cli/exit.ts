/** What kt ends with: exit codes, and which error gives which. */

import { type ErrorCode, errorFacts } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";

export const exitCodes = { done: 0, failed: 1, usage: 2, cluster: 3, interrupted: 130 } as const;

export function exitCodeOf(error: unknown): number {
  return error instanceof KtError ? exitCodeFor(error.code) : exitCodes.failed;
}

export function exitCodeFor(code: ErrorCode): number {
  return exitCodes[errorFacts[code].exit];
}
