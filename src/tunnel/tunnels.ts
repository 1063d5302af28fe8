/** Every tunnel of the hub, one per target, and the beat that keeps them honest. */

import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Cluster, Endpoint } from "#kube/types.ts";
import type { Report } from "#observe/events.ts";
import { type ClusterRef, type Target, targetKey } from "#route/target.ts";
import type { JumpPods } from "./jump-pods.ts";
import { JumpReaper } from "./jump-reaper.ts";
import { JumpTools } from "./jump-tools.ts";
import type { PodLink } from "./link.ts";
import { SessionPools } from "./pools.ts";
import { Tunnel, type TunnelStatus } from "./tunnel.ts";

export interface TunnelsOptions {
  /** Throws KtError. Equal clusters for two profiles must be the same object: then they share their tunnels. */
  readonly clusterFor: (ref: ClusterRef) => Cluster;
  /** Absent where no route asks for a pod to be made. */
  readonly jumpPods?: JumpPods;
  readonly timeoutsFor: (profile: string) => { readonly idleTimeoutMs: number; readonly startTimeoutMs: number };
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Report;
}

/** How often sessions and idle times are looked at. */
const beatMs = 1000;

export class Tunnels {
  readonly #options: TunnelsOptions;
  readonly #byKey = new Map<string, Tunnel>();
  readonly #pools: SessionPools;
  readonly #tools: JumpTools;
  readonly #reaper: JumpReaper;
  #stopBeat: () => void;

  constructor(options: TunnelsOptions) {
    this.#options = options;
    this.#pools = new SessionPools(options.clock, options.log);
    this.#tools = new JumpTools(options.clock);
    this.#reaper = new JumpReaper(options.clock);
    this.#stopBeat = options.clock.after(beatMs, () => this.#beat());
  }

  /** See Dialer. */
  dial(target: Target, signal: AbortSignal): Promise<PodLink> {
    return this.#tunnel(target).dial(signal);
  }

  /** See Tunnel. */
  prepare(target: Target, signal: AbortSignal): Promise<Endpoint> {
    return this.#tunnel(target).prepare(signal);
  }

  status(target: Target): TunnelStatus | undefined {
    return this.#byKey.get(targetKey(target))?.status();
  }

  all(): TunnelStatus[] {
    return Array.from(this.#byKey.values(), (tunnel) => tunnel.status());
  }

  /** After a reload: closes the tunnels that no route wants any more. */
  retain(isWanted: (target: Target) => boolean): void {
    for (const [key, tunnel] of this.#byKey) {
      if (isWanted(tunnel.target)) continue;
      tunnel.stop();
      this.#byKey.delete(key);
    }
  }

  /** After sleep: checks every session now. */
  wake(): void {
    this.#pools.ping();
    for (const tunnel of this.#byKey.values()) tunnel.wake();
  }

  close(): Promise<void> {
    this.#stopBeat();
    for (const tunnel of this.#byKey.values()) tunnel.stop();
    this.#byKey.clear();
    this.#pools.close();
    return this.#reaper.close();
  }

  #tunnel(target: Target): Tunnel {
    const key = targetKey(target);
    let tunnel = this.#byKey.get(key);
    if (!tunnel) {
      const { clusterFor, timeoutsFor, clock, log, report } = this.#options;
      tunnel = new Tunnel({
        key,
        target,
        pools: this.#pools,
        tools: this.#tools,
        reaper: this.#reaper,
        jumpPods: this.#options.jumpPods,
        cluster: () => clusterFor(target.cluster),
        timeouts: () => timeoutsFor(target.cluster.profile),
        clock,
        log,
        report,
      });
      this.#byKey.set(key, tunnel);
    }
    return tunnel;
  }

  #beat(): void {
    const nowMs = this.#options.clock.now();
    for (const tunnel of this.#byKey.values()) tunnel.tick(nowMs);
    this.#pools.tick(nowMs);
    this.#stopBeat = this.#options.clock.after(beatMs, () => this.#beat());
  }
}
