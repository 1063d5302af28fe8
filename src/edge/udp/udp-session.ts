/** One client of a public UDP port: where it is, which uplink serves it, and until when. */

import type { UdpEdgeBinding } from "#expose/host/edge-document.ts";
import type { DatagramSocket } from "#net/datagram-socket.ts";
import type { Deadline } from "./deadlines.ts";

/** An uplink as far as datagrams need it. */
export interface UdpUplink {
  /** In the tunnel. */
  readonly address: string;
  readonly isHealthy: boolean;
  /** The stream that they take; undefined where they go to its address. */
  readonly datagrams?: { send(datagram: Uint8Array): void } | undefined;
}

export interface UdpClient {
  readonly host: string;
  readonly port: number;
}

/** What a session keeps of its binding for as long as it lasts, whatever an edit says. */
export type SessionSettings = Pick<UdpEdgeBinding, "id" | "target" | "sessionTimeoutMs" | "proxyHeader">;

/** The public port that a session came in by. */
export interface SessionPort {
  /** What new sessions get; undefined where it serves none. */
  readonly binding: SessionSettings | undefined;
  forget(session: UdpSession): void;
}

export class UdpSession implements Deadline {
  readonly id: number;
  readonly client: UdpClient;
  readonly port: SessionPort;
  /** The one that the client sent to last: answers come from its address. */
  socket: DatagramSocket;
  settings: SessionSettings;
  /** Undefined until the next datagram finds one. */
  uplink: UdpUplink | undefined;
  /** In front of each datagram to the uplink. */
  head: Uint8Array = new Uint8Array();
  /** A datagram went to this uplink before. */
  hasBegun = false;
  /** Something came back. */
  isAnswered = false;
  usedMs: number;
  place = -1;
  lookMs = 0;

  constructor(options: Pick<UdpSession, "id" | "client" | "port" | "socket" | "settings" | "usedMs">) {
    this.id = options.id;
    this.client = options.client;
    this.port = options.port;
    this.socket = options.socket;
    this.settings = options.settings;
    this.usedMs = options.usedMs;
  }

  endsMs(): number {
    return this.usedMs + this.settings.sessionTimeoutMs;
  }
}
