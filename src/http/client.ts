/** One HTTP/1.1 exchange over a Conn of its own: whole answers, streamed ones, and upgrades. */

import { concatBytes } from "#base/bytes.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { httpLimits } from "./limits.ts";
import { wireLimits } from "#wire/limits.ts";
import { decodeResponseHead, encodeHead, type Header, type ResponseHead, responseFraming } from "#wire/http-head.ts";
import { BodyDecoder } from "./body-decoder.ts";
import { CappedBytes } from "#base/capped-bytes.ts";

export interface HttpRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly Header[];
  readonly body?: string;
}

export interface Answer {
  readonly head: ResponseHead;
  readonly body: string;
}

/** The peer closed before its answer was complete. */
export class CutShort extends KtError {
  constructor(cause: KtError | undefined) {
    super("cluster-unreachable", cause?.message ?? "the connection was closed before the answer was complete", { cause });
  }
}

/** Receives an answer as it arrives. `onHead` returns whether the bytes after the head are its body or another protocol. */
interface AnswerSink {
  onHead(head: ResponseHead): "body" | "upgraded";
  onBody(bytes: Uint8Array): void;
}

/** Sends the request and owns the Conn until the answer has ended; an upgraded Conn is left paused, with what followed the head. */
class Exchange implements ConnHandler {
  readonly #conn: Conn;
  readonly #method: string;
  readonly #sink: AnswerSink;
  readonly #settle: (error: unknown) => void;
  #head: Uint8Array[] = [];
  #headBytes = 0;
  #body: BodyDecoder | undefined;
  #over = false;

  constructor(conn: Conn, method: string, sink: AnswerSink, settle: (error: unknown) => void) {
    this.#conn = conn;
    this.#method = method;
    this.#sink = sink;
    this.#settle = settle;
  }

