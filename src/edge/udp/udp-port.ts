/** A public UDP port: its sockets, one for each address, and the clients that have sent to it. */

import { type KtError, toKtError } from "#base/errors.ts";
import type { UdpEdgeBinding } from "#expose/host/edge-document.ts";
import { DatagramSocket } from "#net/datagram-socket.ts";
import type { UdpCounters } from "./udp-counters.ts";
import type { SessionPort, UdpClient, UdpSession } from "./udp-session.ts";
import type { Arrival, UdpSessions } from "./udp-sessions.ts";

export interface UdpPortOptions {
  readonly port: number;
  readonly sessions: UdpSessions;
  readonly counters: UdpCounters;
  readonly bufferBytes: () => number;
  /** Datagrams wait for `release`: another instance has the sessions until then. */
  readonly isHeld: boolean;
  /** Its last session has ended. */
  readonly onIdle: () => void;
}

interface Opened {
  readonly host: string;
  readonly socket: DatagramSocket;
}

export class UdpPort implements SessionPort {
  readonly #options: UdpPortOptions;
  #isHeld: boolean;
  #sockets: Opened[] = [];
  /** By address, then by port: an address is looked up as it comes. */
  readonly #byHost = new Map<string, Map<number, UdpSession>>();
  /** In the order in which they began. */
  readonly #sessions = new Set<UdpSession>();
  /** What new clients get; without one the port serves those that it has. */
  binding: UdpEdgeBinding | undefined;

  constructor(options: UdpPortOptions) {
    this.#options = options;
    this.#isHeld = options.isHeld;
  }

  get sessions(): ReadonlySet<UdpSession> {
    return this.#sessions;
  }

  /** The port in use, also where 0 was asked for. */
  get number(): number {
    return this.#sockets[0]?.socket.port ?? this.#options.port;
  }

  get hosts(): readonly string[] {
    return this.#sockets.map(({ host }) => host);
  }

  get sockets(): readonly DatagramSocket[] {
    return this.#sockets.map(({ socket }) => socket);
  }

  /**
   * Has a socket at each of these addresses, and none elsewhere but where a client has a session. Returns why one could not be opened:
   * what matters only at `hosts`, since the machine's own addresses are part of those.
   */
  listen(hosts: readonly string[], own: readonly string[]): KtError | undefined {
    const failed = hosts.flatMap((host) => this.#open(host) ?? []);
    for (const host of own) this.#open(host);
    const used = new Set([...this.#sessions].map(({ socket }) => socket));
    const left = this.#sockets.filter(({ host, socket }) => !hosts.includes(host) && !own.includes(host) && !used.has(socket));
    for (const { socket } of left) socket.close();
    this.#sockets = this.#sockets.filter((opened) => !left.includes(opened));
    return failed[0];
  }

  /** Hands on what has waited. */
  release(): void {
    this.#isHeld = false;
    for (const { socket } of this.#sockets) socket.release();
  }

  /** The address of one of its sockets. */
  hostOf(socket: DatagramSocket): string {
    return this.#sockets.find((opened) => opened.socket === socket)?.host ?? "";
  }

  socketAt(host: string): DatagramSocket | undefined {
    return this.#sockets.find((opened) => opened.host === host)?.socket;
  }

  add(session: UdpSession): void {
    const { host, port } = session.client;
    const atHost = this.#byHost.get(host);
    if (atHost) atHost.set(port, session);
    else this.#byHost.set(host, new Map([[port, session]]));
    this.#sessions.add(session);
  }

  forget(session: UdpSession): void {
    const { host, port } = session.client;
    const atHost = this.#byHost.get(host);
    atHost?.delete(port);
    if (atHost?.size === 0) this.#byHost.delete(host);
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#options.onIdle();
  }

  close(): void {
    for (const { socket } of this.#sockets) socket.close();
    this.#sockets = [];
  }

  #open(host: string): KtError | undefined {
    if (this.#sockets.some((opened) => opened.host === host)) return undefined;
    try {
      this.#sockets.push({ host, socket: this.#openAt(host) });
      return undefined;
    } catch (error) {
      // A machine without IPv6 has nothing of it to listen at.
      return host === "::" && this.#sockets.length > 0 ? undefined : toKtError(error, "listen-failed", `listen on ${host}`);
    }
  }

  #openAt(host: string): DatagramSocket {
    const { bufferBytes } = this.#options;
    const socket: DatagramSocket = new DatagramSocket({
      host,
      port: this.number,
      bufferBytes: bufferBytes(),
      isShared: true,
      isHeld: this.#isHeld,
      onDatagram: (payload, port, from) => this.#received(arrival, payload, { host: from, port }),
    });
    const arrival: Arrival = { port: this, socket, destination: { host, port: socket.port } };
    return socket;
  }

  #received(arrival: Arrival, payload: Uint8Array, client: UdpClient): void {
    const { sessions, counters } = this.#options;
    counters.receivedDatagrams += 1;
    counters.receivedBytes += payload.length;
    const session = this.#byHost.get(client.host)?.get(client.port) ?? this.#begin(arrival, client);
    if (session) sessions.sendOn(session, payload, arrival);
  }

  #begin(arrival: Arrival, client: UdpClient): UdpSession | undefined {
    const session = this.#options.sessions.begin(arrival, client, this.#sessions);
    if (session) this.add(session);
    return session;
  }
}
