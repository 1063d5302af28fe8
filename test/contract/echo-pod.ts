/** The TCP services of the test image that the contract needs, inside this process, for pods of the embedded cluster. */

import type { Conn } from "#base/conn.ts";
import { listenTcp } from "#net/tcp.ts";

const pushed = new Uint8Array(8 << 20);

/** Echoes until the client ends. */
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

function greet(conn: Conn): void {
  conn.write(Buffer.from("220 pod ready\r\n"));
  echo(conn);
}

/** Sends everything at once and ends first. */
function push(conn: Conn): void {
  conn.write(pushed);
  conn.end();
  conn.start({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} });
}

function reset(conn: Conn): void {
  conn.abort();
}

export interface EchoPod {
  /** Container port → port on 127.0.0.1. */
  readonly backends: ReadonlyMap<number, number>;
  close(): void;
}

/** 7000 echoes, 7003 sends 8 MiB and ends first, 7004 resets, 7005 greets and echoes. */
export function startEchoPod(): EchoPod {
  const services = { 7000: echo, 7003: push, 7004: reset, 7005: greet };
  const listeners = Object.entries(services).map(
    ([port, accept]) => [Number(port), listenTcp({ host: "127.0.0.1", port: 0, accept })] as const,
  );
  return {
    backends: new Map(listeners.map(([port, listener]) => [port, listener.port])),
    close() {
      for (const [, listener] of listeners) listener.close();
    },
  };
}
