/** SPDY header blocks with the shared zlib stream (the room's one stateful codec). */

import { constants, inflateRawSync } from "node:zlib";
import { concatBytes, emptyBytes } from "#base/bytes.ts";
import { assert, KtError } from "#base/errors.ts";
import { wireLimits } from "./limits.ts";
import { ByteReader } from "./reader.ts";
import { spdyDictionary } from "./spdy-dictionary.ts";
import { ByteWriter } from "./writer.ts";

/** Names in lower case. Several values of one name stand in one value, separated by NUL (draft 3.1 §2.6.10). */
export type SpdyHeaders = ReadonlyMap<string, string>;

/** RFC 1950: deflate with a 32 KiB window and a preset dictionary, whose Adler-32 follows. */
const zlibHeader = Uint8Array.of(0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2);

/** RFC 1951 §3.2.4: an empty stored block. Go's reader hands out what came before it only when it has met this one. */
const emptyStoredBlock = Uint8Array.of(0x00, 0x00, 0x00, 0xff, 0xff);

/** RFC 1951 §3.2.4: a stored block begins with its type, its length of 16 bits, and the length inverted. */
const storedHeaderBytes = 5;
const maxStoredBytes = 0xffff;

/** RFC 1950: how far back a zlib stream may refer. */
const windowBytes = 32 * 1024;

const utf8Decoder = new TextDecoder();

/** Writes the header blocks of one direction, in stored blocks: ours are too short and too rare to be worth a compressor. */
export class SpdyHeaderEncoder {
  #begun = false;

  encode(headers: SpdyHeaders): Uint8Array {
    const plain = encodePairs(headers);
    assert(plain.length <= maxStoredBytes, `a SPDY header block of ${plain.length} bytes`);
    const start = this.#begun ? emptyBytes : zlibHeader;
    this.#begun = true;
    return new ByteWriter(start.length + storedHeaderBytes + plain.length + emptyStoredBlock.length)
      .put(start)
      .u8(0)
      .u8(plain.length)
      .u8(plain.length >>> 8)
      .u8(~plain.length)
      .u8(~plain.length >>> 8)
      .put(plain)
      .put(emptyStoredBlock)
      .finish();
  }
}

/**
 * Reads the header blocks of one direction, each of which must be given, in order. Every block ends on a byte boundary (a
 * sync flush), so each is inflated by itself, with the last 32 KiB of what came before as its dictionary.
 */
export class SpdyHeaderDecoder {
  #window: Uint8Array = spdyDictionary;
  #begun = false;

  /** Throws KtError `protocol`; the decoder cannot be used after that. */
  decode(block: Uint8Array): SpdyHeaders {
    const plain = this.#inflate(this.#begun ? block : withoutZlibHeader(block));
    this.#begun = true;
    this.#window = concatBytes([this.#window, plain]).slice(-windowBytes);
    return decodePairs(plain);
  }

  #inflate(deflated: Uint8Array): Uint8Array {
    const maxOutputLength = wireLimits.spdyControlFrameBytes;
    try {
      return inflateRawSync(deflated, { dictionary: this.#window, finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength });
    } catch (error) {
      throw new KtError("protocol", "the peer sent a SPDY header block that cannot be inflated", { cause: error });
    }
  }
}

function withoutZlibHeader(block: Uint8Array): Uint8Array {
  const reader = new ByteReader(block);
  const method = reader.u8();
  const flags = reader.u8();
  // RFC 1950 §2.2: deflate, a checksum over both bytes, and a dictionary to be preset.
  const valid = (method & 0x0f) === 8 && ((method << 8) | flags) % 31 === 0 && (flags & 0x20) !== 0;
  const dictionaryId = reader.u32();
  if (!valid || dictionaryId !== 0xe3c6a7c2) throw new KtError("protocol", "the peer's SPDY headers do not begin with a zlib header");
  return reader.rest();
}

function encodePairs(headers: SpdyHeaders): Uint8Array {
  const words: string[] = [];
  for (const [name, value] of headers) words.push(name.toLowerCase(), value);
  // UTF-8 takes at most three bytes for each UTF-16 code unit.
  const block = Buffer.allocUnsafe(words.reduce((sum, word) => sum + 4 + 3 * word.length, 4));
  let at = block.writeUInt32BE(headers.size);
  for (const word of words) {
    const lengthBytes = block.write(word, at + 4);
    block.writeUInt32BE(lengthBytes, at);
    at += 4 + lengthBytes;
  }
  return block.subarray(0, at);
}

function decodePairs(plain: Uint8Array): SpdyHeaders {
  const reader = new ByteReader(plain);
  const headers = new Map<string, string>();
  for (let count = reader.u32(); count > 0; count--) {
    const name = utf8Decoder.decode(reader.take(reader.u32()));
    if (headers.has(name)) throw new KtError("protocol", `the peer sent the SPDY header "${name}" twice`);
    headers.set(name, utf8Decoder.decode(reader.take(reader.u32())));
  }
  if (reader.remaining > 0) throw new KtError("protocol", "a SPDY header block is longer than its headers");
  return headers;
}
