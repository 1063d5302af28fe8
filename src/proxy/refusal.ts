/** What a refused client reads: status, headers and a page in the form it asked for, with the reason and what to do. */

import type { ErrorCode, KtError } from "#base/errors.ts";
import { printable, printableJson, printableLines } from "#base/printable.ts";

export interface Wants {
  /** The request's Accept header. */
  readonly accept: string | undefined;
  /** True for a gRPC request: the answer is a trailers-only response. */
  readonly grpc: boolean;
  readonly host: string | undefined;
}

export interface Refusal {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** Every code that is not listed is a failure of the backend or of the way to it: 502. */
const statusByCode: Partial<Record<ErrorCode, number>> = {
  "host-unknown": 404,
  "host-ambiguous": 404,
  "host-missing": 400,
  "name-refused": 403,
  "origin-refused": 403,
  "too-many-names": 429,
  "request-invalid": 400,
  "plain-http": 400,
  "request-too-large": 431,
  misdirected: 421,
  "no-ready-pod": 503,
  overloaded: 503,
  "shutting-down": 503,
  "start-timeout": 504,
  "target-unreachable": 504,
  internal: 500,
};

/** gRPC status codes (grpc/grpc doc/statuscodes.md). Every code that is not listed is UNAVAILABLE (14), which clients may retry. */
const grpcByCode: Partial<Record<ErrorCode, number>> = {
  "host-unknown": 5,
  "host-ambiguous": 3,
  "host-missing": 3,
  "request-invalid": 3,
  "plain-http": 9,
  "name-refused": 7,
  "origin-refused": 7,
  "too-many-names": 8,
  "service-not-found": 5,
  "workload-not-found": 5,
  "pod-not-found": 5,
  "port-not-found": 5,
  "container-not-found": 5,
  "target-not-found": 5,
  "service-external": 12,
  forbidden: 7,
  unauthorized: 16,
  "credentials-failed": 16,
  "start-timeout": 4,
  internal: 13,
};

const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  403: "Refused",
  404: "No such route",
  421: "Misdirected request",
  429: "Too many names",
  431: "Request too large",
  500: "Internal error",
  502: "Cannot reach the service",
  503: "Not ready",
  504: "No answer in time",
};

/** Seconds after which a client may try again when nothing is ready. */
const retryAfterSeconds = 1;

const encoder = new TextEncoder();

/** No page makes more of kt's own answers than what they are: no script, no frame around them, no copy, no trace elsewhere. */
export const ownHeaders: Refusal["headers"] = [
  ["Cache-Control", "no-store"],
  ["X-Content-Type-Options", "nosniff"],
  ["Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"],
  ["Referrer-Policy", "no-referrer"],
];

export function refusalFor(error: KtError, wants: Wants): Refusal {
  if (wants.grpc) return grpcRefusal(error);
  const status = statusByCode[error.code] ?? 502;
  const [contentType, text] = render(error, status, wants);
  const body = encoder.encode(text);
  return {
    status,
    headers: [
      ["Content-Type", contentType],
      ["Content-Length", String(body.length)],
      ...ownHeaders,
      ["X-Kt-Error", error.code],
      ...(status === 503 || status === 429 ? ([["Retry-After", String(retryAfterSeconds)]] as const) : []),
    ],
    body,
  };
}

function grpcRefusal(error: KtError): Refusal {
  return {
    status: 200,
    headers: [
      ["Content-Type", "application/grpc"],
      ...ownHeaders,
      ["Grpc-Status", String(grpcByCode[error.code] ?? 14)],
      ["Grpc-Message", encodeGrpcMessage(error.message)],
    ],
    body: new Uint8Array(0),
  };
}

/** Percent-encodes all but printable ASCII and the percent sign (gRPC over HTTP/2, Status-Message). */
function encodeGrpcMessage(message: string): string {
  let encoded = "";
  for (const byte of encoder.encode(message)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

function render(error: KtError, status: number, wants: Wants): [contentType: string, text: string] {
  const accept = wants.accept ?? "";
  if (/\btext\/html\b/i.test(accept)) return ["text/html; charset=utf-8", page(error, status, wants.host)];
  if (/\bapplication\/([a-z0-9.-]+\+)?json\b/i.test(accept)) {
    const { code, message, hints } = error;
    return ["application/json", `${printableJson({ error: { code, message, hints, host: wants.host } })}\n`];
  }
  const hints = error.hints.map((hint) => `kt: hint: ${printable(hint)}\n`).join("");
  return ["text/plain; charset=utf-8", `kt: error: ${printableLines(error.message).join("\n    │ ")}\n${hints}`];
}

function page(error: KtError, status: number, host: string | undefined): string {
  const title = titles[status] ?? "Error";
  const hints = error.hints.map((hint) => `<li>${escapeHtml(hint)}</li>`).join("");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}${host === undefined ? "" : ` · ${escapeHtml(host)}`}</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 42rem; margin: 12vh auto; padding: 0 1.5rem; }
  h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
  .host { opacity: .65; margin: 0 0 1.5rem; }
  .reason { padding: 1rem; border-radius: .5rem; background: color-mix(in srgb, currentColor 8%, transparent); overflow-wrap: anywhere; }
  footer { margin-top: 2rem; opacity: .65; font-size: .875rem; }
</style>
<h1>${escapeHtml(title)}</h1>
<p class="host">${host === undefined ? "" : escapeHtml(host)}</p>
<p class="reason">${escapeHtml(error.message)}</p>
${hints === "" ? "" : `<ul>${hints}</ul>`}
<footer>kt · ${status} · ${error.code}</footer>
</html>
`;
}

function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