  onData(bytes: Uint8Array): void {
    if (this.#over) return;
    try {
      if (this.#body) this.#readBody(this.#body, bytes);
      else this.#takeHead(bytes);
      if (this.#body?.done) this.finish(undefined);
    } catch (error) {
      this.finish(error);
    }
  }

  onEnd(): void {
    if (this.#body?.end()) this.finish(undefined);
    else this.finish(new CutShort(undefined));
  }

  onDrain(): void {}

  onClose(error: KtError | undefined): void {
    if (this.#body?.end()) this.finish(undefined);
    else this.finish(new CutShort(error));
  }

  finish(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    // The connection served one request: nothing that still arrives is needed, and a peer that lingers must not keep the socket open.
    this.#conn.abort();
    this.#settle(error);
  }

  #takeHead(bytes: Uint8Array): void {
    this.#head.push(bytes);
    this.#headBytes += bytes.length;
    if (this.#headBytes > wireLimits.httpHeadBytes) throw new KtError("cluster-error", "the answer's head is too long");
    const collected = concatBytes(this.#head);
    this.#head = [collected];
    const decoded = decodeResponseHead(collected);
    if (decoded === "short") return;
    const rest = collected.subarray(decoded.next);
    const { status } = decoded.head;
    if (status >= 100 && status < 200 && status !== 101) this.#nextHead(rest);
    else if (this.#sink.onHead(decoded.head) === "upgraded") this.#upgraded(rest);
    else this.#beginBody(decoded.head, rest);
  }

  /** An interim answer (RFC 9110 §15.2) precedes the real one. */
  #nextHead(rest: Uint8Array): void {
    this.#head = [];
    this.#headBytes = 0;
    if (rest.length > 0) this.#takeHead(rest);
  }

  #beginBody(head: ResponseHead, rest: Uint8Array): void {
    this.#head = [];
    this.#body = new BodyDecoder(responseFraming(head, this.#method), "cluster-error");
    this.#readBody(this.#body, rest);
  }

  #readBody(body: BodyDecoder, bytes: Uint8Array): void {
    for (const data of body.read(bytes)) this.#sink.onBody(data);
  }

  #upgraded(rest: Uint8Array): void {
    this.#over = true;
    this.#conn.pause();
    this.#conn.unread(rest);
    this.#settle(undefined);
  }
}

/** Ends when the answer does. Rejects with the signal's reason, or a KtError. */
function exchange(conn: Conn, request: HttpRequest, sink: AnswerSink, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: unknown): void => {
      signal.removeEventListener("abort", onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const running = new Exchange(conn, request.method, sink, settle);
    const onAbort = (): void => running.finish(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    conn.start(running);
    const lengthBytes = request.body === undefined ? [] : [["Content-Length", String(Buffer.byteLength(request.body))] as const];
    conn.write(encodeHead(`${request.method} ${request.target} HTTP/1.1`, [...request.headers, ...lengthBytes]));
    if (request.body !== undefined) conn.write(Buffer.from(request.body));
  });
}

const newBody = (): CappedBytes => new CappedBytes(httpLimits.apiAnswerBytes, "the answer");

/** The whole answer. */
export async function request(conn: Conn, message: HttpRequest, signal: AbortSignal): Promise<Answer> {
  const result = await upgrade(conn, message, signal, () => false);
  if ("conn" in result) throw new KtError("internal", "internal error: an upgrade that was not requested");
  return result;
}

/** The Conn, paused before the first byte after the head, when `accepts` takes the head; else the whole answer. */
export async function upgrade(
  conn: Conn,
  message: HttpRequest,
  signal: AbortSignal,
  accepts: (head: ResponseHead) => boolean,
): Promise<{ readonly head: ResponseHead; readonly conn: Conn } | Answer> {
  const body = newBody();
  let answered: ResponseHead | undefined;
  let upgraded = false;
  const sink: AnswerSink = {
    onHead(head) {
      answered = head;
      upgraded = accepts(head);
      return upgraded ? "upgraded" : "body";
    },
    onBody: (bytes) => body.add(bytes),
  };
  await exchange(conn, message, sink, signal);
  if (!answered) throw new KtError("internal", "internal error: an exchange ended without an answer");
  return upgraded ? { head: answered, conn } : { head: answered, body: body.takeText() };
}

/** An answer of unknown length: a 200 is given to the listener as it comes, any other answer is collected and returned. */
export async function stream(
  conn: Conn,
  message: HttpRequest,
  signal: AbortSignal,
  listener: { onOpen(): void; onBody(bytes: Uint8Array): void },
): Promise<Answer> {
  const refusal = newBody();
  let answered: ResponseHead | undefined;
  const sink: AnswerSink = {
    onHead(head) {
      answered = head;
      if (head.status === 200) listener.onOpen();
      return "body";
    },
    onBody: (bytes) => (answered?.status === 200 ? listener.onBody(bytes) : refusal.add(bytes)),
  };
  await exchange(conn, message, sink, signal);
  if (!answered) throw new KtError("internal", "internal error: an exchange ended without an answer");
  return { head: answered, body: refusal.takeText() };
}

/** The answer as far as it fits: a body that is longer is cut there, and its connection closed. */
export async function requestCut(
  conn: Conn,
  message: HttpRequest,
  signal: AbortSignal,
  maxBytes: number,
): Promise<{ readonly head: ResponseHead; readonly body: Uint8Array; readonly isCut: boolean }> {
  const body = new CappedBytes(maxBytes, "the answer");
  const enough = new AbortController();
  let answered: ResponseHead | undefined;
  const sink: AnswerSink = {
    onHead(head) {
      answered = head;
      return "body";
    },
    onBody(bytes) {
      const room = maxBytes - body.length;
      body.add(bytes.subarray(0, room));
      if (bytes.length > room) enough.abort(enough);
    },
  };
  try {
    await exchange(conn, message, sink, AbortSignal.any([signal, enough.signal]));
  } catch (error) {
    if (error !== enough) throw error;
  }
  if (!answered) throw new KtError("internal", "internal error: an exchange ended without an answer");
  return { head: answered, body: body.takeBytes(), isCut: enough.signal.aborted };
}
