/** HTTP/2 field lists: which are well formed (RFC 9113 §8), and what of them goes on to the next hop. Pure. */

import { cut } from "#base/cut.ts";
import { KtError } from "#base/errors.ts";
import { isFirstHopField, isForwardedField, isHopField } from "#http/fields.ts";
import type { Header } from "#wire/http-head.ts";
import type { ClientSide } from "#proxy/http1/heads.ts";

export interface H2Request {
  readonly method: string;
  /** What a CONNECT asks for instead of a tunnel to any address (RFC 8441 §4): mostly `websocket`. */
  readonly protocol: string | undefined;
  readonly path: string;
  /** :authority, else Host, as sent; undefined without either. */
  readonly authority: string | undefined;
  /** The fields without pseudo-fields and Host. */
  readonly headers: readonly Header[];
  readonly contentLength: number | undefined;
  readonly accept: string | undefined;
  readonly grpc: boolean;
}

const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Control characters, and blanks around the value (RFC 9113 §8.2.1): the next hop may be one that ends a line there. */
const badValue = /[\0-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/;
const blankOrControl = /[\0-\x20\x7f]/;
const methodToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const schemeToken = /^[A-Za-z][A-Za-z0-9+.-]*$/;
const lengthDigits = /^[0-9]{1,15}$/;
/** What a trailer must not say any more: how long the message is, and where it goes (RFC 9110 §6.5.1). */
const headOnly = new Set(["content-length", "host"]);
/** Blanks, and what begins another part of a URL: a name and password, which HTTP/2 forbids here, a path, a query, a fragment. */
const notInAuthority = /[ \t@/?#\\]/;
/** Not gRPC-Web, which is made for HTTP/1 and has its status elsewhere. */
const grpcType = /^application\/grpc(?:$|[+; ])/i;
const requestPseudo = new Set([":method", ":scheme", ":path", ":authority", ":protocol"]);

interface Split {
  readonly pseudo: ReadonlyMap<string, string>;
  readonly fields: readonly Header[];
  readonly contentLength: number | undefined;
}

const quote = (text: string): string => JSON.stringify(cut(text, 80));

function malformed(what: string): KtError {
  return new KtError("request-invalid", `reading HTTP/2 headers: ${what}`);
}

/** Pseudo-fields apart from the others. Throws KtError `request-invalid` for a malformed list; whose it is the caller knows. */
function splitFields(headers: readonly Header[], allowed: ReadonlySet<string>): Split {
  const pseudo = new Map<string, string>();
  const fields: Header[] = [];
  let contentLength: number | undefined;
  for (const header of headers) {
    const [name, value] = header;
    if (badValue.test(value)) throw malformed(`the value of ${quote(name)} has control characters or blanks around it`);
    if (name.startsWith(":")) {
      if (!allowed.has(name) || pseudo.has(name) || fields.length > 0) throw malformed(`${quote(name)} where it may not be`);
      pseudo.set(name, value);
      continue;
    }
    checkName(name, value);
    if (name === "content-length") contentLength = readLength(value, contentLength);
    fields.push(header);
  }
  return { pseudo, fields, contentLength };
}

function checkName(name: string, value: string): void {
  if (!fieldName.test(name)) throw malformed(`${quote(name)} is not a valid name`);
  // RFC 9113 §8.2.2: fields of one connection only, which HTTP/2 does not have.
  if (isHopField(name) || name === "transfer-encoding") throw malformed(`"${name}" belongs to HTTP/1`);
  if (name === "te" && value.toLowerCase() !== "trailers") throw malformed(`"te" with ${quote(value)}, which belongs to HTTP/1`);
}

function readLength(value: string, before: number | undefined): number {
  if (before !== undefined) throw malformed("it has two content-lengths");
  if (!lengthDigits.test(value)) throw malformed(`${quote(value)} is not a valid content-length`);
  return Number(value);
}

const endToEnd = ([name]: Header): boolean => !isFirstHopField(name);

/** A path as HTTP/1 could say it too; `*` is for OPTIONS. */
function checkTarget(method: string, path: string): void {
  if (!methodToken.test(method)) throw malformed(`${quote(method)} is not a valid method`);
  const rooted = path.startsWith("/") || (path === "*" && method === "OPTIONS");
  if (!rooted || blankOrControl.test(path)) throw malformed(`${quote(path)} is not a valid path`);
}

/** RFC 8441 §4. A length would be that of a message, and none follows. */
function checkConnect(method: string, protocol: string, contentLength: number | undefined): void {
  if (method !== "CONNECT") throw malformed(`":protocol" with ${quote(method)}, which is for CONNECT`);
  if (!methodToken.test(protocol)) throw malformed(`${quote(protocol)} is not a valid protocol`);
  if (contentLength !== undefined) throw malformed("a CONNECT with a content-length");
}

/** Whether the request asks for a WebSocket. */
export function asksForWebSocket({ protocol }: H2Request): boolean {
  return protocol?.toLowerCase() === "websocket";
}

/** Reads a request's fields; `ended`: it has no body. Throws KtError `request-invalid` when they are malformed (RFC 9113 §8.3.1). */
export function readRequest(headers: readonly Header[], ended: boolean): H2Request {
  const { pseudo, fields, contentLength } = splitFields(headers, requestPseudo);
  const method = pseudo.get(":method") ?? "";
  const path = pseudo.get(":path") ?? "";
  const sent = pseudo.get(":authority");
  const protocol = pseudo.get(":protocol");
  // A CONNECT that asks for no protocol has no path, and will be refused in words.
  if (method !== "CONNECT" || protocol !== undefined) {
    checkTarget(method, path);
    if (!schemeToken.test(pseudo.get(":scheme") ?? "")) throw malformed("it has no valid scheme");
  }
  if (protocol !== undefined) checkConnect(method, protocol, contentLength);
  if (ended && (contentLength ?? 0) > 0) throw malformed(`it announces ${contentLength} bytes and has none`);
  const rest: Header[] = [];
  let host: string | undefined;
  let accept: string | undefined;
  let grpc = false;
  for (const field of fields) {
    const [name, value] = field;
    if (name === "host") {
      // Two names for one request are how it reaches a backend that was not chosen.
      if ((host ?? sent ?? value).toLowerCase() !== value.toLowerCase()) throw malformed("it names two hosts");
      host = value;
      continue;
    }
    if (name === "accept") accept = value;
    if (name === "content-type") grpc = grpcType.test(value);
    rest.push(field);
  }
  const authority = sent ?? host;
  if (authority !== undefined && notInAuthority.test(authority)) throw malformed(`${quote(authority)} is not a valid authority`);
  return { method, protocol, path, authority, headers: rest, contentLength, accept, grpc };
}

/**
 * The request as the backend gets it: with the client's side once in X-Forwarded-For, -Host and -Proto; without `client` what the
 * client says of others goes on as it is.
 */
export function requestFields(request: H2Request, authority: string, scheme: string, client: ClientSide | undefined): Header[] {
  const headers: Header[] = [
    [":method", request.method],
    [":scheme", scheme],
    [":authority", authority],
    [":path", request.path],
  ];
  if (request.protocol !== undefined) headers.push([":protocol", request.protocol]);
  if (!client) return [...headers, ...request.headers.filter(endToEnd)];
  const hops: string[] = [];
  for (const header of request.headers) {
    const [name, value] = header;
    if (name === "x-forwarded-for") hops.push(value);
    else if (!isForwardedField(name) && endToEnd(header)) headers.push(header);
  }
  if (client.address !== undefined) hops.push(client.address);
  if (hops.length > 0) headers.push(["x-forwarded-for", hops.join(", ")]);
  headers.push(["x-forwarded-host", request.authority ?? authority], ["x-forwarded-proto", client.scheme]);
  return headers;
}

export interface H2Response {
  readonly status: number;
  readonly contentLength: number | undefined;
  /** As the client gets it. */
  readonly headers: readonly Header[];
}

const responsePseudo = new Set([":status"]);

/** Reads a response's fields. Throws KtError `request-invalid` when they are malformed (RFC 9113 §8.3.2). 101 has no meaning in HTTP/2. */
export function readResponse(headers: readonly Header[]): H2Response {
  const { pseudo, fields, contentLength } = splitFields(headers, responsePseudo);
  const status = pseudo.get(":status") ?? "";
  if (!/^[1-9][0-9][0-9]$/.test(status) || status === "101") throw malformed(`${quote(status)} is not a valid status`);
  return { status: Number(status), contentLength, headers: [[":status", status], ...fields.filter(endToEnd)] };
}

const noPseudo = new Set<string>();

/** Trailers as the next hop gets them. Throws KtError `request-invalid` when they are malformed (RFC 9113 §8.1). */
export function readTrailers(headers: readonly Header[]): readonly Header[] {
  return splitFields(headers, noPseudo).fields.filter(([name]) => !headOnly.has(name) && !isFirstHopField(name));
}
