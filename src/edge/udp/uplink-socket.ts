/** What the datagrams of all sessions take to the uplinks: one socket at the edge's address in the tunnel, or a stream of each uplink. */

import { toKtError } from "#base/errors.ts";
import { edgeLimits } from "#edge/limits.ts";
import { DatagramSocket } from "#net/datagram-socket.ts";
import { type DatagramKind, encodeSessionEvent, frameData, peekUplinkDatagram, uplinkDatagramHeadBytes } from "#wire/uplink-frame.ts";
import type { UdpSession, UdpUplink } from "./udp-session.ts";

export interface UplinkSocketHandler {
  byId(id: number): UdpSession | undefined;
  answer(session: UdpSession, payload: Uint8Array): void;
  endedByUplink(session: UdpSession): void;
  /** Nothing listens at the target. */
  refused(session: UdpSession): void;
  /** Not of a session's own uplink. */
  stray(): void;
}

export interface UplinkSocketOptions {
  /** Of uplinks. */
  readonly uplinkPort: number;
  readonly bufferBytes: () => number;
}

export class UplinkSocket {
  readonly #options: UplinkSocketOptions;
  #handler: UplinkSocketHandler | undefined;
  #socket: DatagramSocket | undefined;
  #address = "";
  /** Of datagrams whose second part is on its way, by session: it follows at once, so few wait. */
  readonly #firstParts = new Map<number, Uint8Array>();

  constructor(options: UplinkSocketOptions) {
    this.#options = options;
  }

  /** 0 while it is not open. */
  get port(): number {
    return this.#socket?.port ?? 0;
  }

  start(handler: UplinkSocketHandler): void {
    this.#handler = handler;
  }

  get address(): string {
    return this.#address;
  }

  /** Undefined while it is not open. */
  get socket(): DatagramSocket | undefined {
    return this.#socket;
  }

  /**
   * At another address than before it is another socket; without one, where uplinks have streams, there is none. `beside`: the port of
   * another instance's, which has the sessions until `release`. Returns why it could not be opened; empty where it is open.
   */
  open(address: string, beside?: number): string {
    if (address === "") {
      this.close();
      return "";
    }
    if (this.#socket && this.#address === address) return "";
    try {
      const socket = new DatagramSocket({
        host: address,
        port: beside ?? 0,
        isHeld: beside !== undefined,
        bufferBytes: this.#options.bufferBytes(),
        isShared: true,
        onDatagram: (bytes, fromPort, from) => {
          if (fromPort === this.#options.uplinkPort) this.received(bytes, from);
          else this.#handler?.stray();
        },
      });
      this.#socket?.close();
      this.#socket = socket;
      this.#address = address;
      return "";
    } catch (error) {
      return toKtError(error, "listen-failed", `listen on ${address}`).message;
    }
  }

  send({ head, uplink }: UdpSession, payload: Uint8Array): void {
    if (uplink) for (const frame of frameData(head, payload)) this.#sendTo(uplink, frame);
  }

  end(session: number, uplink: UdpUplink): void {
    this.#sendTo(uplink, encodeSessionEvent("end", session));
  }

  #sendTo(uplink: UdpUplink, frame: Uint8Array): void {
    if (uplink.datagrams) uplink.datagrams.send(frame);
    else this.#socket?.send(frame, this.#options.uplinkPort, uplink.address);
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** From the uplink of this address. */
  received(bytes: Uint8Array, from: string): void {
    const datagram = peekUplinkDatagram(bytes);
    const session = datagram && this.#handler?.byId(datagram.session);
    if (datagram && session?.uplink?.address === from) this.#handle(datagram.kind, session, bytes.subarray(uplinkDatagramHeadBytes));
    else this.#handler?.stray();
  }

  #handle(kind: DatagramKind, session: UdpSession, payload: Uint8Array): void {
    if (kind === "whole") this.#handler?.answer(session, payload);
    else if (kind === "first") this.#keep(session.id, payload);
    else if (kind === "end") this.#handler?.endedByUplink(session);
    else if (kind === "refused") this.#handler?.refused(session);
    else {
      const firstPart = this.#firstParts.get(session.id);
      this.#firstParts.delete(session.id);
      // Without its first part it is lost, as any datagram may be.
      if (firstPart) this.#handler?.answer(session, Buffer.concat([firstPart, payload]));
    }
  }

  #keep(session: number, firstPart: Uint8Array): void {
    this.#firstParts.delete(session);
    this.#firstParts.set(session, firstPart);
    const [oldest] = this.#firstParts.keys();
    if (this.#firstParts.size > edgeLimits.udpFirstParts && oldest !== undefined) this.#firstParts.delete(oldest);
  }
}
