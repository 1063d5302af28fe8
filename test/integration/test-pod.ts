/** A pod for integration tests: HTTP on 8080 and TCP services beside it, each with one behaviour that a tunnel can get wrong. */

import { serve } from "bun";
import type { Conn } from "#base/conn.ts";
import { type Listener, listenTcp } from "#net/tcp.ts";

/** What /big sends: more than all buffers on the way can hold. */
export const bigBytes = 64 << 20;

/** Longer than the API server of the tests waits for a second half. */
const lateMs = 150;

export interface TestPod {
  /** Container port → port on 127.0.0.1. */
  readonly backends: ReadonlyMap<number, number>;
  /** HTTP requests so far. */
  readonly answered: () => number;
  close(): void;
}

function big(): Response {
  const piece = new Uint8Array(64 << 10);
  let left = bigBytes;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(piece);
      left -= piece.length;
      if (left <= 0) controller.close();
    },
  });
  return new Response(body, { headers: { "Content-Length": String(bigBytes) } });
}

/** A response that never ends by itself. */
function endless(): Response {
  const body = new ReadableStream<string>({
    start: (controller) => controller.enqueue("data: begun\n\n"),
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

function echo(conn: Conn): void {
  conn.start({
    onData(bytes) {
      if (!conn.write(bytes)) conn.pause();
    },
    onEnd: () => conn.end(),
    onDrain: () => conn.resume(),
    onClose() {},
  });
}

/** Answers each piece late, and in two pieces. */
function answerLate(conn: Conn): void {
  conn.start({
    onData(bytes) {
      setTimeout(() => conn.write(Buffer.from("you said ")), lateMs);
      setTimeout(() => {
        conn.write(bytes);
        conn.end();
      }, 2 * lateMs);
    },
    onEnd() {},
    onDrain() {},
    onClose() {},
  });
}

function sendAndEnd(conn: Conn): void {
  conn.write(new Uint8Array(1 << 20));
  conn.end();
  conn.start({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} });
}

/** 8080 HTTP, 7000 echo, 7003 sends 1 MiB and ends, 7004 resets, 7006 answers late. */
export function startTestPod(name: string): TestPod {
  let answered = 0;
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      answered += 1;
      const { pathname } = new URL(request.url);
      if (pathname === "/big") return big();
      if (pathname === "/endless") return endless();
      if (pathname === "/upload") return new Response(String((await request.arrayBuffer()).byteLength));
      return new Response(name, { headers: { "X-Pod": name } });
    },
  });
  const open = new Set<Conn>();
  const listening = (serveConn: (conn: Conn) => void): Listener =>
    listenTcp({
      host: "127.0.0.1",
      port: 0,
      accept: (conn) => {
        open.add(conn);
        serveConn(conn);
      },
    });
  const tcp = new Map([
    [7000, listening(echo)],
    [7003, listening(sendAndEnd)],
    [7004, listening((conn) => conn.abort())],
    [7006, listening(answerLate)],
  ]);
  return {
    backends: new Map([[8080, server.port ?? 0], ...[...tcp].map(([port, listener]) => [port, listener.port] as const)]),
    answered: () => answered,
    close() {
      void server.stop(true);
      for (const listener of tcp.values()) listener.close();
      for (const conn of open) conn.abort();
    },
  };
}
