/** HTTP/1 request and response heads to and from bytes, strict where two readers could disagree (RFC 9112). */

import { cut } from "#base/cut.ts";
import type { ErrorCode } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "./limits.ts";
import { quoteBytes } from "./foreign-protocol.ts";
import { mendResponseHead } from "./mended-head.ts";
import { lowerList, sliceTrimmed } from "./ows.ts";

/** A field as sent: name in its original case, value without surrounding white space, both latin1. */
export type Header = readonly [name: string, value: string];

interface Head {
  readonly version: "1.0" | "1.1";
  /** In the order sent; those that say how long the body is are in their usual form, once. */
  readonly headers: readonly Header[];
  readonly contentLength: number | undefined;
  /** True when Transfer-Encoding ends in `chunked`. */
  readonly chunked: boolean;
  /** False when the connection ends after this message (RFC 9112 §9.3). */
  readonly keepAlive: boolean;
  /** The value of Upgrade, where Connection names it. */
  readonly upgrade: string | undefined;
  /** It came byte for byte as `encodeHead` writes it, so that writing it again can be spared. */
  readonly canonical: boolean;
}

export interface RequestHead extends Head {
  readonly method: string;
  readonly target: string;
  /** Where the request wants to go, as sent: the target of CONNECT, an absolute target's authority, else Host (RFC 9112 §3.2). */
  readonly host: string;
}

export interface ResponseHead extends Head {
  readonly status: number;
  readonly reason: string;
  /** Another Transfer-Encoding than one that ends in `chunked`: the body goes on until the connection ends. */
  readonly otherEncoding: boolean;
}

/** How long a body is (RFC 9112 §6.3). */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until-close" };

const lf = 10;
const cr = 13;
const space = 32;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const tokenBytes = 0x80;
/** By byte: may it begin a method? */
const startsToken = Array.from({ length: tokenBytes }, (_, byte) => token.test(String.fromCharCode(byte)));
/** NUL, or a CR that ends no line: readers differ in what they make of them (RFC 9110 §5.5). */
const forbidden = /\0|\r(?!\n)/;
/** In requests no other has a place either but a tab, and some readers take some for white space. */
const controlCharacter = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)/;

const quote = (text: string): string => JSON.stringify(cut(text, 80));

/** Index just past the empty line that ends a head, or -1. A lone LF ends a line too (RFC 9112 §2.2): heads are written anew. */
function findHeadEnd(bytes: Uint8Array, at: number): number {
  for (let index = bytes.indexOf(lf, at); index >= 0; index = bytes.indexOf(lf, index + 1)) {
    const next = bytes[index + 1];
    if (next === lf) return index + 2;
    if (next === cr && bytes[index + 2] === lf) return index + 3;
  }
  return -1;
}

/** Without a Buffer around the bytes: to make one costs several times the reading. */
const textOf = (bytes: Uint8Array, from: number, to: number): string => Buffer.prototype.toString.call(bytes, "latin1", from, to);

/** Collects the fields of one head and what they say about its body and its connection. */
class FieldReader {
  readonly #code: ErrorCode;
  readonly headers: Header[] = [];
  contentLength: number | undefined;
  host: string | undefined;
  upgrade: string | undefined;
  /** See Head; of the lines read so far. */
  canonical = true;
  #connection = "";
  /** The same as a list, once it is asked for. */
  #connectionOptions: readonly string[] | undefined;
  #encodings: string[] = [];
  /** Where in `headers` the first Transfer-Encoding stands. */
  #encodingAt = -1;

  constructor(code: ErrorCode) {
    this.#code = code;
  }

  fail(what: string): KtError {
    return new KtError(this.#code, `reading the ${this.#code === "backend-invalid" ? "response" : "request"}: ${what}`);
  }

  /** Reads the field lines of `text` from `at` up to the empty line at its end. */
  readLines(text: string, at: number): void {
    for (let from = at; ; ) {
      const end = text.indexOf("\n", from);
      const lineEnd = text.charCodeAt(end - 1) === cr ? end - 1 : end;
      if (lineEnd === end) this.canonical = false;
      if (end < 0 || lineEnd <= from) return;
      this.#readLine(text, from, lineEnd);
      from = end + 1;
    }
  }

  /** White space before the colon and folded lines (RFC 9112 §5.1, §5.2) fail as names that are not tokens. */
  #readLine(text: string, from: number, to: number): void {
    const colon = text.indexOf(":", from);
    const name = text.slice(from, colon);
    if (colon < 0 || colon >= to || !token.test(name)) throw this.fail(`${quote(text.slice(from, to))} is not a valid header line`);
    const value = this.#note(name, sliceTrimmed(text, colon + 1, to));
    if (value === undefined || value.length !== to - colon - 2 || text.charCodeAt(colon + 1) !== space) this.canonical = false;
    if (value !== undefined) this.headers.push([name, value]);
  }

