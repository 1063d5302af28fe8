/** HTTP/2 field lists: which are well formed (RFC 9113 §8), and what of them goes on to the next hop. Pure. */

import type { Header } from "#wire/http-head.ts";
import type { ClientSide } from "./http1-heads.ts";

export interface H2Request {
  readonly method: string;
  readonly path: string;
  /** :authority, else Host, as sent; undefined without either. */
  readonly authority: string | undefined;
  /** The fields without pseudo-fields and Host. */
  readonly headers: readonly Header[];
  readonly accept: string | undefined;
  readonly grpc: boolean;
}

const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const forbiddenInValue = /[\0\r\n]/;
/** Fields of one connection only (RFC 9113 §8.2.2); a peer that sends them is forgiven. */
const hopFields = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "proxy-authorization",
]);
const requestPseudo = new Set([":method", ":scheme", ":path", ":authority"]);

interface Split {
  readonly pseudo: ReadonlyMap<string, string>;
  readonly fields: readonly Header[];
}

/** Pseudo-fields apart from the others; undefined for a malformed list. Names that repeat or are not allowed are malformed. */
function splitFields(headers: readonly Header[], allowed: ReadonlySet<string>): Split | undefined {
  const pseudo = new Map<string, string>();
  const fields: Header[] = [];
  for (const header of headers) {
    const [name, value] = header;
    if (forbiddenInValue.test(value)) return undefined;
    if (name.startsWith(":")) {
      if (!allowed.has(name) || pseudo.has(name) || fields.length > 0) return undefined;
      pseudo.set(name, value);
    } else if (!fieldName.test(name)) return undefined;
    else fields.push(header);
  }
  return { pseudo, fields };
}

/** Fields that may go on: none of the connection, and of TE only what HTTP/2 allows. */
function endToEnd([name, value]: Header): boolean {
  return name === "te" ? value === "trailers" : !hopFields.has(name);
}

/** Reads a request's fields; undefined when they are malformed (RFC 9113 §8.3.1). */
export function readRequest(headers: readonly Header[]): H2Request | undefined {
  const split = splitFields(headers, requestPseudo);
  if (!split) return undefined;
  const method = split.pseudo.get(":method");
  const path = split.pseudo.get(":path");
  const sent = split.pseudo.get(":authority");
  if (method === undefined || method === "" || path === undefined || path === "" || !split.pseudo.has(":scheme")) return undefined;
  const rest: Header[] = [];
  let host: string | undefined;
  let accept: string | undefined;
  let grpc = false;
  for (const field of split.fields) {
    const [name, value] = field;
    if (name === "host") {
      // Two names for one request are how it reaches a backend that nobody chose.
      if ((host ?? sent ?? value).toLowerCase() !== value.toLowerCase()) return undefined;
      host = value;
      continue;
    }
    if (name === "accept") accept = value;
    if (name === "content-type") grpc = value.startsWith("application/grpc");
    rest.push(field);
  }
  return { method, path, authority: sent ?? host, headers: rest, accept, grpc };
}

/** The request as the backend gets it: with the client's side once in X-Forwarded-For, -Host and -Proto. */
export function requestFields(request: H2Request, authority: string, scheme: string, client: ClientSide): Header[] {
  const headers: Header[] = [
    [":method", request.method],
    [":scheme", scheme],
    [":authority", authority],
    [":path", request.path],
  ];
  const hops: string[] = [];
  for (const header of request.headers) {
    const [name, value] = header;
    if (name === "x-forwarded-for") hops.push(value);
    else if (name !== "x-forwarded-host" && name !== "x-forwarded-proto" && endToEnd(header)) headers.push(header);
  }
  if (client.address !== undefined) hops.push(client.address);
  if (hops.length > 0) headers.push(["x-forwarded-for", hops.join(", ")]);
  headers.push(["x-forwarded-host", authority], ["x-forwarded-proto", client.scheme]);
  return headers;
}

export interface H2Response {
  readonly status: number;
  /** As the client gets it. */
  readonly headers: readonly Header[];
}

const responsePseudo = new Set([":status"]);

/** Reads a response's fields; undefined when they are malformed (RFC 9113 §8.3.2). 101 has no meaning in HTTP/2. */
export function readResponse(headers: readonly Header[]): H2Response | undefined {
  const split = splitFields(headers, responsePseudo);
  const status = split?.pseudo.get(":status");
  if (!split || status === undefined || !/^[1-9][0-9][0-9]$/.test(status) || status === "101") return undefined;
  return { status: Number(status), headers: [[":status", status], ...split.fields.filter(endToEnd)] };
}

const noPseudo = new Set<string>();

/** Trailers as the next hop gets them; undefined when they are malformed (RFC 9113 §8.1). */
export function readTrailers(headers: readonly Header[]): readonly Header[] | undefined {
  return splitFields(headers, noPseudo)?.fields.filter(endToEnd);
}
