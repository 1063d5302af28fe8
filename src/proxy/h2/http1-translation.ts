/** HTTP/2 requests as HTTP/1 heads, and HTTP/1 responses as HTTP/2 field lists (RFC 9113 §8). Pure. */

import { isHopField } from "#http/fields.ts";
import type { Header, RequestHead, ResponseHead } from "#wire/http-head.ts";
import type { H2Request } from "./heads.ts";

/** Methods whose requests say that they have no body, for some servers wait for one (RFC 9110 §8.6). */
const withContent = new Set(["POST", "PUT", "PATCH"]);

/** The request as an HTTP/1 client would send it; `ended`: it has no body. */
export function http1Request(request: H2Request, authority: string, ended: boolean): RequestHead {
  const chunked = !ended && request.contentLength === undefined;
  const headers = request.headers.filter(([name]) => name !== "cookie");
  const cookie = joinedCookies(request.headers);
  if (cookie !== undefined) headers.push(["cookie", cookie]);
  if (chunked) headers.push(["transfer-encoding", "chunked"]);
  else if (ended && request.contentLength === undefined && withContent.has(request.method)) headers.push(["content-length", "0"]);
  return {
    method: request.method,
    target: request.path,
    version: "1.1",
    headers,
    host: authority,
    contentLength: request.contentLength,
    chunked,
    keepAlive: true,
    upgrade: undefined,
    canonical: false,
  };
}

/** Fields that HTTP/1 alone has of a WebSocket's handshake; `te` would put a second Connection beside that of the upgrade. */
const isOfUpgrade = (lower: string): boolean => lower === "sec-websocket-key" || lower === "sec-websocket-accept" || lower === "te";

/** An extended CONNECT for a WebSocket as the upgrade of an HTTP/1 client (RFC 8441 §5). */
export function http1Upgrade(request: H2Request, authority: string, key: Header): RequestHead {
  const headers = request.headers.filter(([name]) => !isOfUpgrade(name));
  const head = http1Request({ ...request, method: "GET", headers }, authority, true);
  return { ...head, headers: [...head.headers, key], upgrade: "websocket" };
}

/** The head of an HTTP/1 backend that switched to WebSocket: HTTP/2 has no 101. */
export function openedFromHttp1(head: ResponseHead): Header[] {
  return [[":status", "200"], ...forHttp2(head.headers).filter(([name]) => !isOfUpgrade(name) && name !== "content-length")];
}

/** HTTP/2 may send each cookie in a field of its own; HTTP/1 knows one field (RFC 9113 §8.2.3). */
function joinedCookies(headers: readonly Header[]): string | undefined {
  const cookies = headers.filter(([name]) => name === "cookie").map(([, value]) => value);
  return cookies.length === 0 ? undefined : cookies.join("; ");
}

/** Whether a field says how HTTP/1 carries a message. */
const isHttp1Only = (lower: string): boolean => isHopField(lower) || lower === "transfer-encoding" || lower === "te";

/** Control characters, which HTTP/1 clients skip and HTTP/2 clients refuse. */
const control = /[\0-\x08\x0a-\x1f\x7f]/g;

function forHttp2(headers: readonly Header[]): Header[] {
  const kept: Header[] = [];
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (!isHttp1Only(lower)) kept.push([lower, value.replace(control, " ").replace(/^[ \t]+|[ \t]+$/g, "")]);
  }
  return kept;
}

/** A response's head; where its body is chunked the length is the frames'. */
export function headFromHttp1(head: ResponseHead): Header[] {
  return [[":status", String(head.status)], ...forHttp2(head.headers)];
}

export function trailersFromHttp1(trailers: readonly Header[]): Header[] {
  return forHttp2(trailers);
}
