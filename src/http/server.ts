/** The server side of HTTP/1.1 over a Conn: reads one request after the other with its body, and sends what a handler answers. */

import { ByteQueue, concatBytes, emptyBytes } from "#base/bytes.ts";
import { CappedBytes, TooLong } from "#base/capped-bytes.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { encodeChunk, encodeLastChunk } from "#wire/http-chunks.ts";
import { decodeRequestHead, encodeHead, type Header, type RequestHead, requestFraming } from "#wire/http-head.ts";
import { BodyDecoder } from "./body-decoder.ts";
import { reasonPhrase } from "./fields.ts";
import { httpLimits } from "./limits.ts";

export interface ServerRequest {
  readonly head: RequestHead;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Uint8Array;
}

/** What the body of an answer that goes on is written to. Harmless once it is over. */
export interface BodyStream {
  /** False when the client has not taken all of it yet: `onDrain` is called when it has. */
  write(bytes: Uint8Array): boolean;
  onDrain: () => void;
  end(): void;
  /** Breaks the connection off. */
  abort(): void;
}

export type ServerAnswer =
  | { readonly kind: "whole"; readonly status: number; readonly headers: readonly Header[]; readonly body: Uint8Array }
  /** `begin` returns what is called when the client leaves before the end. */
  | {
      readonly kind: "stream";
      readonly status: number;
      readonly headers: readonly Header[];
      readonly begin: (stream: BodyStream) => () => void;
    }
  /** 101: `take` owns the Conn. */
  | { readonly kind: "upgrade"; readonly headers: readonly Header[]; readonly take: (conn: Conn) => void };

/** One that throws or rejects is answered for by a 500, or by a 400 for KtError `request-invalid`. */
export type RequestHandler = (request: ServerRequest) => ServerAnswer | Promise<ServerAnswer>;

/** Serves one connection, which it owns. */
export function serveHttp(conn: Conn, handler: RequestHandler): void {
  conn.start(new ServerConnection(conn, handler));
}

interface Incoming {
  readonly head: RequestHead;
  readonly decoder: BodyDecoder;
  readonly body: CappedBytes;
}

class ServerConnection implements ConnHandler {
  readonly #conn: Conn;
  readonly #handler: RequestHandler;
  /** What has arrived and was not read yet. */
  readonly #inbox = new ByteQueue(httpLimits.serverRequestBytes);
  #incoming: Incoming | undefined;
  /** The request whose answer is under way. */
  #answering: RequestHead | undefined;
  /** The answer that goes on, whose writer may wait. */
  #streaming: BodyStream | undefined;
  /** Called when the client leaves while an answer goes on. */
  #leave: (() => void) | undefined;
  #clientEnded = false;
  #over = false;

  constructor(conn: Conn, handler: RequestHandler) {
    this.#conn = conn;
    this.#handler = handler;
  }

  onData(bytes: Uint8Array): void {
    if (this.#over) return;
    try {
      this.#inbox.push(bytes);
      this.#next();
    } catch (error) {
      this.#refuse(toKtError(error, "request-invalid", "read the request").message, error instanceof TooLong ? 413 : 400);
    }
  }

  /** A client that ended its half still reads a whole answer; it takes no part in one that goes on. */
  onEnd(): void {
    this.#clientEnded = true;
    if (this.#answering && !this.#leave) return;
    this.#finish();
    this.#conn.end();
  }

  onDrain(): void {
    this.#streaming?.onDrain();
  }

  onClose(): void {
    this.#finish();
  }

  /** The connection serves no further request. */
  #finish(): void {
    this.#over = true;
    this.#streaming = undefined;
    const leave = this.#leave;
    this.#leave = undefined;
    leave?.();
  }

  #next(): void {
    while (!this.#answering && !this.#over && this.#inbox.length > 0) {
      this.#incoming ??= this.#head();
      if (!this.#incoming || !this.#readBody(this.#incoming)) return;
      const { head, body } = this.#incoming;
      this.#incoming = undefined;
      this.#handle(head, body.takeBytes());
    }
  }

  #head(): Incoming | undefined {
    const decoded = decodeRequestHead(this.#inbox.peek());
    if (decoded === "short") return undefined;
    this.#inbox.take(decoded.next);
    const decoder = new BodyDecoder(requestFraming(decoded.head), "request-invalid");
    return { head: decoded.head, decoder, body: new CappedBytes(httpLimits.serverRequestBytes, "the body of the request") };
  }

  /** True once the body is complete. What comes behind it stays in the inbox. */
  #readBody({ decoder, body }: Incoming): boolean {
    const bytes = this.#inbox.takeAll();
    for (const piece of decoder.read(bytes)) body.add(piece);
    this.#inbox.push(bytes.subarray(bytes.length - decoder.surplusBytes));
    return decoder.done;
  }

