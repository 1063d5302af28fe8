/** What the operating system says went wrong: its code, and plain words for it. */

import { messageOf } from "./errors.ts";

/** Plain words for the system's error codes that people meet. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by the peer",
  EPIPE: "connection closed by the peer",
  ETIMEDOUT: "timed out",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "network unreachable",
  ENOTFOUND: "no such host name",
  EAI_AGAIN: "the host name cannot be resolved now",
};

/** The plain words for a system error. */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  const text = messageOf(error);
  return (code === undefined ? undefined : reasons[code]) ?? text;
}

/** The `code` of a system error such as ECONNREFUSED. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
