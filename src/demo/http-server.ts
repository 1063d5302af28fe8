/** A small HTTP/1.1 server over Conns: whole JSON answers, answers that go on, and upgrades, which need the bare connection. */

import { ByteQueue } from "#base/bytes.ts";
import type { Conn } from "#base/conn.ts";
import { decodeRequestHead, encodeHead, type Header, type RequestHead } from "#wire/http-head.ts";

export interface HttpRequest {
  readonly head: RequestHead;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** What an answer that goes on is written to. */
export interface AnswerStream {
  write(text: string): void;
  end(): void;
  /** Breaks the connection off. */
  abort(): void;
}

export type HttpAnswer =
  | { readonly kind: "whole"; readonly status: number; readonly type: string; readonly text: string }
  /** `begin` returns what is called when the client leaves. */
  | { readonly kind: "stream"; readonly type: string; readonly begin: (stream: AnswerStream) => () => void }
  /** 101: `take` owns the Conn. */
  | { readonly kind: "upgrade"; readonly headers: readonly Header[]; readonly take: (conn: Conn) => void };

export type Answers = (request: HttpRequest) => HttpAnswer;

/** Longest request that is taken. */
const requestBytes = 1024 * 1024;

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  410: "Gone",
  500: "Internal Server Error",
};

/** Serves one connection, which it owns. */
export function serveHttp(conn: Conn, answers: Answers): void {
  const connection = new HttpConnection(conn, answers);
  conn.start(connection);
}

class HttpConnection {
  readonly #conn: Conn;
  readonly #answers: Answers;
  readonly #received = new ByteQueue(requestBytes);
  /** Called when the client leaves while an answer goes on. */
  #leave: (() => void) | undefined;

  constructor(conn: Conn, answers: Answers) {
    this.#conn = conn;
    this.#answers = answers;
  }

  onData(bytes: Uint8Array): void {
    try {
      this.#received.push(bytes);
      this.#next();
    } catch {
      this.#conn.abort(); // no HTTP, or too much of it: nothing that a client of the demo sends
    }
  }

  onEnd(): void {
    this.#left();
    this.#conn.end();
  }

  onDrain(): void {}

  onClose(): void {
    this.#left();
  }

  #left(): void {
    this.#leave?.();
    this.#leave = undefined;
  }

  #next(): void {
    while (!this.#leave && this.#received.length > 0) {
      const decoded = decodeRequestHead(this.#received.peek());
      if (decoded === "short") return;
      const { head, next } = decoded;
      const end = next + (head.contentLength ?? 0);
      if (this.#received.length < end) return;
      const body = Buffer.from(this.#received.take(end).subarray(next)).toString();
      const url = new URL(head.target, "http://api");
      if (!this.#answer(head, this.#answers({ head, path: url.pathname, query: url.searchParams, body }))) return;
    }
  }

  /** False when the connection carries no further request. */
  #answer(head: RequestHead, answer: HttpAnswer): boolean {
    if (answer.kind === "upgrade") {
      this.#upgrade(answer);
      return false;
    }
    if (answer.kind === "stream") this.#stream(answer);
    else this.#whole(answer, head.keepAlive);
    return head.keepAlive;
  }

  #whole({ status, type, text }: Extract<HttpAnswer, { kind: "whole" }>, keepAlive: boolean): void {
    const bytes = Buffer.from(text);
    const closing: readonly Header[] = keepAlive ? [] : [["Connection", "close"]];
    const headers: readonly Header[] = [["Content-Type", type], ["Content-Length", String(bytes.length)], ...closing];
    this.#conn.write(Buffer.concat([encodeHead(`HTTP/1.1 ${status} ${reasons[status] ?? ""}`, headers), bytes]));
    if (!keepAlive) this.#conn.end();
  }

  #stream({ type, begin }: Extract<HttpAnswer, { kind: "stream" }>): void {
    const conn = this.#conn;
    conn.write(
      encodeHead("HTTP/1.1 200 OK", [
        ["Content-Type", type],
        ["Transfer-Encoding", "chunked"],
        ["Connection", "close"],
      ]),
    );
    let over = false;
    this.#leave = () => {};
    const leave = begin({
      write(text) {
        const bytes = Buffer.from(text);
        if (!over && bytes.length > 0) conn.write(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, crlf]));
      },
      end() {
        if (!over) conn.write(Buffer.from("0\r\n\r\n"));
        over = true;
        conn.end();
      },
      abort() {
        over = true;
        conn.abort();
      },
    });
    this.#leave = () => {
      over = true;
      leave();
    };
  }

  #upgrade({ headers, take }: Extract<HttpAnswer, { kind: "upgrade" }>): void {
    this.#conn.pause();
    this.#conn.write(encodeHead("HTTP/1.1 101 Switching Protocols", headers));
    this.#conn.unread(this.#received.takeAll());
    take(this.#conn);
  }
}

const crlf = Buffer.from("\r\n");
