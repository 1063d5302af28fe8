/** The uplink's end of the tunnel: makes the tunnel as the document says, and listens at the overlay address once it is there. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { UplinkDocument } from "#expose/host/uplink-document.ts";
import { formatHostPort } from "#base/hostname.ts";
import { DatagramSocket } from "#net/datagram-socket.ts";
import { type Listener, listenTcp } from "#net/tcp.ts";
import { KeptSocket } from "./kept-socket.ts";
import { uplinkLimits } from "./limits.ts";
import type { UplinkTunnel } from "./tunnel.ts";

export interface OverlayEndOptions {
  readonly tunnel: UplinkTunnel;
  /** Of streams and of datagrams. */
  readonly ports: { readonly streams: number; readonly datagrams: number };
  readonly accept: (conn: Conn) => void;
  readonly onDatagram: (payload: Uint8Array, port: number, host: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Wanted {
  readonly document: UplinkDocument;
  readonly address: string;
}

export class OverlayEnd {
  readonly #options: OverlayEndOptions;
  /** What the tunnel has not been made for yet. */
  #next: Wanted | undefined;
  #isBusy = false;
  #streams: KeptSocket | undefined;
  #datagrams: KeptSocket<DatagramSocket> | undefined;
  #address = "";
  #failure = "";
  #cancel = (): void => {};
  #isClosed = false;

  constructor(options: OverlayEndOptions) {
    this.#options = options;
  }

  /** Those in use, also where 0 was asked for. */
  get ports(): OverlayEndOptions["ports"] {
    return { streams: this.#streams?.opened?.port ?? 0, datagrams: this.#datagrams?.opened?.port ?? 0 };
  }

  /** Why nothing can come through; undefined where it can. */
  get problem(): string | undefined {
    if (!this.#streams || !this.#datagrams) return this.#failure || "its tunnel is not made yet";
    return this.#streams.problem ?? this.#datagrams.problem ?? this.#options.tunnel.problem();
  }

  send(datagram: Uint8Array, port: number, host: string): void {
    this.#datagrams?.opened?.send(datagram, port, host);
  }

  follow(document: UplinkDocument, address: string): void {
    this.#next = { document, address };
    if (!this.#isBusy) void this.#make();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    this.#closeSockets();
    await this.#options.tunnel.close();
  }

  async #make(): Promise<void> {
    this.#isBusy = true;
    this.#cancel();
    for (let wanted = this.#next; wanted && !this.#isClosed; wanted = this.#next) {
      this.#next = undefined;
      await this.#makeOne(wanted);
    }
    this.#isBusy = false;
  }

  async #makeOne(wanted: Wanted): Promise<void> {
    const { tunnel, clock, log } = this.#options;
    try {
      await tunnel.follow(wanted.document, wanted.address);
      this.#failure = "";
      this.#listenAt(wanted.address);
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.#failure) log("error", "tunnel-failed", { text: problem });
      this.#failure = problem;
      this.#cancel = clock.after(uplinkLimits.retryMs, () => this.follow(wanted.document, wanted.address));
    }
  }

  #listenAt(address: string): void {
    if (this.#isClosed || (this.#streams && address === this.#address)) return;
    const { ports, accept, onDatagram, clock, log } = this.#options;
    this.#closeSockets();
    this.#address = address;
    const tcp = (): Listener => listenTcp({ host: address, port: ports.streams, accept, asksQuietPeers: true });
    this.#streams = new KeptSocket({ where: formatHostPort({ host: address, port: ports.streams }), open: tcp, clock, log });
    const bufferBytes = uplinkLimits.datagramBufferBytes;
    const udp = (): DatagramSocket =>
      new DatagramSocket({ host: address, port: ports.datagrams, bufferBytes, isShared: false, onDatagram });
    this.#datagrams = new KeptSocket({ where: `${formatHostPort({ host: address, port: ports.datagrams })}/udp`, open: udp, clock, log });
  }

  #closeSockets(): void {
    this.#streams?.close();
    this.#datagrams?.close();
  }
}