  #handle(head: RequestHead, body: Uint8Array): void {
    this.#answering = head;
    try {
      const answer = this.#handler({ head, ...readTarget(head.target), body });
      if (answer instanceof Promise) answer.then((late) => this.#answer(head, late)).catch((error) => this.#failed(error));
      else this.#answer(head, answer);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(thrown: unknown): void {
    const error = toKtError(thrown, "internal", "answer the request");
    this.#refuse(error.message, error.code === "request-invalid" ? 400 : 500);
  }

  /** An answer of our own, behind which nothing is read any more. */
  #refuse(message: string, status: number): void {
    if (this.#over) return;
    this.#answering = undefined;
    this.#finish();
    this.#write(status, [["Content-Type", "text/plain; charset=utf-8"]], Buffer.from(`${message}\n`), { keepAlive: false, isHead: false });
    this.#conn.end();
  }

  #answer(head: RequestHead, answer: ServerAnswer): void {
    if (this.#over) return;
    if (answer.kind === "upgrade") this.#upgrade(answer);
    else if (answer.kind === "stream" && head.method !== "HEAD") this.#stream(head, answer);
    else {
      const body = answer.kind === "whole" ? answer.body : emptyBytes;
      this.#write(answer.status, answer.headers, body, { keepAlive: head.keepAlive, isHead: head.method === "HEAD" });
      this.#answered(head.keepAlive);
    }
  }

  #write(
    status: number,
    headers: readonly Header[],
    body: Uint8Array,
    { keepAlive, isHead }: { readonly keepAlive: boolean; readonly isHead: boolean },
  ): void {
    const closing: readonly Header[] = keepAlive ? [] : [["Connection", "close"]];
    const head = encodeHead(firstLine(status), [...headers, ["Content-Length", String(body.length)], ...closing]);
    this.#conn.write(isHead ? head : concatBytes([head, body]));
  }

  /** A client of HTTP/1.0 knows no chunks: there the end of the connection is that of the body. */
  #stream(head: RequestHead, { status, headers, begin }: Extract<ServerAnswer, { kind: "stream" }>): void {
    const conn = this.#conn;
    const isChunked = head.version === "1.1";
    const keepAlive = head.keepAlive && isChunked;
    const framing: readonly Header[] = isChunked ? [["Transfer-Encoding", "chunked"]] : [];
    const closing: readonly Header[] = keepAlive ? [] : [["Connection", "close"]];
    conn.write(encodeHead(firstLine(status), [...headers, ...framing, ...closing]));
    let isOver = false;
    this.#leave = () => {};
    this.#streaming = {
      onDrain: () => {},
      write: (bytes) => isOver || bytes.length === 0 || conn.write(isChunked ? encodeChunk(bytes) : bytes),
      end: () => {
        if (isOver) return;
        isOver = true;
        this.#leave = undefined;
        this.#streaming = undefined;
        if (isChunked) conn.write(encodeLastChunk([]));
        this.#answered(keepAlive);
      },
      abort: () => {
        isOver = true;
        conn.abort();
      },
    };
    const leave = begin(this.#streaming);
    if (isOver) return;
    this.#leave = () => {
      isOver = true;
      leave();
    };
  }

  #answered(keepAlive: boolean): void {
    this.#answering = undefined;
    if (!keepAlive || this.#clientEnded) {
      this.#finish();
      this.#conn.end();
      return;
    }
    // Requests that came meanwhile wait in the inbox.
    if (this.#inbox.length > 0) queueMicrotask(() => this.onData(emptyBytes));
  }

  #upgrade({ headers, take }: Extract<ServerAnswer, { kind: "upgrade" }>): void {
    this.#over = true;
    this.#conn.pause();
    this.#conn.write(encodeHead(firstLine(101), headers));
    this.#conn.unread(this.#inbox.takeAll());
    take(this.#conn);
  }
}

/** A path that begins with two slashes names no host (RFC 9112 §3.2.1). Throws KtError `request-invalid`. */
function readTarget(target: string): Pick<ServerRequest, "path" | "query"> {
  if (target === "*") return { path: target, query: new URLSearchParams() };
  try {
    const url = new URL(target.startsWith("/") ? `http://host${target}` : target);
    return { path: url.pathname, query: url.searchParams };
  } catch {
    throw new KtError("request-invalid", `${JSON.stringify(target)} is not a valid target`);
  }
}

function firstLine(status: number): string {
  return `HTTP/1.1 ${status} ${reasonPhrase(status)}`;
}
