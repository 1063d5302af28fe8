/** Finds the server name and ALPN in a TLS ClientHello, across records and segments. */

import { concatBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "./limits.ts";

/** What a ClientHello says about where it wants to go. */
export interface TlsHello {
  /** The SNI host name as sent; undefined without one. */
  readonly serverName: string | undefined;
  /** The offered protocols in order, as latin1 (GREASE values are arbitrary bytes). */
  readonly alpn: readonly string[];
}

const recordHeaderBytes = 5;
const handshakeHeaderBytes = 4;
/** RFC 8446 §5.1: a plaintext fragment is at most 2^14 bytes. */
const maxFragmentBytes = 16384;
const handshakeRecord = 0x16;
const clientHello = 0x01;
const serverNameExtension = 0x0000;
const alpnExtension = 0x0010;

function malformed(what: string): KtError {
  return new KtError("protocol", `reading the TLS hello: ${what}`);
}

/** A bounds-checked cursor: running out inside a complete message is garbage, not shortness. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(count: number): Uint8Array {
    if (count > this.left) throw malformed("a length runs past its end");
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** An unsigned big-endian number of `width` bytes. */
  number(width: 1 | 2): number {
    let value = 0;
    for (const byte of this.take(width)) value = value * 256 + byte;
    return value;
  }

  /** A vector with a length prefix of `width` bytes (RFC 8446 §3.4). */
  vector(width: 1 | 2): Cursor {
    return new Cursor(this.take(this.number(width)));
  }

  text(): string {
    return Buffer.from(this.take(this.left)).toString("latin1");
  }
}

/** Length of the fragment in the record at `at`; throws for what is not a handshake record, as soon as that can be known. */
function fragmentLength(bytes: Uint8Array, at: number): number | "short" {
  const [type, major, , high, low] = bytes.subarray(at, at + recordHeaderBytes);
  if (type !== undefined && type !== handshakeRecord) throw malformed(`record type ${type} instead of a handshake`);
  if (major !== undefined && major !== 3) throw malformed(`version ${major} instead of 3.x`);
  if (high === undefined || low === undefined) return "short";
  const length = high * 256 + low;
  // RFC 8446 §5.1 forbids empty handshake fragments; they would also let a client send records for ever.
  if (length === 0 || length > maxFragmentBytes) throw malformed(`a record of ${length} bytes`);
  return length;
}

/** Length of the whole handshake message, from its first four bytes; checked before anything more is waited for. */
function messageLength(start: readonly number[]): number | "short" {
  const [type, high, middle, low] = start;
  if (type !== undefined && type !== clientHello) throw malformed(`handshake type ${type} instead of a client hello`);
  if (high === undefined || middle === undefined || low === undefined) return "short";
  const length = handshakeHeaderBytes + high * 65536 + middle * 256 + low;
  if (length > wireLimits.tlsHelloBytes) throw malformed(`${length} bytes, more than the ${wireLimits.tlsHelloBytes} that are accepted`);
  return length;
}

/** The handshake message, joined from as many records as it takes. */
function joinRecords(bytes: Uint8Array): Uint8Array | "short" {
  const fragments: Uint8Array[] = [];
  const start: number[] = [];
  let collected = 0;
  let needed: number | "short" = "short";
  for (let at = 0; ; ) {
    const length = fragmentLength(bytes, at);
    if (length === "short") return "short";
    const fragment = bytes.subarray(at + recordHeaderBytes, at + recordHeaderBytes + length);
    for (let index = 0; start.length < handshakeHeaderBytes && index < fragment.length; index++) start.push(fragment[index] ?? 0);
    if (needed === "short") needed = messageLength(start);
    fragments.push(fragment);
    collected += fragment.length;
    if (needed !== "short" && collected >= needed) return concatBytes(fragments).subarray(handshakeHeaderBytes, needed);
    if (fragment.length < length) return "short";
    at += recordHeaderBytes + length;
  }
}

/** RFC 6066 §3: a list that may hold one name of type host_name (0). */
function readServerName(extension: Cursor): string | undefined {
  const list = extension.vector(2);
  let name: string | undefined;
  while (list.left > 0) {
    const type = list.number(1);
    const value = list.vector(2).text();
    if (type !== 0) continue;
    if (name !== undefined) throw malformed("two server names");
    name = value;
  }
  return name === "" ? undefined : name;
}

/** RFC 7301 §3.1. */
function readAlpn(extension: Cursor): string[] {
  const list = extension.vector(2);
  const protocols: string[] = [];
  while (list.left > 0) protocols.push(list.vector(1).text());
  return protocols;
}

/** RFC 8446 §4.1.2; the bytes after the handshake header. */
function readHello(message: Cursor): TlsHello {
  message.take(2 + 32); // legacy_version, random
  message.vector(1); // legacy_session_id
  message.vector(2); // cipher_suites
  message.vector(1); // legacy_compression_methods
  let serverName: string | undefined;
  let alpn: readonly string[] = [];
  // Before TLS 1.3 a hello may end here, without extensions.
  const extensions = message.left === 0 ? new Cursor(new Uint8Array(0)) : message.vector(2);
  const seen = new Set<number>();
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    // Two of a kind are forbidden (RFC 8446 §4.2), and would let us and the backend read different names.
    if (seen.has(type)) throw malformed(`extension ${type} twice`);
    seen.add(type);
    if (type === serverNameExtension) serverName = readServerName(body);
    if (type === alpnExtension) alpn = readAlpn(body);
  }
  return { serverName, alpn };
}

/**
 * Reads a ClientHello from the first bytes of a connection; "short" asks for more of them. Throws KtError `protocol` for what
 * can be none, and for one longer than `wireLimits.tlsHelloBytes` as soon as its length is known.
 */
export function decodeTlsHello(bytes: Uint8Array): TlsHello | "short" {
  const message = joinRecords(bytes);
  return message === "short" ? "short" : readHello(new Cursor(message));
}
