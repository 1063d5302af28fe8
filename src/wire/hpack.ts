/** HPACK (RFC 7541): header blocks to and from lists of fields; decoding keeps the dynamic table, encoding needs none. */

import { KtError } from "#base/errors.ts";
import { wireLimits } from "./limits.ts";
import { H2Error, h2Codes } from "./h2-frame.ts";
import { decodeHuffman } from "./hpack-huffman.ts";
import { staticNames, staticTable } from "./hpack-table.ts";
import type { Header } from "./http-head.ts";

/** What a field counts beyond its characters, in tables and in lists (RFC 7541 §4.1, RFC 9113 §6.5.2). */
const fieldOverheadBytes = 32;
/** What a decoder allows before SETTINGS say otherwise (RFC 9113 §6.5.2); kt never says otherwise. */
export const defaultTableBytes = 4096;
/** Integers of more bytes than this are larger than anything a block can hold. */
const maxIntegerBytes = 4;

const sizeOf = ([name, value]: Header): number => name.length + value.length + fieldOverheadBytes;

function malformed(what: string): KtError {
  return new KtError("protocol", `reading an HTTP/2 header block: ${what}`);
}

function bomb(): H2Error {
  return new H2Error(h2Codes.enhanceYourCalm, `a header block that unpacks to more than ${wireLimits.h2OversizedListBytes} bytes`);
}

/** A cursor over one block. */
class BlockReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  peek(): number {
    return this.#bytes[this.#at] ?? 0;
  }

  /** RFC 7541 §5.1: an integer with a prefix of that many bits. */
  integer(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < maxIntegerBytes * 7; shift += 7) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw malformed("an integer is too large");
  }

  /** RFC 7541 §5.2, as latin1. */
  text(): string {
    const huffman = this.peek() >= 128;
    const length = this.integer(7);
    const start = this.#at;
    if (start + length > this.#bytes.length) throw malformed("a string runs past its end");
    this.#at += length;
    if (!huffman) return this.#bytes.toString("latin1", start, this.#at);
    return decodeHuffman(this.#bytes.subarray(start, this.#at)).toString("latin1");
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw malformed("it ends too early");
    return byte;
  }
}

export interface DecodedBlock {
  readonly headers: readonly Header[];
  /** True when the list was longer than the limits: `headers` is then only its beginning. */
  readonly tooLarge: boolean;
}

/** Decodes the blocks of one direction of one connection, in the order received. A throw is the end of the connection. */
export class HpackDecoder {
  readonly #listBytes: number;
  /** Oldest first. */
  readonly #table: Header[] = [];
  #tableBytes = 0;
  #tableLimitBytes = defaultTableBytes;

  constructor(listBytes: number = wireLimits.h2HeaderListBytes) {
    this.#listBytes = listBytes;
  }

  /**
   * Throws KtError `protocol` for what is not a header block. A list past the limits is still read on, for the table's sake, but not for
   * ever: a block of one-byte references to a long entry unpacks to 4000 times its size.
   */
  decode(block: Uint8Array): DecodedBlock {
    const reader = new BlockReader(block);
    const headers: Header[] = [];
    let listBytes = 0;
    let tooLarge = false;
    while (!reader.ended) {
      const field = this.#readField(reader, listBytes === 0);
      if (!field) continue;
      listBytes += sizeOf(field);
      tooLarge ||= listBytes > this.#listBytes || headers.length === wireLimits.h2HeaderFields;
      if (!tooLarge) headers.push(field);
      else if (listBytes > wireLimits.h2OversizedListBytes) throw bomb();
    }
    return { headers, tooLarge };
  }

  /** One representation (RFC 7541 §6); undefined for a table size update, which may only come first. */
  #readField(reader: BlockReader, first: boolean): Header | undefined {
    const byte = reader.peek();
    if (byte >= 0x80) return this.#entry(reader.integer(7));
    if (byte >= 0x40) return this.#add(this.#literal(reader, 6));
    if (byte < 0x20) return this.#literal(reader, 4);
    const limitBytes = reader.integer(5);
    if (!first || limitBytes > defaultTableBytes) throw malformed("a table size update where none is allowed");
    this.#tableLimitBytes = limitBytes;
    this.#evict();
    return undefined;
  }

  #literal(reader: BlockReader, prefixBits: number): Header {
    const index = reader.integer(prefixBits);
    const name = index === 0 ? reader.text() : this.#entry(index)[0];
    return [name, reader.text()];
  }

  /** RFC 7541 §2.3.3: the static table, then the dynamic one from its newest entry. */
  #entry(index: number): Header {
    const entry = index <= staticTable.length ? staticTable[index - 1] : this.#table[this.#table.length - (index - staticTable.length)];
    if (!entry) throw malformed(`there is no table entry ${index}`);
    return entry;
  }

  #add(field: Header): Header {
    this.#table.push(field);
    this.#tableBytes += sizeOf(field);
    this.#evict();
    return field;
  }

  #evict(): void {
    while (this.#tableBytes > this.#tableLimitBytes) {
      const oldest = this.#table.shift();
      if (oldest) this.#tableBytes -= sizeOf(oldest);
    }
  }
}

/** Fields that must not enter any later hop's table: guessing at a table's contents could reveal them (RFC 7541 §7.1.3). */
const sensitive = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);

/** A first byte and the most continuation bytes of an integer below 2^31. */
const integerBytes = 6;

function writeInteger(into: Buffer, at: number, pattern: number, prefixBits: number, value: number): number {
  const mask = 2 ** prefixBits - 1;
  if (value < mask) {
    into[at] = pattern | value;
    return at + 1;
  }
  into[at] = pattern | mask;
  let next = at + 1;
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) into[next++] = (rest % 128) | 128;
  into[next] = rest;
  return next + 1;
}

function writeText(into: Buffer, at: number, text: string): number {
  const start = writeInteger(into, at, 0, 7, text.length);
  return start + into.write(text, start, "latin1");
}

function writeField(into: Buffer, at: number, [name, value]: Header): number {
  const known = staticNames.get(name);
  const index = known?.byValue.get(value);
  if (index !== undefined) return writeInteger(into, at, 0x80, 7, index);
  const next = writeInteger(into, at, sensitive.has(name) ? 0x10 : 0, 4, known?.index ?? 0);
  return writeText(into, known ? next : writeText(into, next, name), value);
}

/**
 * Encodes a list without a dynamic table and without Huffman codes, so that blocks are independent of each other's order.
 * `forgetTable` puts a table size update to 0 first: due in a connection's first block and after the peer changed its limit
 * (RFC 7541 §4.2).
 */
export function encodeHeaderBlock(headers: readonly Header[], forgetTable = false): Uint8Array {
  let capacity = 1;
  for (const [name, value] of headers) capacity += name.length + value.length + 3 * integerBytes;
  const block = Buffer.allocUnsafe(capacity);
  let at = 0;
  if (forgetTable) block[at++] = 0x20;
  for (const header of headers) at = writeField(block, at, header);
  return block.subarray(0, at);
}
