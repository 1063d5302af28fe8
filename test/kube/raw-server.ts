/** A TCP server that answers each connection by a script: for upgrades, which Bun's own server does not give away. */

import { type Socket, listen } from "bun";

export interface RawConnection {
  /** The request head as text. */
  readonly head: string;
  readonly socket: Socket<State>;
  /** Everything after the head, as it comes. */
  onData: (bytes: Uint8Array) => void;
}

interface State {
  connection: RawConnection | undefined;
  collected: Uint8Array;
}

export interface RawServer extends Disposable {
  readonly port: number;
  /** The first lines of all requests so far. */
  readonly lines: readonly string[];
}

export function rawServer(answer: (connection: RawConnection) => void): RawServer {
  const lines: string[] = [];
  const server = listen<State>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      binaryType: "uint8array",
      open(socket) {
        socket.data = { connection: undefined, collected: new Uint8Array(0) };
      },
      data(socket, bytes) {
        const state = socket.data;
        if (state.connection) return state.connection.onData(bytes);
        state.collected = Buffer.concat([state.collected, bytes]);
        const text = Buffer.from(state.collected).toString("latin1");
        const end = text.indexOf("\r\n\r\n");
        if (end < 0) return;
        lines.push(text.slice(0, text.indexOf("\r\n")));
        const connection: RawConnection = { head: text.slice(0, end), socket, onData: () => {} };
        state.connection = connection;
        answer(connection);
        const rest = state.collected.subarray(end + 4);
        if (rest.length > 0) connection.onData(rest);
      },
      end(socket) {
        socket.end();
      },
      error() {},
    },
  });
  return { port: server.port, lines, [Symbol.dispose]: () => server.stop(true) };
}

/** The value of a header in a request head. */
export const headerOf = (head: string, name: string): string | undefined => new RegExp(`^${name}: (.*)$`, "im").exec(head)?.[1]?.trim();
