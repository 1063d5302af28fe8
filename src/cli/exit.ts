/** What kt ends with: exit codes, and which error gives which. */

import { type ErrorCode, KtError } from "#base/errors.ts";

export const exitCodes = { done: 0, failed: 1, usage: 2, cluster: 3, interrupted: 130 } as const;

const usageCodes: ReadonlySet<ErrorCode> = new Set([
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
]);

const clusterCodes: ReadonlySet<ErrorCode> = new Set([
  "kubeconfig-unreadable",
  "context-unknown",
  "credentials-failed",
  "unauthorized",
  "forbidden",
  "cluster-unreachable",
  "cluster-error",
  "proxy-failed",
]);

export function exitCodeOf(error: unknown): number {
  return error instanceof KtError ? exitCodeFor(error.code) : exitCodes.failed;
}

export function exitCodeFor(code: ErrorCode): number {
  if (usageCodes.has(code)) return exitCodes.usage;
  return clusterCodes.has(code) ? exitCodes.cluster : exitCodes.failed;
}
