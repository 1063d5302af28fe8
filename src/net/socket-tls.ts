/** Connects a socket with Bun's own TLS: the Conn exists once the peer has been looked at and is accepted. */

import { connect, type Socket, type TLSOptions } from "bun";
import type { Conn } from "#base/conn.ts";
import { SocketConn, type SocketState, socketEvents } from "./tcp.ts";

export interface SocketTlsOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TLSOptions;
  /** Why the peer is not accepted; undefined where it is. `problem`: of the handshake, or what the library has against the certificate. */
  readonly refusal: (socket: Socket<SocketState>, problem: Error | undefined) => unknown;
  /** Ends the attempt; after the promise has resolved it has no effect. */
  readonly signal: AbortSignal;
}

const tlsEvents = {
  ...socketEvents,
  open(): void {
    // Not yet: the peer is looked at first.
  },
  handshake(socket: Socket<SocketState>, success: boolean, problem: Error | null): void {
    const state = socket.data;
    if (state.conn) return;
    const refusal = state.refusal?.(socket, success && !problem ? undefined : (problem ?? new Error("TLS handshake failed")));
    if (refusal !== undefined) {
      state.onFail(refusal);
      socket.terminate();
      return;
    }
    state.conn = new SocketConn(socket);
    state.onOpen(state.conn);
  },
} as const;

/** Rejects with the system's or the TLS library's own error, what `refusal` gave, or the signal's reason. */
export function connectSocketTls({ host, port, tls, refusal, signal }: SocketTlsOptions): Promise<Conn> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    let shaking: Socket<SocketState> | undefined;
    const onAbort = (): void => {
      reject(signal.reason);
      // Who accepts and then says nothing would hold the socket for ever.
      shaking?.terminate();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const onOpen = (conn: SocketConn): void => {
      signal.removeEventListener("abort", onAbort);
      if (signal.aborted) conn.abort();
      else resolve(conn);
    };
    const onFail = (error: unknown): void => {
      signal.removeEventListener("abort", onAbort);
      reject(error);
    };
    connect<SocketState>({
      hostname: host,
      port,
      allowHalfOpen: true,
      data: { conn: undefined, refusal, onOpen, onFail },
      socket: tlsEvents,
      tls,
    }).then((socket) => {
      shaking = socket;
      if (signal.aborted && !socket.data.conn) socket.terminate();
    }, onFail);
  });
}
