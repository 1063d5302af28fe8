/**
 * An echo for the tickers, of TCP and UDP on one port, which says where each connection and each UDP client came from.
 * Usage: echo.ts PORT [NAME] [HOST].
 */

import { listen, type Socket, udpSocket } from "bun";

const [portText = "0", name = "echo", host = "0.0.0.0"] = process.argv.slice(2);

/** One line of JSON each, for the test that started it. */
function say(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

interface Client {
  unsent: Uint8Array;
  hasSpoken: boolean;
}

function send(socket: Socket<Client>): void {
  const { data } = socket;
  data.unsent = data.unsent.subarray(Math.max(0, socket.write(data.unsent)));
  if (data.unsent.length === 0) socket.resume();
}

const tcp = listen<Client>({
  hostname: host,
  port: Number(portText),
  allowHalfOpen: true,
  socket: {
    binaryType: "uint8array",
    open(socket) {
      socket.data = { unsent: new Uint8Array(), hasSpoken: false };
    },
    data(socket, bytes) {
      const { data } = socket;
      if (!data.hasSpoken) {
        const first = Buffer.from(bytes.subarray(0, 64)).toString("latin1");
        say({ event: "connection", from: `${socket.remoteAddress} ${socket.remotePort}`, first });
      }
      data.hasSpoken = true;
      data.unsent = Buffer.concat([data.unsent, bytes]);
      send(socket);
      if (data.unsent.length > 0) socket.pause();
    },
    drain: send,
    end(socket) {
      socket.end();
    },
    error() {},
  },
});

const sources = new Set<string>();
const udp = await udpSocket({
  hostname: host,
  port: tcp.port,
  binaryType: "uint8array",
  socket: {
    data(socket, payload, fromPort, from) {
      const source = `${from} ${fromPort}`;
      if (!sources.has(source)) say({ event: "source", from: source });
      sources.add(source);
      try {
        // What was asked, who asked, and who answers: a ticker sees by it when either changes.
        socket.send(`${Buffer.from(payload).toString("latin1")}|${source}|${name}`, fromPort, from);
      } catch {
        // A report of an earlier datagram (ICMP).
      }
    },
    error() {},
  },
});

say({ event: "listening", port: udp.port });