  /** Looks at the fields that matter, by the length of their names first. Returns the value to keep; undefined leaves the field out. */
  #note(name: string, value: string): string | undefined {
    switch (name.length) {
      case 4:
        if (name.toLowerCase() === "host") this.#noteHost(value);
        return value;
      case 7:
        if (name.toLowerCase() === "upgrade") this.upgrade = value;
        return value;
      case 10:
        if (name.toLowerCase() === "connection") this.#connection = this.#connection === "" ? value : `${this.#connection},${value}`;
        return value;
      case 14:
        return this.#isFraming(name, "content-length") ? this.#noteLength(value) : value;
      case 17:
        return this.#isFraming(name, "transfer-encoding") ? this.#noteEncoding(value) : value;
      default:
        return value;
    }
  }

  /** Gateways such as WSGI read an underscore in a name as a dash: in a request that is a second length of the body. */
  #isFraming(name: string, framing: string): boolean {
    const lower = name.toLowerCase();
    if (lower === framing) return true;
    if (this.#code === "request-invalid" && lower.includes("_") && lower.replaceAll("_", "-") === framing) {
      throw this.fail(`${quote(name)} is not a valid field name`);
    }
    return false;
  }

  #noteHost(value: string): void {
    if (this.host !== undefined && this.#code === "request-invalid") throw this.fail("it has two Host headers");
    this.host = value;
  }

  #noteLength(value: string): string | undefined {
    if (!/^[0-9]{1,15}$/.test(value)) throw this.fail(`${quote(value)} is not a valid Content-Length`);
    const bytes = Number(value);
    if (this.contentLength === undefined) {
      this.contentLength = bytes;
      return value.startsWith("0") ? String(bytes) : value;
    }
    if (this.contentLength !== bytes) throw this.fail(`it has two Content-Lengths, ${this.contentLength} and ${bytes}`);
    return undefined;
  }

  #noteEncoding(value: string): string | undefined {
    this.#encodings.push(value);
    if (this.#encodings.length > 1) return undefined;
    this.#encodingAt = this.headers.length;
    return value;
  }

  /**
   * Whether the body is chunked; "other" for an encoding that does not end in `chunked` (RFC 9112 §6.1). Of a request only one
   * field with `chunked` alone is accepted, for no client sends anything else.
   */
  encoding(version: "1.0" | "1.1"): "none" | "chunked" | "other" {
    if (this.#encodings.length === 0) return "none";
    if (this.contentLength !== undefined) throw this.fail("it has both Content-Length and Transfer-Encoding");
    if (version === "1.0") throw this.fail("it has a Transfer-Encoding in HTTP/1.0");
    const sent = this.#encodings.join(",");
    const codings = lowerList(sent);
    const last = codings.indexOf("chunked") === codings.length - 1;
    if (this.#code === "request-invalid") {
      if (sent.toLowerCase() !== "chunked") throw this.fail(`Transfer-Encoding ${quote(sent)} is not chunked alone`);
    } else if ((codings.includes("chunked") && !last) || !codings.every((coding) => this.#isCoding(coding))) {
      throw this.fail(`Transfer-Encoding ${quote(sent)} can be read in two ways`);
    }
    const written = codings.join(", ");
    if (written !== sent) this.canonical = false;
    this.headers[this.#encodingAt] = [this.headers[this.#encodingAt]?.[0] ?? "Transfer-Encoding", written];
    return last ? "chunked" : "other";
  }

  /** With parameters, which hardly any coding has (RFC 9112 §7). */
  #isCoding(coding: string): boolean {
    return token.test(coding) || /^[!#$%&'*+\-.^_`|~0-9a-z]+[ \t]*;[ \t!-~]*$/.test(coding);
  }

  /** True when Connection lists the option. */
  connectionHas(option: string): boolean {
    if (this.#connection === "") return false;
    this.#connectionOptions ??= lowerList(this.#connection);
    return this.#connectionOptions.includes(option);
  }

  keepAlive(version: "1.0" | "1.1"): boolean {
    return version === "1.1" ? !this.connectionHas("close") : this.connectionHas("keep-alive");
  }
}

/** The text of a head and where the next byte is; throws once it is, or must become, longer than the limit. */
function takeHead(bytes: Uint8Array, at: number, code: "request-too-large" | "backend-invalid"): { text: string; next: number } | "short" {
  const end = findHeadEnd(bytes, at);
  if ((end < 0 ? bytes.length : end) - at > wireLimits.httpHeadBytes) {
    throw new KtError(
      code,
      `reading the ${code === "backend-invalid" ? "response" : "request"}: its head is longer than ${wireLimits.httpHeadBytes} bytes`,
    );
  }
  return end < 0 ? "short" : { text: textOf(bytes, at, end), next: end };
}

/** Empty lines that are skipped before a request; clients that send any after a body send one. */
const emptyLines = 4;

/** Skips the empty lines that some clients send after a body (RFC 9112 §2.2). */
function skipEmptyLines(bytes: Uint8Array, at: number): number {
  let start = at;
  for (let line = 0; line < emptyLines && (bytes[start] === lf || (bytes[start] === cr && bytes[start + 1] === lf)); line++)
    start += bytes[start] === lf ? 1 : 2;
  return start;
}

const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\0-\x20\x7f]+) HTTP\/1\.([0-9])\r?\n/;
/** RFC 9112 §3.2.2. */
const absoluteTarget = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#@]*)(?:[/?#]|$)/i;

/** Whether the target has a form that goes with its method (RFC 9112 §3.2); where that of CONNECT leads is looked at later. */
function isTarget(target: string, method: string): boolean {
  return target.startsWith("/") || absoluteTarget.test(target) || (target === "*" && method === "OPTIONS") || method === "CONNECT";
}

/** Names of other letters are sent in ASCII (RFC 9110 §4.2.3), and without blanks. */
const visible = /^[\x21-\x7e]+$/;

/** Where the request goes; the Host header must be there even beside an absolute target, in HTTP/1.1. */
function hostOf(fields: FieldReader, method: string, target: string, version: "1.0" | "1.1"): string {
  const absolute = target.startsWith("/") ? undefined : absoluteTarget.exec(target)?.[1];
  const byHost = fields.host === undefined && version === "1.1" ? undefined : (absolute ?? fields.host);
  // Some clients of proxies send no Host with it.
  const host = method === "CONNECT" ? target : byHost;
  if (host === undefined || host === "") throw new KtError("host-missing", "the request names no host");
  if (!visible.test(host)) throw fields.fail(`${quote(host)} is not a valid host`);
  return host;
}

/**
 * Reads a request head at `at`; "short" asks for more bytes. Throws KtError `request-invalid`, `request-too-large` or
 * `host-missing`.
 */
export function decodeRequestHead(bytes: Uint8Array, at = 0): { readonly head: RequestHead; readonly next: number } | "short" {
  const start = skipEmptyLines(bytes, at);
  const fields = new FieldReader("request-invalid");
  const first = bytes[start];
  if (first !== undefined && !startsToken[first] && !(first === cr && start + 1 === bytes.length)) {
    throw fields.fail(`it begins with byte 0x${first.toString(16).padStart(2, "0")}, which no HTTP request does`);
  }
  const taken = takeHead(bytes, start, "request-too-large");
  if (taken === "short") return "short";
  const { text, next } = taken;
  const line = requestLine.exec(text);
  if (!line) throw fields.fail(`${quote(text.slice(0, text.indexOf("\n")).trimEnd())} is not a valid request line`);
  const isOdd = controlCharacter.test(text);
  if (isOdd && forbidden.test(text)) throw fields.fail("it has a NUL or a lone CR");
  const [{ length }, method = "", target = "", minor] = line;
  if (!isTarget(target, method)) throw fields.fail(`${quote(target)} is not a valid target of a ${method} request`);
  const version = minor === "0" ? "1.0" : "1.1";
  fields.readLines(text, length);
  if (isOdd) throw fields.fail("it has a control character");
  const chunked = fields.encoding(version) === "chunked";
  const host = hostOf(fields, method, target, version);
  const upgrade = fields.upgrade !== undefined && fields.connectionHas("upgrade") ? fields.upgrade : undefined;
  const { headers, contentLength } = fields;
  const isPlainLine = length === method.length + target.length + " HTTP/1.1\r\n".length + 1 && (minor === "0" || minor === "1");
  const canonical = fields.canonical && isPlainLine && start === at;
  return {
    head: { method, target, version, headers, host, contentLength, chunked, keepAlive: fields.keepAlive(version), upgrade, canonical },
    next,
  };
}

const statusLine = /^HTTP\/1\.([0-9]) ([1-9][0-9][0-9])(?: ([^\r\n]*))?\r?\n/;
const statusStart = [...Buffer.from("HTTP/1.")];

/** Whether the bytes at `at`, as far as they go, can become a response: another protocol is recognised by its first byte. */
export function beginsResponse(bytes: Uint8Array, at = 0): boolean {
  const end = Math.min(bytes.length, at + statusStart.length);
  for (let index = at; index < end; index++) if (bytes[index] !== statusStart[index - at]) return false;
  return true;
}

/**
 * Reads a response head at `at`; "short" asks for more bytes. One that breaks the rules in a way that clients are used to is read
 * as they read it. Throws KtError `backend-invalid`.
 */
export function decodeResponseHead(bytes: Uint8Array, at = 0): { readonly head: ResponseHead; readonly next: number } | "short" {
  if (!beginsResponse(bytes, at)) {
    throw new FieldReader("backend-invalid").fail(`${quoteBytes(bytes.subarray(at))} is not an HTTP/1 response`);
  }
  const taken = takeHead(bytes, at, "backend-invalid");
  if (taken === "short") return "short";
  const { text, next } = taken;
  return { head: readResponse(text) ?? readMended(text), next };
}

/** Undefined for one that breaks the rules. */
function readResponse(text: string): ResponseHead | undefined {
  try {
    const head = readStrictly(text);
    return hasClearEncoding(head) ? withoutBody(head) : undefined;
  } catch {
    return undefined;
  }
}

function readMended(text: string): ResponseHead {
  const head = readStrictly(mendResponseHead(text));
  if (!hasClearEncoding(head)) {
    const encoding = headerValue(head.headers, "transfer-encoding") ?? "";
    throw new FieldReader("backend-invalid").fail(`Transfer-Encoding ${quote(encoding)} can be read in two ways`);
  }
  return { ...withoutBody(head), canonical: false };
}

/** Nothing that one reader takes for `chunked` or for none, and another does not. */
function hasClearEncoding({ chunked, otherEncoding, headers }: ResponseHead): boolean {
  if (!chunked && !otherEncoding) return true;
  const codings = lowerList(headerValue(headers, "transfer-encoding") ?? "");
  const others = chunked ? codings.slice(0, -1) : codings;
  return others.every((coding) => coding !== "identity" && !coding.includes("chunked"));
}

/** These have no body, whatever they say; some readers wait for one (RFC 9110 §8.6, RFC 9112 §6.1). */
function withoutBody(head: ResponseHead): ResponseHead {
  const { status, contentLength = 0 } = head;
  const hasEncoding = head.chunked || head.otherEncoding;
  const keepsLength = status === 304 || contentLength === 0;
  if ((status >= 200 && status !== 204 && status !== 304) || (!hasEncoding && keepsLength)) return head;
  const headers = head.headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return lower !== "transfer-encoding" && (keepsLength || lower !== "content-length");
  });
  return { ...head, headers, chunked: false, otherEncoding: false, keepAlive: false, canonical: false };
}

