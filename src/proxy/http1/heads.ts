/** Rewrites HTTP/1 heads for the next hop: what belongs to one connection stays there, and the backend learns of the client. Pure. */

import { isFirstHopField, isForwardedField, isHopField } from "#http/fields.ts";
import type { Found } from "#route/lookup.ts";
import { encodeHead, type Header, type RequestHead, type ResponseHead } from "#wire/http-head.ts";
import { lowerList } from "#wire/ows.ts";

/**
 * What a Connection field names in vain. TE stays, for trailers pass through us unchanged: what the client accepts is what it
 * gets. Without the other two the next hop would take the body for another message.
 */
const notHop = new Set(["", "close", "keep-alive", "te", "content-length", "transfer-encoding"]);

/** The names that a Connection field lists, lower case, besides those that are handled anyway. */
function listedInConnection(headers: readonly Header[]): ReadonlySet<string> | undefined {
  let listed: Set<string> | undefined;
  for (const header of headers) {
    if (header[0].length !== 10 || header[0].toLowerCase() !== "connection") continue;
    const value = header[1];
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

/** What the backend of a route learns about the client: nothing where the profile says so. */
export function toldOf<T>(found: Found, client: T): T | undefined {
  return found.manner?.forwarded === false ? undefined : client;
}

const endOfHead = Buffer.from("\r\n", "latin1");

/** What backends learn about one client. What follows a head that passes unchanged is encoded once per host. */
export class ForwardedFields {
  readonly client: ClientSide;
  #host = "";
  #end: Uint8Array = endOfHead;

  constructor(client: ClientSide) {
    this.client = client;
  }

  /** The fields behind those of the client, and the empty line. */
  endOfHead(host: string): Uint8Array {
    if (host !== this.#host) {
      this.#host = host;
      const { address, scheme } = this.client;
      const hop = address === undefined ? "" : `X-Forwarded-For: ${address}\r\n`;
      this.#end = Buffer.from(`${hop}X-Forwarded-Host: ${host}\r\nX-Forwarded-Proto: ${scheme}\r\n\r\n`, "latin1");
    }
    return this.#end;
  }
}

/**
 * The head as the backend of the route gets it, where it may go on as it came but for fields that are added: most may, and are
 * copied without being written anew. `headBytes` is the head as it came.
 */
export function requestUnchanged(head: RequestHead, headBytes: Uint8Array, client: ForwardedFields | undefined): Uint8Array | undefined {
  if (!head.canonical || head.version !== "1.1" || !head.target.startsWith("/")) return undefined;
  for (const header of head.headers) {
    const name = header[0];
    if (isHopField(name) || isFirstHopField(name) || name.length === teLength || (client && isForwardedField(name))) return undefined;
  }
  const end = client?.endOfHead(head.host) ?? endOfHead;
  const keptBytes = headBytes.length - endOfHead.length;
  const written = new Uint8Array(keptBytes + end.length);
  written.set(headBytes);
  written.set(end, keptBytes);
  return written;
}

const teLength = 2;

/** The head as the backend gets it, with this Host. Without `client` what the client says of others goes on as it is. */
export function requestForBackend(head: RequestHead, client: ClientSide | undefined, host: string = head.host): Uint8Array {
  const listed = listedInConnection(head.headers);
  const headers: Header[] = [["Host", host]];
  const hops: string[] = [];
  for (const header of head.headers) {
    const name = header[0].toLowerCase();
    if (name === "x-forwarded-for") hops.push(header[1]);
    if (name === "host" || isHopField(name) || isFirstHopField(name) || (client && isForwardedField(name)) || listed?.has(name)) continue;
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
 * Whether a response head may go to the client as it came: written as we would write it, nothing to leave out, nothing to add.
 * Most are, and need no copy.
 */
export function mayPassUnchanged(head: ResponseHead, request: RequestHead, keepAlive: boolean): boolean {
  if (!keepAlive || !head.canonical || request.version !== "1.1" || head.status < 200) return false;
  for (const header of head.headers) if (isHopField(header[0])) return false;
  return true;
}

/** The head as the client gets it. `keepAlive` says whether the client's connection goes on after this response. */
export function responseForClient(head: ResponseHead, request: RequestHead, keepAlive: boolean): Uint8Array {
  const listed = listedInConnection(head.headers);
  const headers: Header[] = [];
  for (const header of head.headers) {
    if (!isHopField(header[0]) && !listed?.has(header[0].toLowerCase())) headers.push(header);
  }
  if (head.status === 101) headers.push(["Connection", "Upgrade"], ["Upgrade", head.upgrade ?? request.upgrade ?? ""]);
  else if (head.status >= 200 && !keepAlive) headers.push(["Connection", "close"]);
  else if (head.status >= 200 && request.version === "1.0") headers.push(["Connection", "keep-alive"]);
  return encodeHead(`HTTP/1.1 ${head.status} ${head.reason}`, headers);
}
