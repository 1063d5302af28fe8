/** The sessions of UDP that an edge has through this uplink: between one socket for all of them and one to the target for each. */

import type { Clock } from "#base/clock.ts";
import type { Datagrams } from "#base/datagrams.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { connectUdpAddress } from "#net/udp.ts";
import { uplinkLimits } from "#uplink/limits.ts";
import type { Targets } from "#uplink/targets/targets.ts";
import {
  decodeUplinkDatagram,
  encodeSessionEvent,
  frameData,
  peekUplinkDatagram,
  type TargetKey,
  uplinkDatagramHeadBytes,
} from "#wire/uplink-frame.ts";
import { FirstParts } from "./first-parts.ts";
import { UdpSession } from "./udp-session.ts";

/** To the edge's overlay address. */
export type SendToEdge = (datagram: Uint8Array, port: number) => void;

export interface UdpSessionsOptions {
  readonly targets: Targets;
  readonly send: SendToEdge;
  readonly clock: Clock;
  readonly log: Log;
}

/** What was counted since it started. */
export interface UdpTotals {
  /** Sessions that began, and those that did not, by why. */
  begun: number;
  unknown: number;
  overloaded: number;
  draining: number;
  /** Datagrams that a target refused. */
  refused: number;
  /** Datagrams that no edge sends. */
  invalid: number;
}

export class UdpSessions {
  readonly #options: UdpSessionsOptions;
  readonly #sessions = new Map<number, UdpSession>();
  readonly #parts = new FirstParts();
  #isDraining = false;
  #whenIdle = Promise.withResolvers<void>();
  #cancelSweep: (() => void) | undefined;
  readonly totals: UdpTotals = { begun: 0, unknown: 0, overloaded: 0, draining: 0, refused: 0, invalid: 0 };

  constructor(options: UdpSessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** A datagram of the edge. */
  received(bytes: Uint8Array, edgePort: number): void {
    const datagram = peekUplinkDatagram(bytes);
    if (!datagram) {
      this.totals.invalid += 1;
      return;
    }
    const { kind, session: id } = datagram;
    if (kind === "end") this.#end(id);
    else if (kind !== "refused") this.#data(kind, id, bytes, edgePort);
  }

  #data(kind: "whole" | "first" | "second", id: number, bytes: Uint8Array, edgePort: number): void {
    const session = this.#sessionOf(id, bytes, edgePort);
    if (!session) return;
    session.edgePort = edgePort;
    session.usedMs = this.#options.clock.now();
    const payload = bytes.subarray(uplinkDatagramHeadBytes);
    const whole = kind === "whole" ? payload : this.#joined(kind, id, payload);
    if (whole) session.flow.send(whole);
  }

  #joined(kind: "first" | "second", id: number, payload: Uint8Array): Uint8Array | undefined {
    if (kind === "second") return this.#parts.join(id, payload);
    this.#parts.keep(id, payload);
    return undefined;
  }

  /** Begins no more sessions. Resolves once those that are open have ended. */
  drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#sessions.size === 0) this.#whenIdle.resolve();
    return this.#whenIdle.promise;
  }

  close(): void {
    for (const id of this.#sessions.keys()) this.#end(id);
  }

  #sessionOf(id: number, bytes: Uint8Array, edgePort: number): UdpSession | undefined {
    const known = this.#sessions.get(id);
    if (known?.isFor(bytes)) return known;
    if (known) this.#end(id);
    const begun = this.#begin(bytes, edgePort);
    // The edge takes another uplink for what comes next.
    if (!begun) this.#options.send(encodeSessionEvent("end", id), edgePort);
    return begun;
  }

  #begin(bytes: Uint8Array, edgePort: number): UdpSession | undefined {
    const decoded = decodeUplinkDatagram(bytes);
    const flow = decoded.kind === "data" ? this.#flowTo(decoded.to.target) : "unknown";
    if (decoded.kind !== "data" || typeof flow === "string") {
      if (typeof flow === "string") this.totals[flow] += 1;
      return undefined;
    }
    this.totals.begun += 1;
    const session = new UdpSession(decoded.to, flow, bytes, { edgePort, nowMs: this.#options.clock.now() });
    this.#sessions.set(session.id, session);
    this.#cancelSweep ??= this.#sweepLater();
    flow.start({
      onDatagram: (payload) => this.#answered(session, payload),
      onUnreachable: () => this.#refused(session),
      onClose() {},
    });
    return session;
  }

  #flowTo(key: TargetKey): Datagrams | "unknown" | "overloaded" | "draining" {
    const target = this.#options.targets.get(key, "UDP");
    if (this.#isDraining) return "draining";
    if (!target) return "unknown";
    if (this.#sessions.size >= uplinkLimits.sessions) return "overloaded";
    try {
      return connectUdpAddress({ host: target.address, port: target.port });
    } catch (error) {
      this.#options.log("warn", "session-failed", { target: key, text: messageOf(error) });
      return "overloaded";
    }
  }

  #answered(session: UdpSession, payload: Uint8Array): void {
    session.usedMs = this.#options.clock.now();
    for (const datagram of frameData(session.head, payload)) this.#options.send(datagram, session.edgePort);
  }

  /** Nothing listens at the target. It may again: the session goes on. */
  #refused(session: UdpSession): void {
    this.totals.refused += 1;
    this.#options.send(encodeSessionEvent("refused", session.id), session.edgePort);
  }

  #end(id: number): void {
    this.#sessions.get(id)?.flow.close();
    this.#sessions.delete(id);
    this.#parts.forget(id);
    if (this.#sessions.size > 0) return;
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    if (this.#isDraining) this.#whenIdle.resolve();
  }

  #sweepLater(): () => void {
    return this.#options.clock.after(uplinkLimits.sweepMs, () => {
      const nowMs = this.#options.clock.now();
      for (const session of this.#sessions.values()) if (session.isIdle(nowMs)) this.#end(session.id);
      this.#cancelSweep = this.#sessions.size > 0 ? this.#sweepLater() : undefined;
    });
  }
}
