/** One HTTP/1.1 request on a connection of its own, with nothing between the test and the bytes. */

import { ByteQueue } from "#base/bytes.ts";
import type { Conn } from "#base/conn.ts";
import { connect } from "#net/connect.ts";
import { BodyCursor } from "#wire/http-body.ts";
import { decodeResponseHead, encodeHead, type Header, headerValue, responseFraming, type ResponseHead } from "#wire/http-head.ts";
import type { ApiAccess } from "./api-access.ts";

export interface RawRequest {
  readonly method?: string;
  readonly headers?: readonly Header[];
  /** JSON. */
  readonly body?: string;
  /** Sent as it is, described by `headers`. */
  readonly rawBody?: string;
}

export interface RawResponse {
  readonly head: ResponseHead;
  /** Resolves with the next line of the body, chunk framing taken away; undefined at its end. */
  line(): Promise<string | undefined>;
  /** Everything left of the body. */
  text(): Promise<string>;
  abort(): void;
}

const neverAborted = new AbortController().signal;

/** Connects and sends the head; the connection is paused behind the response's head. */
export async function upgradeRequest(
  access: ApiAccess,
  path: string,
  request: RawRequest,
): Promise<{ readonly head: ResponseHead; readonly conn: Conn }> {
  const conn = await connect({ host: access.host, port: access.port, tls: access.tls, signal: neverAborted });
  const body = Buffer.from(request.body ?? "");
  const headers: Header[] = [["Host", `${access.host}:${access.port}`], ...(request.headers ?? [])];
  const given = headerValue(headers, "authorization") !== undefined;
  if (access.authorization !== undefined && !given) headers.push(["Authorization", access.authorization]);
  if (body.length > 0) headers.push(["Content-Length", String(body.length)], ["Content-Type", "application/json"]);
  const head = readHead(conn);
  conn.write(encodeHead(`${request.method ?? "GET"} ${path} HTTP/1.1`, headers));
  conn.write(request.rawBody === undefined ? body : Buffer.from(request.rawBody));
  return { head: await head, conn };
}

function readHead(conn: Conn): Promise<ResponseHead> {
  const bytes = new ByteQueue();
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error(`no response; got ${JSON.stringify(Buffer.from(bytes.peek()).toString())}`));
    conn.start({
      onData(chunk) {
        bytes.push(chunk);
        const decoded = decodeResponseHead(bytes.peek());
        if (decoded === "short") return;
        conn.pause();
        conn.unread(bytes.takeAll().subarray(decoded.next));
        resolve(decoded.head);
      },
      onEnd: fail,
      onDrain() {},
      onClose: fail,
    });
  });
}

/** Sends a request and reads the response's head; its body is read as the test asks. */
export async function rawRequest(access: ApiAccess, path: string, request: RawRequest = {}): Promise<RawResponse> {
  const { head, conn } = await upgradeRequest(access, path, request);
  const body = new BodyText(conn, head, request.method ?? "GET");
  return { head, line: () => body.line(), text: () => body.text(), abort: () => conn.abort() };
}

/** Collects a body as text and hands it out by line or whole. */
class BodyText {
  #text = "";
  #raw = "";
  #ended = false;
  #wake = Promise.withResolvers<void>();

  constructor(conn: Conn, head: ResponseHead, method: string) {
    const cursor = new BodyCursor(responseFraming(head, method), "backend-invalid");
    if (cursor.done) this.#end(conn);
    conn.start({
      onData: (bytes) => {
        const taken = Buffer.from(bytes.subarray(0, cursor.advance(bytes))).toString("latin1");
        if (head.chunked) this.#takeChunks(taken);
        else this.#text += taken;
        this.#wake.resolve();
        if (cursor.done) this.#end(conn);
      },
      onEnd: () => this.#end(conn),
      onDrain() {},
      onClose: () => this.#end(conn),
    });
  }

  #takeChunks(raw: string): void {
    this.#raw += raw;
    for (;;) {
      const lineEnd = this.#raw.indexOf("\r\n");
      if (lineEnd < 0) return;
      const size = Number.parseInt(this.#raw.slice(0, lineEnd), 16);
      if (this.#raw.length < lineEnd + 2 + size + 2) return;
      this.#text += this.#raw.slice(lineEnd + 2, lineEnd + 2 + size);
      this.#raw = this.#raw.slice(lineEnd + 2 + size + 2);
    }
  }

  #end(conn: Conn): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wake.resolve();
    conn.abort();
  }

  async #more(): Promise<void> {
    await this.#wake.promise;
    if (!this.#ended) this.#wake = Promise.withResolvers<void>();
  }

  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0 || this.#ended) {
        if (end < 0 && this.#text === "") return undefined;
        const line = end < 0 ? this.#text : this.#text.slice(0, end);
        this.#text = end < 0 ? "" : this.#text.slice(end + 1);
        return line;
      }
      await this.#more();
    }
  }

  async text(): Promise<string> {
    while (!this.#ended) await this.#more();
    const text = this.#text;
    this.#text = "";
    return text;
  }
}
