/** What one instance of an edge hands to its successor of the sockets and sessions of UDP: JSON of these shapes. */

import * as v from "valibot";
import { UdpSession, type SessionPort, type SessionSettings, type UdpUplink } from "./udp-session.ts";
import type { DatagramSocket } from "#net/datagram-socket.ts";

const number = v.pipe(v.number(), v.integer(), v.minValue(0));

export const udpOffer = v.object({
  /** Of the socket towards the uplinks; the port is 0 where there is none. */
  edgeAddress: v.string(),
  uplinkPort: number,
  /** The public ports, and the addresses at which each has a socket. */
  ports: v.array(v.object({ port: number, hosts: v.array(v.string()) })),
});
export type UdpOffer = v.InferOutput<typeof udpOffer>;

export const handedSession = v.object({
  id: number,
  client: v.object({ host: v.string(), port: number }),
  port: number,
  /** The address at which its port has the socket that the client sends to. */
  host: v.string(),
  settings: v.object({ id: v.string(), target: v.string(), sessionTimeoutMs: number, proxyHeader: v.picklist([0, 2]) }),
  /** The address of its uplink; empty where it has none. */
  uplink: v.string(),
  hasBegun: v.boolean(),
  isAnswered: v.boolean(),
  /** For how long it has been idle: clocks differ between processes. */
  idleMs: v.number(),
});
export type HandedSession = v.InferOutput<typeof handedSession>;

export function handedSessionOf(session: UdpSession, at: { readonly port: number; readonly host: string }, nowMs: number): HandedSession {
  const { id, client, settings, uplink, hasBegun, isAnswered, usedMs } = session;
  const { id: binding, target, sessionTimeoutMs, proxyHeader } = settings;
  return {
    id,
    client,
    ...at,
    settings: { id: binding, target, sessionTimeoutMs, proxyHeader },
    uplink: uplink?.address ?? "",
    hasBegun,
    isAnswered,
    idleMs: nowMs - usedMs,
  };
}

export interface SessionPlace {
  readonly port: SessionPort;
  readonly socket: DatagramSocket;
  /** Undefined where its own is not healthy: it finds another one. */
  readonly uplink: UdpUplink | undefined;
  readonly nowMs: number;
}

export function sessionFrom(handed: HandedSession, { port, socket, uplink, nowMs }: SessionPlace): UdpSession {
  const settings: SessionSettings = handed.settings;
  const session = new UdpSession({ id: handed.id, client: handed.client, port, socket, settings, usedMs: nowMs - handed.idleMs });
  session.uplink = uplink;
  session.hasBegun = handed.hasBegun;
  session.isAnswered = handed.isAnswered;
  return session;
}
