/** An HTTP proxy that only knows CONNECT, and remembers what it was asked for. */

import { connect, listen, type Socket } from "bun";

interface Side {
  peer: Socket<Side> | undefined;
  head: string;
  backlog: Uint8Array[];
}

export interface ConnectProxy {
  readonly url: string;
  /** The targets of all CONNECT requests so far. */
  readonly connected: readonly string[];
  /** What the client authenticated with, if anything. */
  readonly authorizations: readonly string[];
  close(): void;
}

/** Writes all of it, keeping what does not fit for `drain`. */
function send(to: Socket<Side>, bytes: Uint8Array): void {
  const { backlog } = to.data;
  if (backlog.length > 0) {
    backlog.push(bytes);
    return;
  }
  const sent = to.write(bytes);
  if (sent < bytes.length) backlog.push(bytes.slice(Math.max(0, sent)));
}

const passing = {
  data: (socket: Socket<Side>, bytes: Uint8Array) => {
    if (socket.data.peer) send(socket.data.peer, new Uint8Array(bytes));
  },
  drain: (socket: Socket<Side>) => {
    const waiting = socket.data.backlog.splice(0);
    for (const bytes of waiting) send(socket, bytes);
  },
  close: (socket: Socket<Side>) => {
    socket.data.peer?.end();
  },
  error: () => {},
};

/** Starts one on a free port. With `refuse`, every request gets that status line instead. */
export function startProxy(refuse?: string): ConnectProxy {
  const connected: string[] = [];
  const authorizations: string[] = [];

  async function answer(socket: Socket<Side>, head: string): Promise<void> {
    const [, host = "", port = ""] = /^CONNECT ([^ ]+):(\d+) HTTP\/1\.1\r\n/.exec(head) ?? [];
    connected.push(`${host}:${port}`);
    const authorization = /^proxy-authorization: (.*)\r$/im.exec(head)?.[1];
    if (authorization !== undefined) authorizations.push(authorization);
    if (refuse !== undefined) {
      socket.end(`HTTP/1.1 ${refuse}\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const peer = await connect<Side>({
      hostname: host,
      port: Number(port),
      data: { peer: socket, head: "", backlog: [] },
      socket: passing,
    });
    socket.data.peer = peer;
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
  }

  const server = listen<Side>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      ...passing,
      open: (socket) => {
        socket.data = { peer: undefined, head: "", backlog: [] };
      },
      data: (socket, bytes) => {
        if (socket.data.peer) return passing.data(socket, bytes);
        socket.data.head += new TextDecoder().decode(bytes);
        if (socket.data.head.endsWith("\r\n\r\n")) void answer(socket, socket.data.head);
      },
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, connected, authorizations, close: () => server.stop(true) };
}
