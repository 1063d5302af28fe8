/** How long a server asks to be left alone (RFC 9110 §10.2.3), within bounds. */

import { kubeLimits } from "#kube/limits.ts";
import { headerValue, type ResponseHead } from "#wire/http-head.ts";

/** In seconds or as a date, of an answer that says to come back; 0 where it does not say. `wallMs` is the time of day. */
export function retryAfterMs({ status, headers }: Pick<ResponseHead, "status" | "headers">, wallMs: number): number {
  const written = headerValue(headers, "retry-after")?.trim();
  if ((status !== 429 && status < 500) || written === undefined) return 0;
  if (/^\d+$/.test(written)) return bounded(Number(written) * 1000);
  return written.endsWith("GMT") ? bounded(Date.parse(written) - wallMs) : 0;
}

/** The server or its clock may be wrong: an error after a while is better than a wait without end. */
const bounded = (waitMs: number): number => (Number.isNaN(waitMs) ? 0 : Math.min(Math.max(0, waitMs), kubeLimits.retryAfterMaxMs));
