/** The uplinks of an edge: those of its plan, and which of them gets the next connection. */

import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { EdgeDocument } from "#expose/host/edge-document.ts";
import type { TargetKey } from "#wire/uplink-frame.ts";
import { type HealthSettings, Uplink } from "./uplink.ts";
import type { UplinkWay } from "./uplink-way.ts";

export interface UplinkSetOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly way: (uplink: WantedUplink) => UplinkWay;
  /** From the uplink of this address, where datagrams have a stream of their own. */
  readonly onDatagram: (payload: Uint8Array, address: string) => void;
}

export type WantedUplink = EdgeDocument["uplinks"][number];

export class UplinkSet {
  readonly #options: UplinkSetOptions;
  /** By ordinal, address and key: with another of these it is another uplink. */
  readonly #uplinks = new Map<string, Uplink>();
  readonly #listeners = new Set<() => void>();
  /** Of each target, until anything changes. */
  readonly #serving = new Map<TargetKey, readonly Uplink[]>();
  #settings: HealthSettings = { intervalMs: 5000, timeoutMs: 2000, healthyThreshold: 2, unhealthyThreshold: 2 };
  #turn = 0;

  constructor(options: UplinkSetOptions) {
    this.#options = options;
  }

  /** In the order of their ordinals. */
  get all(): Uplink[] {
    return [...this.#uplinks.values()].sort((one, other) => one.ordinal - other.ordinal);
  }

  /** Follows a plan. What is open through an uplink that left goes on. */
  want(wanted: readonly WantedUplink[], settings: HealthSettings): void {
    this.#settings = settings;
    const keys = new Map(wanted.map((uplink) => [`${uplink.ordinal} ${uplink.address} ${uplink.publicKey}`, uplink]));
    for (const [key, uplink] of this.#uplinks) {
      if (keys.has(key)) continue;
      uplink.close();
      this.#uplinks.delete(key);
    }
    for (const [key, uplink] of keys) if (!this.#uplinks.has(key)) this.#uplinks.set(key, this.#add(uplink));
    this.#changed();
  }

  /** Called after every change of what is served, by whom, and of an uplink's health. Returns what ends that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Those to which a new connection of this target may go. */
  serving(key: TargetKey): readonly Uplink[] {
    let serving = this.#serving.get(key);
    if (!serving) {
      serving = this.all.filter((uplink) => uplink.serves(key));
      this.#serving.set(key, serving);
    }
    return serving;
  }

  /** The same in the order in which they are tried: another one comes first each time. */
  inTurn(key: TargetKey): Uplink[] {
    const serving = this.serving(key);
    if (serving.length === 0) return [];
    this.#turn = (this.#turn + 1) % 0x7fff_ffff;
    const first = this.#turn % serving.length;
    return [...serving.slice(first), ...serving.slice(0, first)];
  }

  close(): void {
    for (const uplink of this.#uplinks.values()) uplink.close();
    this.#uplinks.clear();
    this.#changed();
  }

  #add(wanted: WantedUplink): Uplink {
    const { clock, log, way, onDatagram } = this.#options;
    const { ordinal, address } = wanted;
    return new Uplink({
      ordinal,
      address,
      way: way(wanted),
      clock,
      log,
      settings: () => this.#settings,
      onChange: () => this.#changed(),
      onDatagram: (payload) => onDatagram(payload, address),
    });
  }

  #changed(): void {
    this.#serving.clear();
    for (const listener of this.#listeners) listener();
  }
}
