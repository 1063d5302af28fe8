/** Uplinks for the tests of UDP at an edge: real sockets that speak the frames, and answer as the test says. */

import { DatagramSocket } from "#net/datagram-socket.ts";
import { decodeUplinkDatagram, encodeSessionEvent, type SessionTo } from "#wire/uplink-frame.ts";
import { encodeData } from "#test/support/encode-data.ts";

export interface Arrived {
  readonly to: SessionTo;
  readonly part: 0 | 1 | 2;
  readonly text: string;
}

export class FakeUplink {
  readonly address: string;
  isHealthy = true;
  serves = new Set<string>(["00000000000000aa"]);
  readonly arrived: Arrived[] = [];
  readonly ended: number[] = [];
  /** Sends back what it gets. */
  isEcho = true;
  readonly #socket: DatagramSocket;
  #edge = { port: 0, host: "" };

  constructor(address: string, port = 0) {
    this.address = address;
    this.#socket = new DatagramSocket({
      host: address,
      port,
      bufferBytes: 4 << 20,
      isShared: false,
      onDatagram: (bytes, fromPort, host) => this.#received(bytes, { port: fromPort, host }),
    });
  }

  get port(): number {
    return this.#socket.port;
  }

  /** The address of the edge's socket, as this uplink sees it. */
  get edge(): { readonly port: number; readonly host: string } {
    return this.#edge;
  }

  sendTo(to: SessionTo, payload: Uint8Array): void {
    for (const frame of encodeData(to, payload)) this.#socket.send(frame, this.#edge.port, this.#edge.host);
  }

  event(kind: "end" | "refused", session: number): void {
    this.#socket.send(encodeSessionEvent(kind, session), this.#edge.port, this.#edge.host);
  }

  raw(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.#edge.port, this.#edge.host);
  }

  close(): void {
    this.#socket.close();
  }

  #received(bytes: Uint8Array, edge: { port: number; host: string }): void {
    this.#edge = edge;
    const datagram = decodeUplinkDatagram(bytes);
    if (datagram.kind === "end") this.ended.push(datagram.session);
    if (datagram.kind !== "data") return;
    const { to, part, payload } = datagram;
    this.arrived.push({ to, part, text: Buffer.from(payload).toString("latin1") });
    if (this.isEcho) this.raw(bytes);
  }
}

/** The uplinks of an edge, which tests change as they like. */
export class FakeUplinks {
  readonly #listeners = new Set<() => void>();
  #turn = 0;
  readonly all: FakeUplink[];

  constructor(...all: FakeUplink[]) {
    this.all = all;
  }

  inTurn(target: string): FakeUplink[] {
    const serving = this.all.filter((uplink) => uplink.isHealthy && uplink.serves.has(target));
    const first = serving.length === 0 ? 0 : this.#turn++ % serving.length;
    return [...serving.slice(first), ...serving.slice(0, first)];
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
