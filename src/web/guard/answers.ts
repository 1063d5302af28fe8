/** Answers of the hub's own pages: their headers, and the form of what goes wrong. Pure. */

import type { ErrorCode } from "#base/error-facts.ts";
import { printable, printableJson } from "#base/printable.ts";
import type { ServerAnswer } from "#http/server.ts";

type WholeAnswer = Extract<ServerAnswer, { kind: "whole" }>;
export type Headers = WholeAnswer["headers"];

/** No other page reads, frames or adds to what stands here, and no text becomes markup or script (Trusted Types). */
export const securityHeaders: Headers = [
  ["X-Content-Type-Options", "nosniff"],
  [
    "Content-Security-Policy",
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  ],
  ["Referrer-Policy", "no-referrer"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Cross-Origin-Opener-Policy", "same-origin"],
];

/** What is so at the moment, which no cache keeps. */
export const guardedHeaders: Headers = [["Cache-Control", "no-store"], ...securityHeaders];

const encoder = new TextEncoder();

export function textAnswer(text: string, contentType = "text/plain; charset=utf-8", status = 200, more: Headers = []): WholeAnswer {
  return { kind: "whole", status, headers: [["Content-Type", contentType], ...guardedHeaders, ...more], body: encoder.encode(text) };
}

export function jsonAnswer(value: unknown, status = 200, more: Headers = []): WholeAnswer {
  return textAnswer(`${printableJson(value)}\n`, "application/json", status, more);
}

/** Why a request gets nothing else. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 415 | 421 | 429 | 500 | 502 | 503 | 504;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hints?: readonly string[];
  readonly headers?: Headers;
}

/** Programs read JSON; what was asked for as text is answered as text. */
export function refusalAnswer({ status, code, message, hints = [], headers = [] }: Refusal, accept = ""): WholeAnswer {
  const more: Headers = [["X-Kt-Error", code], ...headers];
  if (/\bapplication\/([a-z0-9.-]+\+)?json\b/i.test(accept)) return jsonAnswer({ error: { code, message, hints } }, status, more);
  const lines = [`kt: error: ${printable(message)}`, ...hints.map((hint) => `kt: hint: ${printable(hint)}`)];
  return textAnswer(`${lines.join("\n")}\n`, undefined, status, more);
}
