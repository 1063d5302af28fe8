/** One client of a public UDP port, as its uplink has it: a socket that is connected to the target, so that its source port stays the same. */

import type { Datagrams } from "#base/datagrams.ts";
import { type SessionTo, uplinkDatagramHeadBytes } from "#wire/uplink-frame.ts";

/** Behind kind and session: target and time, which an edge may give anew. */
const settingsAt = 7;

export class UdpSession {
  readonly id: number;
  readonly flow: Datagrams;
  /** In front of each datagram to the edge. */
  readonly head: Uint8Array;
  /** The one that the edge sent from last: another instance of it may have another. */
  edgePort: number;
  usedMs: number;
  readonly #idleMs: number;

  /** `first`: the datagram that began it. */
  constructor(to: SessionTo, flow: Datagrams, first: Uint8Array, { edgePort, nowMs }: { edgePort: number; nowMs: number }) {
    this.id = to.session;
    this.flow = flow;
    this.head = first.slice(0, uplinkDatagramHeadBytes);
    this.edgePort = edgePort;
    this.usedMs = nowMs;
    // The edge ends it, and says so: this is for an edge that is gone, or whose word was lost.
    this.#idleMs = to.timeoutMs * 1.25 + 1000;
  }

  isIdle(nowMs: number): boolean {
    return nowMs - this.usedMs > this.#idleMs;
  }

  /** Whether a datagram is for the same target and time. */
  isFor(datagram: Uint8Array): boolean {
    for (let at = settingsAt; at < uplinkDatagramHeadBytes; at++) if (datagram[at] !== this.head[at]) return false;
    return true;
  }
}
