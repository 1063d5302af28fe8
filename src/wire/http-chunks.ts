/** Chunked bodies of HTTP/1 (RFC 9112 §7.1) taken apart into data and trailers, and put together again. */

import { concatBytes, emptyBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "./limits.ts";
import type { Header } from "./http-head.ts";

const lf = 10;
const sizeLine = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i;
const trailerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/;

const decoder = new TextDecoder("latin1");

/** Whose body it is: a client's request, a backend's response, or an answer of the API server. */
export type BodyErrorCode = "request-invalid" | "backend-invalid" | "cluster-error";

const bodyNames: Readonly<Record<BodyErrorCode, string>> = {
  "request-invalid": "request body",
  "backend-invalid": "response body",
  "cluster-error": "answer",
};

/** Where a reader is: in a line of framing, in data, or past the end. */
type Part = "size" | "data" | "data-end" | "trailer" | "done";

/** Takes one body apart, in whatever pieces it comes. Holds no more than a line. */
export class ChunkReader {
  readonly #code: BodyErrorCode;
  #part: Part = "size";
  #leftBytes = 0;
  #line: Uint8Array = emptyBytes;
  #trailerBytes = 0;
  readonly trailers: Header[] = [];
  /** How many of the bytes that were read last came after the body's end. */
  surplusBytes = 0;

  constructor(code: BodyErrorCode) {
    this.#code = code;
  }

  get done(): boolean {
    return this.#part === "done";
  }

  /** The data in these bytes; what follows the body's end is left out. Throws KtError for what is not a valid chunk. */
  read(bytes: Uint8Array): Uint8Array[] {
    const data: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length && this.#part !== "done") {
      if (this.#part !== "data") {
        at = this.#takeLine(bytes, at);
        continue;
      }
      const end = Math.min(bytes.length, at + this.#leftBytes);
      data.push(bytes.subarray(at, end));
      this.#leftBytes -= end - at;
      if (this.#leftBytes === 0) this.#part = "data-end";
      at = end;
    }
    this.surplusBytes = bytes.length - at;
    return data;
  }

  #takeLine(bytes: Uint8Array, at: number): number {
    const end = bytes.indexOf(lf, at);
    const next = end < 0 ? bytes.length : end + 1;
    const line = concatBytes([this.#line, bytes.subarray(at, next)]);
    const capBytes = this.#part === "trailer" ? wireLimits.httpHeadBytes : wireLimits.httpChunkLineBytes;
    if (line.length > capBytes) throw this.#fail("a line of its framing is too long");
    this.#line = end < 0 ? line : emptyBytes;
    if (end >= 0) this.#finishLine(decoder.decode(line).replace(/\r?\n$/, ""));
    return next;
  }

  #finishLine(line: string): void {
    if (this.#part === "size") this.#beginChunk(line);
    else if (this.#part === "trailer") this.#takeTrailer(line);
    else if (line === "") this.#part = "size";
    else throw this.#fail("a chunk does not end where its size says");
  }

  #beginChunk(line: string): void {
    const size = sizeLine.exec(line)?.[1];
    if (size === undefined) throw this.#fail("a chunk has no size");
    this.#leftBytes = Number.parseInt(size, 16);
    this.#part = this.#leftBytes === 0 ? "trailer" : "data";
  }

  #takeTrailer(line: string): void {
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > wireLimits.httpHeadBytes) throw this.#fail("its trailers are too long");
    if (line === "") {
      this.#part = "done";
      return;
    }
    const [, name, value] = trailerLine.exec(line) ?? [];
    if (name === undefined || value === undefined) throw this.#fail("a trailer is not a valid header line");
    this.trailers.push([name, value]);
  }

  #fail(what: string): KtError {
    return new KtError(this.#code, `reading the ${bodyNames[this.#code]}: ${what}`);
  }
}

/** One chunk; there is none without bytes, which would be the end. */
export function encodeChunk(bytes: Uint8Array): Uint8Array {
  const size = Buffer.from(`${bytes.length.toString(16)}\r\n`, "latin1");
  return concatBytes([size, bytes, crlf]);
}

const crlf = Buffer.from("\r\n", "latin1");

/** The end of a body. No trailer may hold a line end. */
export function encodeLastChunk(trailers: readonly Header[]): Uint8Array {
  const lines = trailers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`0\r\n${lines}\r\n`, "latin1");
}
