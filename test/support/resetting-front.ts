/** A TCP front of a server that can reset every connection through it at once, as a load balancer does that is restarted. */

import { connect, listen, type Socket } from "bun";

interface Side {
  peer: Socket<Side> | undefined;
  unsent: Uint8Array[];
}

export interface ResettingFront {
  readonly port: number;
  /** Connections through it now. */
  readonly open: number;
  resetAll(): void;
  close(): void;
}

function send(to: Socket<Side>, bytes: Uint8Array): void {
  const { unsent } = to.data;
  const sent = unsent.length > 0 ? 0 : to.write(bytes);
  if (sent < bytes.length) unsent.push(bytes.slice(Math.max(0, sent)));
}

const passing = {
  data: (socket: Socket<Side>, bytes: Uint8Array) => {
    if (socket.data.peer) send(socket.data.peer, bytes);
    else socket.data.unsent.push(new Uint8Array(bytes));
  },
  drain: (socket: Socket<Side>) => {
    for (const bytes of socket.data.unsent.splice(0)) send(socket, bytes);
  },
  end: (socket: Socket<Side>) => void socket.data.peer?.end(),
  error: () => {},
};

export function startResettingFront(hostname: string, port: number): ResettingFront {
  const clients = new Set<Socket<Side>>();
  const listener = listen<Side>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      ...passing,
      open: (client) => {
        client.data = { peer: undefined, unsent: [] };
        clients.add(client);
        const socket = { ...passing, close: () => void client.end() };
        void connect<Side>({ hostname, port, data: { peer: client, unsent: [] }, socket }).then(
          (peer) => {
            for (const bytes of client.data.unsent.splice(0)) send(peer, bytes);
            client.data.peer = peer;
          },
          () => client.terminate(),
        );
      },
      close: (client) => {
        clients.delete(client);
        client.data.peer?.terminate();
      },
    },
  });
  return {
    port: listener.port,
    get open() {
      return clients.size;
    },
    resetAll: () => {
      for (const client of [...clients]) client.terminate();
    },
    close: () => listener.stop(true),
  };
}
