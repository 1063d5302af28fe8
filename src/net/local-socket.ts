/** Unix sockets behind Conn: how two programs of one user on one machine speak to each other. */

import { connect, listen } from "bun";
import type { Conn } from "#base/conn.ts";
import { SocketConn, type SocketState, socketEvents } from "./tcp.ts";

const ignore = (): void => {};

/**
 * Listens at a path that this user alone may use; a socket that is there already is replaced. `accept` gets each new Conn, paused. Throws
 * the system's own error. The returned function stops listening and removes the socket.
 */
export function listenLocal(path: string, accept: (conn: Conn) => void): () => void {
  const umask = process.umask(0o177);
  try {
    const listener = listen<SocketState>({
      unix: path,
      allowHalfOpen: true,
      socket: {
        ...socketEvents,
        open(socket) {
          const conn = new SocketConn(socket);
          socket.data = { conn, onOpen: ignore, onFail: ignore };
          accept(conn);
        },
      },
    });
    return () => listener.stop(false);
  } finally {
    process.umask(umask);
  }
}

/** Rejects with the system's own error. */
export async function connectLocal(path: string): Promise<Conn> {
  return await new Promise((resolve, reject) => {
    connect<SocketState>({
      unix: path,
      allowHalfOpen: true,
      data: { conn: undefined, onOpen: resolve, onFail: reject },
      socket: {
        ...socketEvents,
        open(socket) {
          const conn = new SocketConn(socket);
          socket.data.conn = conn;
          socket.data.onOpen(conn);
        },
      },
    }).catch(reject);
  });
}
