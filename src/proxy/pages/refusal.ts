/** What a refused client reads: status, headers and a page in the form it asked for, with the reason and what to do. */

import { type ErrorFacts, errorFacts, grpcStatuses, mayCome } from "#base/error-facts.ts";
import type { KtError } from "#base/errors.ts";
import { printable, printableJson, printableLines } from "#base/printable.ts";
import { errorPage } from "./error-page.ts";

type HttpStatus = ErrorFacts["http"];

export interface Wants {
  /** The request's Accept header. */
  readonly accept: string | undefined;
  /** True for a gRPC request: the answer is a trailers-only response. */
  readonly grpc: boolean;
  readonly host: string | undefined;
  /** A browser that shows the answer and may ask again by itself. */
  readonly navigates?: boolean;
}

/** One of kt's own answers. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

const titles: Readonly<Record<HttpStatus, string>> = {
  400: "Bad request",
  401: "Not signed in",
  403: "Refused",
  404: "No such route",
  408: "Request too slow",
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
export const ownHeaders: Answer["headers"] = [
  ["Cache-Control", "no-store"],
  ["X-Content-Type-Options", "nosniff"],
  ["Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"],
  ["Referrer-Policy", "no-referrer"],
];

export type AnswerForm = "html" | "json" | "text";

const contentTypes: Readonly<Record<AnswerForm, string>> = {
  html: "text/html; charset=utf-8",
  json: "application/json",
  text: "text/plain; charset=utf-8",
};

/** What a client wants to read: browsers pages, programs that say so JSON, others text. */
export function formOf(accept = ""): AnswerForm {
  if (/\btext\/html\b/i.test(accept)) return "html";
  return /\bapplication\/([a-z0-9.-]+\+)?json\b/i.test(accept) ? "json" : "text";
}

export function ownAnswer(status: number, form: AnswerForm, text: string, more: Answer["headers"] = []): Answer {
  const body = encoder.encode(text);
  return {
    status,
    headers: [["Content-Type", contentTypes[form]], ["Content-Length", String(body.length)], ...ownHeaders, ...more],
    body,
  };
}

/** Of the page that says so. */
export function statusOf({ code }: KtError): HttpStatus {
  return errorFacts[code].http;
}

export function refusalFor(error: KtError, wants: Wants): Answer {
  if (wants.grpc) return grpcRefusal(error);
  const status = statusOf(error);
  const form = formOf(wants.accept);
  const later = status === 503 || status === 429 ? ([["Retry-After", String(retryAfterSeconds)]] as const) : [];
  return ownAnswer(status, form, render(error, status, form, wants), [["X-Kt-Error", error.code], ...later]);
}

function grpcRefusal(error: KtError): Answer {
  return {
    status: 200,
    headers: [
      ["Content-Type", "application/grpc"],
      ...ownHeaders,
      ["Grpc-Status", String(grpcStatuses[errorFacts[error.code].grpc])],
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

/** How often a browser that waits for a pod looks again. */
const awaitedSeconds = 3;

function render(error: KtError, status: HttpStatus, form: AnswerForm, wants: Wants): string {
  const { code, message, hints } = error;
  if (form === "html") {
    const refreshSeconds = wants.navigates === true && mayCome(code) ? awaitedSeconds : undefined;
    return errorPage(error, { title: titles[status], status, host: wants.host, refreshSeconds });
  }
  if (form === "json") return `${printableJson({ error: { code, message, hints, host: wants.host } })}\n`;
  const lines = hints.map((hint) => `kt: hint: ${printable(hint)}\n`).join("");
  return `kt: error: ${printableLines(message).join("\n    │ ")}\n${lines}`;
}
