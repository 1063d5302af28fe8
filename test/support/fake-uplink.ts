/** An uplink that tests steer: what it serves, how it answers, and how it fails. Its targets are connections that the test gets. */

import type { Conn } from "#base/conn.ts";
import { serveHttp } from "#http/server.ts";
import { type Listener, listenTcp } from "#net/tcp.ts";
import {
  decodeUplinkRequest,
  encodeUplinkAnswer,
  type TargetKey,
  type UplinkAnswer,
  uplinkPort,
  type UplinkRequest,
  uplinkRequestBytes,
} from "#wire/uplink-frame.ts";

type OpenRequest = Extract<UplinkRequest, { kind: "open" }>;

export class FakeUplink {
  readonly address: string;
  /** `silent`: accepts and says nothing. */
  answer: (request: OpenRequest) => UplinkAnswer | "silent" | "close" = () => "opened";
  /** Given each connection for a target, whose answer was sent. */
  onOpen: (conn: Conn, request: OpenRequest) => void = (conn) => conn.abort();
  readyStatus = 200;
  readonly asked: OpenRequest[] = [];
  probes = 0;
  #serves: readonly TargetKey[] = [];
  #isDraining = false;
  readonly #news = new Set<Conn>();
  readonly #conns = new Set<Conn>();
  #listeners: Listener[] = [];

  constructor(address: string, serves: readonly TargetKey[] = []) {
    this.address = address;
    this.#serves = serves;
    this.start();
  }

  start(): void {
    const streams = listenTcp({ host: this.address, port: uplinkPort, accept: (conn) => this.#accept(conn) });
    const ready = listenTcp({ host: this.address, port: 40_500, accept: (conn) => this.#probe(conn) });
    this.#listeners = [streams, ready];
  }

  serve(keys: readonly TargetKey[], isDraining = false): void {
    this.#serves = keys;
    this.#isDraining = isDraining;
    for (const conn of this.#news) conn.write(this.#line());
  }

  /** As when its process is killed: nothing listens, and what was open is reset. */
  kill(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    for (const conn of this.#conns) conn.abort();
    this.#conns.clear();
    this.#news.clear();
  }

  /** Its probes go unanswered, and its news end. */
  closeNews(): void {
    for (const conn of this.#news) conn.abort();
    this.#news.clear();
  }

  [Symbol.dispose](): void {
    this.kill();
  }

  #line(): Uint8Array {
    return new TextEncoder().encode(`${JSON.stringify({ serves: this.#serves, isDraining: this.#isDraining })}\n`);
  }

  #probe(conn: Conn): void {
    this.#conns.add(conn);
    serveHttp(conn, () => {
      this.probes += 1;
      return { kind: "whole", status: this.readyStatus, headers: [], body: new Uint8Array() };
    });
  }

  #accept(conn: Conn): void {
    this.#conns.add(conn);
    const collected: number[] = [];
    conn.start({
      onData: (bytes) => {
        collected.push(...bytes);
        if (collected.length < uplinkRequestBytes) return;
        conn.pause();
        conn.unread(Uint8Array.from(collected.slice(uplinkRequestBytes)));
        this.#serve(conn, decodeUplinkRequest(Uint8Array.from(collected.slice(0, uplinkRequestBytes))));
      },
      onEnd: () => conn.end(),
      onDrain() {},
      onClose: () => this.#conns.delete(conn),
    });
  }

  #serve(conn: Conn, request: UplinkRequest | "version"): void {
    if (request === "version") throw new Error("an edge of this version sent a request of another");
    if (request.kind === "news") this.#sendNews(conn);
    else if (request.kind === "open") this.#open(conn, request);
    else throw new Error(`an edge that has its address asked for ${request.kind}`);
  }

  #sendNews(conn: Conn): void {
    this.#news.add(conn);
    conn.start({ onData() {}, onEnd: () => conn.end(), onDrain() {}, onClose: () => this.#news.delete(conn) });
    conn.write(encodeUplinkAnswer("opened"));
    conn.write(this.#line());
  }

  #open(conn: Conn, request: OpenRequest): void {
    this.asked.push(request);
    const answer = this.answer(request);
    if (answer === "silent") return;
    if (answer === "close") {
      conn.abort();
      return;
    }
    conn.write(encodeUplinkAnswer(answer));
    if (answer === "opened") this.onOpen(conn, request);
    else conn.end();
  }
}
