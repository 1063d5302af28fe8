/** An uplink as an edge in another process sees it, whole and in this one: ready, with news, and every target an echo. */

import { listen, type Socket, type TCPSocketListener } from "bun";
import { DatagramSocket } from "#net/datagram-socket.ts";
import { decodeUplinkDatagram, decodeUplinkRequest, encodeUplinkAnswer, uplinkPort, uplinkRequestBytes } from "#wire/uplink-frame.ts";

interface Stream {
  kind: "asking" | "news" | "echo";
  asked: Uint8Array;
  unsent: Uint8Array;
}

export class FakeEdgeUplink {
  /** The sessions of UDP that were seen, and the edge's sources of their datagrams. */
  readonly sessions = new Set<number>();
  readonly sources = new Set<string>();
  readonly ended: number[] = [];
  readonly #listeners: TCPSocketListener<Stream>[] = [];
  readonly #datagrams: DatagramSocket;
  readonly #news = new Set<Socket<Stream>>();
  readonly #signs: ReturnType<typeof setInterval>;

  constructor(host: string, serves: readonly string[]) {
    const news = `${JSON.stringify({ serves, isDraining: false })}\n`;
    const ready = listen<Stream>({
      hostname: host,
      port: 40500,
      socket: { data: (socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), error() {} },
    });
    const streams = listen<Stream>({
      hostname: host,
      port: uplinkPort,
      allowHalfOpen: true,
      socket: {
        binaryType: "uint8array",
        open: (socket) => {
          socket.data = { kind: "asking", asked: new Uint8Array(), unsent: new Uint8Array() };
        },
        data: (socket, bytes) => this.#received(socket, bytes, news),
        drain: (socket) => send(socket, new Uint8Array()),
        end: (socket) => void socket.end(),
        close: (socket) => void this.#news.delete(socket),
        error() {},
      },
    });
    this.#listeners.push(ready, streams);
    this.#datagrams = new DatagramSocket({
      host,
      port: uplinkPort,
      bufferBytes: 4 << 20,
      isShared: false,
      onDatagram: (bytes, port, from) => this.#datagram(bytes, port, from),
    });
    this.#signs = setInterval(() => {
      for (const socket of this.#news) socket.write("\n");
    }, 1000);
  }

  close(): void {
    clearInterval(this.#signs);
    for (const listener of this.#listeners) listener.stop(true);
    this.#datagrams.close();
  }

  #received(socket: Socket<Stream>, bytes: Uint8Array, news: string): void {
    const { data } = socket;
    if (data.kind === "echo") send(socket, bytes);
    if (data.kind !== "asking") return;
    data.asked = Buffer.concat([data.asked, bytes]);
    if (data.asked.length < uplinkRequestBytes) return;
    const request = decodeUplinkRequest(data.asked.subarray(0, uplinkRequestBytes));
    socket.write(encodeUplinkAnswer("opened"));
    if (request !== "version" && request.kind === "open") {
      data.kind = "echo";
      send(socket, data.asked.subarray(uplinkRequestBytes));
    } else {
      data.kind = "news";
      this.#news.add(socket);
      socket.write(news);
    }
  }

  #datagram(bytes: Uint8Array, port: number, from: string): void {
    const datagram = decodeUplinkDatagram(bytes);
    if (datagram.kind === "end") this.ended.push(datagram.session);
    if (datagram.kind !== "data") return;
    this.sessions.add(datagram.to.session);
    this.sources.add(`${from} ${port}`);
    this.#datagrams.send(bytes, port, from);
  }
}

/** What the system does not take waits for its turn. */
function send(socket: Socket<Stream>, bytes: Uint8Array): void {
  const all = Buffer.concat([socket.data.unsent, bytes]);
  const sent = Math.max(0, socket.write(all));
  socket.data.unsent = all.subarray(sent);
}
