/** Finds where an HTTP/1 body ends, so that its bytes, chunk framing included, can be passed on unchanged. */

import type { ErrorCode } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "./limits.ts";
import type { Framing } from "./http-head.ts";

/** What the next byte belongs to. The parts from `trailer-start` on are those of the trailer section (RFC 9112 §7.1.2). */
type Part =
  | "data"
  | "size"
  | "size-blank"
  | "extension"
  | "size-lf"
  | "data-cr"
  | "data-lf"
  | "trailer-start"
  | "trailer"
  | "trailer-lf"
  | "end-lf";

const lf = 10;
const cr = 13;
/** 12 digits keep a chunk's size an exact number. */
const maxSizeDigits = 12;

const colon = 58;
const longestTrailerName = 256;

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x09;

/** RFC 9110 §6.5.1: what says how long a body is, where it goes and how it is read must come before it. */
const notTrailers =
  /^(content[-_](length|encoding|type|range)|transfer[-_]encoding|host|trailer|te|connection|upgrade|authorization|expect)$/i;
const mayTrail = (name: string): boolean => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && !notTrailers.test(name);

/** The value of a hex digit, or -1. */
function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** For one message's body. Most messages have none, and share a cursor that never moves. */
export function bodyCursor(framing: Framing, code: "request-invalid" | "backend-invalid"): BodyCursor {
  return framing.kind === "none" ? emptyBody : new BodyCursor(framing, code);
}

/** Follows one message's body through the chunks it arrives in. Holds no bytes. */
export class BodyCursor {
  readonly #kind: Framing["kind"];
  readonly #code: ErrorCode;
  #part: Part;
  /** Bytes of data left in the body or the chunk. */
  #left: number;
  /** Bytes of the current size line's extension; then, in the trailer section, of that and the section. */
  #lineBytes = 0;
  #sizeDigits = 0;
  /** Of the current trailer line of a request, up to its colon; undefined past that. */
  #trailerName: string | undefined;
  #done: boolean;
  #dataBytes = 0;

  constructor(framing: Framing, code: "request-invalid" | "backend-invalid") {
    this.#kind = framing.kind;
    this.#code = code;
    this.#part = framing.kind === "chunked" ? "size" : "data";
    this.#left = framing.kind === "length" ? framing.bytes : framing.kind === "until-close" ? Number.POSITIVE_INFINITY : 0;
    this.#done = framing.kind === "none" || (framing.kind === "length" && framing.bytes === 0);
  }

  /** True when the message has ended. */
  get done(): boolean {
    return this.#done;
  }

  /** How much of the body there was, without its framing. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  /** How many of the bytes at `from` belong to the body; the rest is the next message's. Throws KtError for what is not a chunk. */
  advance(bytes: Uint8Array, from = 0): number {
    let at = from;
    while (at < bytes.length && !this.#done) {
      if (this.#part === "data") at += this.#takeData(bytes.length - at);
      else this.#takeFraming(bytes[at++] ?? 0);
    }
    return at - from;
  }

  /** Told that the connection has ended. False when the body has not: it was cut short. */
  end(): boolean {
    if (this.#kind === "until-close") this.#done = true;
    return this.#done;
  }

  #takeData(available: number): number {
    const taken = Math.min(available, this.#left);
    this.#left -= taken;
    this.#dataBytes += taken;
    if (this.#left === 0) {
      if (this.#kind === "chunked") this.#part = "data-cr";
      else this.#done = true;
    }
    return taken;
  }

  #takeFraming(byte: number): void {
    switch (this.#part) {
      case "size":
        this.#takeSize(byte);
        break;
      case "size-blank":
        this.#takeAfterSize(byte);
        break;
      case "extension":
        this.#takeLineByte(byte, wireLimits.httpChunkLineBytes, "size-lf");
        break;
      case "size-lf":
        this.#expect(byte, lf, this.#left === 0 ? "trailer-start" : "data");
        break;
      case "data-cr":
        this.#expect(byte, cr, "data-lf");
        break;
      case "data-lf":
        this.#sizeDigits = 0;
        this.#expect(byte, lf, "size");
        break;
      case "trailer-start":
        this.#takeTrailerStart(byte);
        break;
      case "trailer":
        this.#takeTrailerByte(byte);
        break;
      case "trailer-lf":
        this.#expect(byte, lf, "trailer-start");
        break;
      case "end-lf":
        this.#expect(byte, lf, "end-lf");
        this.#done = true;
        break;
      case "data":
        break;
    }
  }

  /** Extensions, and the blanks some servers pad sizes with, are passed on unread. */
  #takeSize(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#sizeDigits > maxSizeDigits) throw this.#fail("a chunk's size has too many digits");
      this.#left = this.#left * 16 + digit;
      return;
    }
    if (this.#sizeDigits === 0) throw this.#fail("a chunk has no size");
    this.#lineBytes = 0;
    this.#takeAfterSize(byte);
  }

  /** Past blanks there are no more digits: a reader that skips blanks would take them for the size's. */
  #takeAfterSize(byte: number): void {
    if (byte === cr) this.#part = "size-lf";
    else if (byte === 0x3b) this.#part = "extension";
    else if (isBlank(byte) && ++this.#lineBytes <= wireLimits.httpChunkLineBytes) this.#part = "size-blank";
    else throw this.#fail("a chunk's size is not a number");
  }

  /** A byte of a line that is passed on unread: CR ends it; a lone LF or a NUL, which readers differ about, is refused. */
  #takeLineByte(byte: number, capBytes: number, atEnd: Part): void {
    if (byte === cr) this.#part = atEnd;
    else if (byte === lf || byte === 0) throw this.#fail("a line of its framing has a NUL or a lone LF");
    else if (this.#isRequest && (byte < 0x20 || byte === 0x7f) && byte !== 0x09)
      throw this.#fail("a line of its framing has a control character");
    else if (++this.#lineBytes > capBytes) throw this.#fail(`its framing has more than ${capBytes} bytes`);
  }

  #takeTrailerStart(byte: number): void {
    if (byte === cr) {
      this.#part = "end-lf";
      return;
    }
    if (isBlank(byte)) throw this.#fail("a trailer line is folded");
    this.#part = "trailer";
    this.#trailerName = this.#isRequest ? "" : undefined;
    this.#takeTrailerByte(byte);
  }

  /** Backends that put trailers among the headers must not find another length, or another host, there. */
  #takeTrailerByte(byte: number): void {
    this.#takeLineByte(byte, wireLimits.httpHeadBytes, "trailer-lf");
    if (this.#trailerName === undefined) return;
    if (byte !== colon) this.#trailerName += String.fromCharCode(byte);
    if (byte !== colon && byte !== cr && this.#trailerName.length <= longestTrailerName) return;
    if (byte !== colon || !mayTrail(this.#trailerName)) throw this.#fail("a trailer line is none that may come after a body");
    this.#trailerName = undefined;
  }

  get #isRequest(): boolean {
    return this.#code === "request-invalid";
  }

  #expect(byte: number, wanted: number, next: Part): void {
    if (byte !== wanted) throw this.#fail("a chunk does not end where its size says");
    this.#part = next;
  }

  #fail(what: string): KtError {
    return new KtError(this.#code, `reading the ${this.#code === "backend-invalid" ? "response" : "request"} body: ${what}`);
  }
}

const emptyBody = new BodyCursor({ kind: "none" }, "backend-invalid");