function readStrictly(text: string): ResponseHead {
  const fields = new FieldReader("backend-invalid");
  const line = statusLine.exec(text);
  if (!line) throw fields.fail(`${quote(text.slice(0, text.indexOf("\n")).trimEnd())} is not a valid status line`);
  if (forbidden.test(text)) throw fields.fail("it has a NUL or a lone CR");
  const [{ length }, minor, status, reason = ""] = line;
  const version = minor === "0" ? "1.0" : "1.1";
  fields.readLines(text, length);
  const encoding = fields.encoding(version);
  const upgrade = fields.upgrade !== undefined && fields.connectionHas("upgrade") ? fields.upgrade : undefined;
  const { headers, contentLength } = fields;
  return {
    status: Number(status),
    reason,
    version,
    headers,
    contentLength,
    upgrade,
    keepAlive: fields.keepAlive(version),
    chunked: encoding === "chunked",
    otherEncoding: encoding === "other",
    // curl takes no version that is still to come.
    canonical: fields.canonical && minor === "1" && length === "HTTP/1.1 200 \r\n".length + reason.length,
  };
}

/** A head as bytes. `firstLine` has no line end; neither it nor a field may hold one: what was decoded never does. */
export function encodeHead(firstLine: string, headers: readonly Header[]): Uint8Array {
  let text = `${firstLine}\r\n`;
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  return Buffer.from(`${text}\r\n`, "latin1");
}

/** The value of the first field of that name, which is given in lower case. */
export function headerValue(headers: readonly Header[], lowerName: string): string | undefined {
  for (const [name, value] of headers) {
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) return value;
  }
  return undefined;
}

const none: Framing = { kind: "none" };
const chunkedFraming: Framing = { kind: "chunked" };
const untilClose: Framing = { kind: "until-close" };
const lengthFraming = (bytes: number): Framing => (bytes === 0 ? none : { kind: "length", bytes });

/** The body that follows a request head. */
export function requestFraming(head: RequestHead): Framing {
  return head.chunked ? chunkedFraming : lengthFraming(head.contentLength ?? 0);
}

/**
 * The body that follows a response head. `none` for 101 and for a successful CONNECT: what follows there is no body but another
 * protocol, until the connection ends.
 */
export function responseFraming(head: ResponseHead, requestMethod: string): Framing {
  const { status } = head;
  if (requestMethod === "HEAD" || status < 200 || status === 204 || status === 304) return none;
  if (requestMethod === "CONNECT" && status < 300) return none;
  if (head.chunked) return chunkedFraming;
  return head.otherEncoding || head.contentLength === undefined ? untilClose : lengthFraming(head.contentLength);
}
