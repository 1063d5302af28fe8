/** Joins connections to one place with new ones to another, across network namespaces: `pipe.ts FROM TO`, each HOST:PORT or a path. */

import { connect, listen, type Socket, type SocketHandler } from "bun";

interface Side {
  other: Socket<Side> | undefined;
  /** What the other side has not taken yet. */
  left: Uint8Array;
}

const side = (): Side => ({ other: undefined, left: new Uint8Array() });

function give(to: Socket<Side>, bytes: Uint8Array): void {
  const all = Buffer.concat([to.data.left, bytes]);
  to.data.left = all.subarray(Math.max(0, to.write(all)));
}

const handler: SocketHandler<Side> = {
  data: ({ data }, bytes) => {
    if (data.other) give(data.other, bytes);
    else data.left = Buffer.concat([data.left, bytes]);
  },
  drain: (socket) => give(socket, new Uint8Array()),
  close: ({ data }) => void data.other?.end(),
};

const [from = "", to = ""] = process.argv.slice(2);
const { port, hostname } = new URL(`tcp://${from.startsWith("/") ? "unused:1" : from}`);

function open(text: string, data: Side): Promise<Socket<Side>> {
  if (text.startsWith("/")) return connect({ unix: text, data, socket: handler });
  const at = new URL(`tcp://${text}`);
  return connect({ hostname: at.hostname, port: Number(at.port), data, socket: handler });
}

const joined: SocketHandler<Side> = {
  ...handler,
  open: (client) => {
    client.data = side();
    void open(to, side()).then((server) => {
      const early = client.data.left;
      client.data = { other: server, left: new Uint8Array() };
      server.data = { other: client, left: new Uint8Array() };
      give(server, early);
    });
  },
};
if (from.startsWith("/")) listen<Side>({ unix: from, socket: joined, data: side() });
else listen<Side>({ hostname, port: Number(port), socket: joined, data: side() });
