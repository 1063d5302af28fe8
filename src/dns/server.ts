/** kt's DNS server: UDP and TCP on each of its addresses, the same answers on all of them. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { type Listener, listenTcp } from "#net/tcp.ts";
import { listenUdp, type UdpListener, type UdpPeer } from "#net/udp.ts";
import type { OwnNames } from "./answer.ts";
import { DnsConnection } from "./connection.ts";
import type { NameServer } from "#dns/upstream/exchange.ts";
import { dnsLimits } from "./limits.ts";
import { Responder } from "./responder.ts";
import { Upstream } from "#dns/upstream/upstream.ts";

export interface DnsServerOptions {
  /** As they are now. */
  readonly names: () => OwnNames;
  /** Those of this machine as they are now, in the order of asking. */
  readonly servers: () => readonly NameServer[];
  readonly clock: Clock;
}

/** An address that is listened on. */
export interface OpenDns {
  /** Of both sockets. */
  readonly port: number;
  /** The names are the same at every address. */
  leadTo(): void;
  /** Nothing is answered there any more. */
  close(): void;
}

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #upstream: Upstream;
  readonly #responder: Responder;
  readonly #open = new Map<object, NameServer & { readonly close: () => void }>();
  /** The one that has been idle the longest first. */
  readonly #connections = new Set<DnsConnection>();

  constructor(options: DnsServerOptions) {
    const { servers, names, clock } = options;
    this.#options = options;
    this.#upstream = new Upstream({ servers: () => servers().filter((server) => !this.#isOwn(server)), clock });
    this.#responder = new Responder(names, this.#upstream);
  }

  /** `host` is an IP address. Throws KtError `port-taken` or `listen-failed`. */
  listen({ host, port }: { readonly host: string; readonly port: number }): OpenDns {
    const tcp = listenTcp({ host, port, accept: (conn) => this.#accept(conn) });
    const udp = this.#listenUdp(host, tcp);
    const close = (): void => {
      this.#open.delete(tcp);
      tcp.close();
      udp.close();
    };
    this.#open.set(tcp, { host, port: tcp.port, close });
    return { port: tcp.port, leadTo() {}, close };
  }

  /** Answers are given at once or not at all: there is nothing to wait for. */
  async drain(): Promise<void> {
    for (const { close } of this.#open.values()) close();
    for (const connection of this.#connections) connection.abort();
    this.#upstream.close();
  }

  #listenUdp(host: string, tcp: Listener): UdpListener {
    try {
      const onDatagram = (message: Uint8Array, from: UdpPeer): void => {
        const reply = this.#responder.respond(message, "udp");
        if (reply instanceof Promise) void reply.then((later) => udp.send(later, from));
        else if (reply !== undefined) udp.send(reply, from);
      };
      const udp = listenUdp({ host, port: tcp.port, onDatagram });
      return udp;
    } catch (error) {
      tcp.close();
      throw error;
    }
  }

  #accept(conn: Conn): void {
    if (this.#connections.size >= dnsLimits.connections) this.#makeRoom();
    const connection = new DnsConnection(conn, {
      clock: this.#options.clock,
      respond: (message) => {
        this.#connections.delete(connection);
        this.#connections.add(connection);
        return this.#responder.respond(message, "tcp");
      },
      onClosed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    connection.begin();
  }

  #makeRoom(): void {
    const [oldest] = this.#connections;
    const idle = [...this.#connections].find(({ isIdle }) => isIdle) ?? oldest;
    idle?.abort();
  }

  /** Asking it would be asking for ever. */
  #isOwn({ host, port }: NameServer): boolean {
    return [...this.#open.values()].some((open) => open.host === host && open.port === port);
  }
}
