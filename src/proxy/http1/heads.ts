/** Rewrites HTTP/1 heads for the next hop: what belongs to one connection stays there, and the backend learns of the client. Pure. */

import type { Found } from "#route/lookup.ts";
import { encodeHead, type Header, type RequestHead, type ResponseHead } from "#wire/http-head.ts";
import { lowerList } from "#wire/ows.ts";

/** Fields of one connection only (RFC 9110 §7.6.1), and those that we write ourselves. */
const requestHop = new Set(["connection", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade", "http2-settings", "host"]);
const forwarded = new Set(["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]);
const responseHop = new Set(["connection", "keep-alive", "proxy-connection", "upgrade"]);

/**
 * What a Connection field names in vain. TE stays, for trailers pass through us unchanged: what the client accepts is what it
 * gets. Without the other two the next hop would take the body for another message.
 */
const notHop = new Set(["", "close", "keep-alive", "te", "content-length", "transfer-encoding"]);

/** The names that a Connection field lists, lower case, besides those that are handled anyway. */
function listedInConnection(headers: readonly Header[]): ReadonlySet<string> | undefined {
  let listed: Set<string> | undefined;
  for (const [name, value] of headers) {
    if (name.length !== 10 || name.toLowerCase() !== "connection") continue;
    if (notHop.has(value)) continue;
    for (const token of lowerList(value)) {
      if (notHop.has(token)) continue;
      listed ??= new Set();
      listed.add(token);
    }
  }
  return listed;
}

/** An absolute-form target (RFC 9112 §3.2.2) without its scheme and authority. */
function originForm(target: string): string {
  if (target.startsWith("/") || target === "*") return target;
  const path = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/i.exec(target)?.[1] ?? target;
  return path.startsWith("/") ? path : `/${path}`;
}

export interface ClientSide {
  readonly address: string | undefined;
  readonly scheme: "http" | "https";
}

/** What the backend of a route is told of the client: nothing where the profile says so. */
export function toldOf(found: Found, client: ClientSide): ClientSide | undefined {
  return found.manner?.forwarded === false ? undefined : client;
}

/** The head as the backend gets it, with this Host. Without `client` what the client says of others goes on as it is. */
export function requestForBackend(head: RequestHead, client: ClientSide | undefined, host: string = head.host): Uint8Array {
  const listed = listedInConnection(head.headers);
  const headers: Header[] = [["Host", host]];
  const hops: string[] = [];
  for (const header of head.headers) {
    const name = header[0].toLowerCase();
    if (name === "x-forwarded-for") hops.push(header[1]);
    if (requestHop.has(name) || (client && forwarded.has(name)) || listed?.has(name)) continue;
    if (name === "te") headers.push(["Connection", "TE"]);
    headers.push(header);
  }
  if (client?.address !== undefined) hops.push(client.address);
  if (client && hops.length > 0) headers.push(["X-Forwarded-For", hops.join(", ")]);
  if (client) headers.push(["X-Forwarded-Host", head.host], ["X-Forwarded-Proto", client.scheme]);
  if (passesUpgrade(head)) headers.push(["Connection", "Upgrade"], ["Upgrade", head.upgrade]);
  else if (head.version === "1.0") headers.push(["Connection", "close"]);
  return encodeHead(`${head.method} ${originForm(head.target)} HTTP/${head.version}`, headers);
}

/** Whether the request asks for an upgrade that we pass on. HTTP/2 is not one: who speaks it says so in its first bytes. */
export function passesUpgrade(head: RequestHead): head is RequestHead & { readonly upgrade: string } {
  return head.upgrade !== undefined && head.upgrade.toLowerCase() !== "h2c";
}

/**
 * Whether a response head of `headBytes` may go to the client as it came: written as we would write it, nothing to leave out,
 * nothing to add. Most are, and need no copy.
 */
export function mayPassUnchanged(head: ResponseHead, headBytes: number, request: RequestHead, keepAlive: boolean): boolean {
  if (!keepAlive || head.mended || head.version !== "1.1" || request.version !== "1.1" || head.status < 200) return false;
  let length = "HTTP/1.1 200 \r\n\r\n".length + head.reason.length;
  for (const [name, value] of head.headers) {
    if (responseHop.has(name.toLowerCase())) return false;
    length += name.length + value.length + 4;
  }
  return length === headBytes;
}

/** The head as the client gets it. `keepAlive` says whether the client's connection goes on after this response. */
export function responseForClient(head: ResponseHead, request: RequestHead, keepAlive: boolean): Uint8Array {
  const listed = listedInConnection(head.headers);
  const headers: Header[] = [];
  for (const header of head.headers) {
    const name = header[0].toLowerCase();
    if (!responseHop.has(name) && !listed?.has(name)) headers.push(header);
  }
  if (head.status === 101) headers.push(["Connection", "Upgrade"], ["Upgrade", head.upgrade ?? request.upgrade ?? ""]);
  else if (head.status >= 200 && !keepAlive) headers.push(["Connection", "close"]);
  else if (head.status >= 200 && request.version === "1.0") headers.push(["Connection", "keep-alive"]);
  return encodeHead(`HTTP/1.1 ${head.status} ${head.reason}`, headers);
}
