/** UDP sockets: bound ones that answer any number of peers, and connected ones as Datagrams. */

import { dns, peek, type udp, udpSocket } from "bun";
import { DatagramQueue } from "#base/datagram-queue.ts";
import type { Datagrams, DatagramsHandler } from "#base/datagrams.ts";
import { assert, KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { systemCode, systemReason } from "#base/system-error.ts";
import { mib } from "#base/units.ts";
import { growReceiveBuffer } from "#native/receive-buffer.ts";
import { descriptorOf } from "./descriptor.ts";

/** What the kernel keeps of datagrams until they are read: by default 250 small ones, fewer than come at once where many clients start. */
const receiveBufferBytes = 4 * mib;

/** Where a datagram is from or goes to; `host` is an IP address without brackets. */
export interface UdpPeer {
  readonly host: string;
  readonly port: number;
}

/** A UDP socket that is bound. */
export interface UdpListener {
  /** The port in use, also where 0 was asked for. */
  readonly port: number;
  /** Sends one datagram from the bound address. Returns false where it was dropped: it is too large, there is no room, or it has closed. */
  send(payload: Uint8Array, to: UdpPeer): boolean;
  close(): void;
}

/** What the network says of an earlier datagram (ICMP); the socket goes on. The system reports it at the next call, whatever that is. */
const reports: Readonly<Record<string, "target-refused" | "target-unreachable">> = {
  ECONNREFUSED: "target-refused",
  EHOSTUNREACH: "target-unreachable",
  ENETUNREACH: "target-unreachable",
  EHOSTDOWN: "target-unreachable",
};

function isReport(error: unknown): boolean {
  return Object.hasOwn(reports, systemCode(error) ?? "");
}

/** Calls `send` and returns whether it took the datagram. A report of an earlier datagram is not about this one, which is sent again. */
function trySend(send: () => boolean, onReport: (error: unknown) => void): boolean {
  for (const isLast of [false, true]) {
    try {
      return send();
    } catch (error) {
      // Otherwise it is too large (EMSGSIZE), not allowed (EPERM, by a packet filter), or the socket has closed.
      if (!isReport(error)) return false;
      onReport(error);
      if (isLast) return false;
    }
  }
  return false;
}

/** Bun calls `error` with the error alone, and its types say that the socket comes first. */
function reported(given: readonly unknown[]): unknown {
  return given.at(-1);
}

/** Binds at once where the host is an IP address: there is no name to look up. */
function bound<T>(opening: Promise<T>): T {
  const socket = peek(opening);
  assert(!(socket instanceof Promise), "a UDP socket with an address was not bound at once");
  return socket;
}

/** Binds to an IP address. `onDatagram` must not throw. Throws KtError `port-taken` or `listen-failed`. */
export function listenUdp(options: UdpPeer & { readonly onDatagram: (payload: Uint8Array, from: UdpPeer) => void }): UdpListener {
  const { host, port, onDatagram } = options;
  const shown = formatHostPort({ host, port });
  try {
    const socket = bound(
      udpSocket({
        hostname: host,
        port,
        binaryType: "uint8array",
        socket: {
          data: (_, payload, fromPort, fromHost) => onDatagram(payload, { host: fromHost, port: fromPort }),
          // Which peer a report is about is not said. Without this handler it would end the process.
          error() {},
        },
      }),
    );
    const descriptor = descriptorOf(socket);
    if (descriptor >= 0) growReceiveBuffer(descriptor, receiveBufferBytes);
    return {
      port: socket.port,
      send: (payload, to) => trySend(() => socket.send(payload, to.port, to.host), ignore),
      close: () => socket.close(),
    };
  } catch (error) {
    if (systemCode(error) === "EADDRINUSE") throw new KtError("port-taken", `listen on ${shown}/udp: the port is taken`, { cause: error });
    throw new KtError("listen-failed", `listen on ${shown}/udp: ${systemReason(error)}`, { cause: error });
  }
}

const ignore = (): void => {};

class SocketDatagrams implements Datagrams {
  readonly remoteAddress: string;
  droppedDatagrams = 0;
  #socket: udp.ConnectedSocket<"uint8array"> | undefined;
  #handler: DatagramsHandler | undefined;
  /** What arrived before there was a handler. */
  readonly #early = new DatagramQueue();
  readonly #shown: string;

  constructor(peer: UdpPeer) {
    this.remoteAddress = peer.host;
    this.#shown = formatHostPort(peer);
  }

  opened(socket: udp.ConnectedSocket<"uint8array">): void {
    this.#socket = socket;
  }

  start(handler: DatagramsHandler): void {
    this.#handler = handler;
    if (!this.#socket) queueMicrotask(() => handler.onClose(undefined));
    for (let early = this.#early.shift(); early && this.#handler === handler; early = this.#early.shift()) handler.onDatagram(early);
  }

  send(payload: Uint8Array): boolean {
    const socket = this.#socket;
    const isSent = socket !== undefined && trySend(() => socket.send(payload), this.report);
    if (!isSent) this.droppedDatagrams += 1;
    return isSent;
  }

  close(): void {
    if (!this.#socket) return;
    this.#socket.close();
    this.#socket = undefined;
    this.#early.clear();
    const handler = this.#handler;
    if (handler) queueMicrotask(() => handler.onClose(undefined));
  }

  received(payload: Uint8Array): void {
    if (this.#handler) this.#handler.onDatagram(payload);
    else if (!this.#early.push(payload)) this.droppedDatagrams += 1;
  }

  readonly report = (error: unknown): void => {
    const code = reports[systemCode(error) ?? ""] ?? "connection-lost";
    this.#handler?.onUnreachable(new KtError(code, `send to ${this.#shown}/udp: ${systemReason(error)}`, { cause: error }));
  };
}

/** The socket has to be bound to an address of the peer's family. */
function anyAddress({ host }: UdpPeer): string {
  return host.includes(":") ? "::" : "0.0.0.0";
}

async function addressOf(host: string): Promise<string> {
  if (/^[\d.]+$|:/.test(host)) return host;
  const [found] = await dns.lookup(host, { socketType: "udp" });
  return found?.address ?? host;
}

/** A socket that is connected to one peer, by name or address. Rejects with the system's own error. */
export async function connectUdp({ host, port }: UdpPeer): Promise<Datagrams> {
  return connectUdpAddress({ host: await addressOf(host), port });
}

/** The same to an IP address, at once. Throws the system's own error. */
export function connectUdpAddress(peer: UdpPeer): Datagrams {
  const datagrams = new SocketDatagrams(peer);
  const opening = udpSocket({
    hostname: anyAddress(peer),
    connect: { hostname: peer.host, port: peer.port },
    binaryType: "uint8array",
    socket: {
      data: (_, payload) => datagrams.received(payload),
      error: (...given: unknown[]) => datagrams.report(reported(given)),
    },
  });
  datagrams.opened(bound(opening));
  return datagrams;
}
