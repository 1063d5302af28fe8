/** Every tunnel of the hub, one per target, and the tick of every second that keeps them up to date. */

import type { Clock } from "#base/clock.ts";
import { mayCome } from "#base/error-facts.ts";
import type { Datagrams } from "#base/datagrams.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { Semaphore } from "#base/semaphore.ts";
import type { HealthCheck } from "#tunnel/health/health-check.ts";
import { tunnelLimits } from "./limits.ts";
import type { Log } from "#base/log.ts";
import type { Cluster, Endpoint } from "#kube/objects/types.ts";
import type { Report } from "#observe/events.ts";
import { type ClusterRef, formatTarget, type Target, targetKey } from "#route/target.ts";
import { AbsentTargets, isAbsent } from "./absent.ts";
import type { FlowRelay } from "#tunnel/flow/flow-relay.ts";
import type { JumpPods } from "#tunnel/jump-pod/pods.ts";
import { JumpReaper } from "#tunnel/jump/reaper.ts";
import { JumpTools } from "#tunnel/jump/tools.ts";
import type { Relays } from "#tunnel/relay/relays.ts";
import type { Link } from "#tunnel/pipe/link.ts";
import { SessionPools } from "#tunnel/forward/pools.ts";
import { Tunnel, type TunnelStatus } from "./tunnel.ts";
import { type ConnectionLimits, Turnstile } from "./turnstile.ts";

export interface TunnelsOptions {
  /** Throws KtError. Equal clusters for two profiles must be the same object: then they share their tunnels. */
  readonly clusterFor: (ref: ClusterRef) => Cluster;
  /** Absent where no route asks for a pod to be made. */
  readonly jumpPods?: JumpPods;
  /** Carries datagrams; absent where there can be none. */
  readonly relay?: FlowRelay;
  /** Absent where no profile can ask for one. */
  readonly relays?: Relays;
  /** How many connections the profile may use. Absent: as many as it likes. */
  readonly limitsFor?: (profile: string) => ConnectionLimits | undefined;
  readonly timeoutsFor: (profile: string) => { readonly idleTimeoutMs: number; readonly startTimeoutMs: number };
  /** How a target is checked while it is in use. Absent: it is not. */
  readonly healthCheckOf?: (target: Target, key: string) => HealthCheck | undefined;
  /** Whether a profile names the target outright, by its key; others are guesses from what clients ask for. Absent: all are named. */
  readonly isNamed?: (key: string) => boolean;
  /** The routes that lead to a target, by its key; absent where there are none. */
  readonly routesTo?: (key: string) => readonly string[];
  /** The status of a target's tunnel changed, by its key; or the tunnel is no more. */
  readonly onChange?: (key: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Report;
}

export class Tunnels {
  readonly #options: TunnelsOptions;
  readonly #byKey = new Map<string, Tunnel>();
  readonly #absent: AbsentTargets;
  readonly #pools: SessionPools;
  readonly #tools: JumpTools;
  readonly #reaper: JumpReaper;
  readonly #healthChecksAtOnce = new Semaphore(tunnelLimits.healthChecksAtOnce);
  readonly #turnstile: Turnstile;
  #stopTicks: () => void;

  constructor(options: TunnelsOptions) {
    this.#options = options;
    this.#absent = new AbsentTargets(options.clock);
    this.#pools = new SessionPools(options.clock, options.log);
    this.#tools = new JumpTools(options.clock);
    this.#reaper = new JumpReaper(options.clock);
    this.#turnstile = new Turnstile((profile) => options.limitsFor?.(profile), options.clock);
    this.#stopTicks = options.clock.after(tunnelLimits.tickMs, () => this.#tick());
  }

  /** See Dialer. */
  appProtocol(target: Target): string | undefined {
    return this.#byKey.get(targetKey(target))?.appProtocol;
  }

  /** See Dialer. */
  dial(target: Target, signal: AbortSignal): Promise<Link> {
    const key = targetKey(target);
    return this.#isNamed(key) ? this.#tunnel(key, target, true).dial(signal) : this.#guess(key, target, signal);
  }

  /** See Dialer. Of targets that profiles name: no name that a client makes up leads to one of UDP. */
  openFlow(target: Target, signal: AbortSignal): Promise<Datagrams> {
    return this.#tunnel(targetKey(target), target, true).openFlow(signal);
  }

  /** See Tunnel. */
  prepare(target: Target, signal: AbortSignal): Promise<Endpoint> {
    const key = targetKey(target);
    return this.#tunnel(key, target, this.#isNamed(key)).prepare(signal);
  }

  status(target: Target): TunnelStatus | undefined {
    return this.#byKey.get(targetKey(target))?.status();
  }

  all(): TunnelStatus[] {
    return Array.from(this.#byKey.values(), (tunnel) => tunnel.status());
  }

  /** Ends its connections; the next one begins it again. */
  end(target: Target): void {
    this.#byKey.get(targetKey(target))?.stop();
  }

  /** After a reload: closes the tunnels that no route wants any more. */
  retain(isWanted: (target: Target) => boolean): void {
    for (const [key, tunnel] of this.#byKey) {
      if (isWanted(tunnel.target)) continue;
      this.#drop(key, tunnel);
    }
    this.#turnstile.retain(new Set(Array.from(this.#byKey.values(), (tunnel) => tunnel.target.cluster.profile)));
  }

  /** After sleep: checks every session now. */
  wake(): void {
    this.#pools.ping();
    this.#options.relays?.ping();
    for (const tunnel of this.#byKey.values()) tunnel.wake();
  }

  close(): Promise<void> {
    this.#stopTicks();
    for (const tunnel of this.#byKey.values()) tunnel.stop();
    this.#byKey.clear();
    this.#pools.close();
    return this.#reaper.close();
  }

  #isNamed(key: string): boolean {
    return this.#options.isNamed?.(key) ?? true;
  }

  /** A target that does not exist costs one request, and nothing of it stays. */
  async #guess(key: string, target: Target, signal: AbortSignal): Promise<Link> {
    const absent = this.#absent.get(key);
    if (absent) throw absent;
    const tunnel = this.#tunnel(key, target, false);
    try {
      return await tunnel.dial(signal);
    } catch (error) {
      const problem = toKtError(error, "internal", `connect to ${key}`);
      if (isAbsent(problem.code)) this.#absent.add(key, problem);
      if (tunnel.isAtRest && (isAbsent(problem.code) || (tunnel.isUnproven && !mayCome(problem.code)))) this.#drop(key, tunnel);
      throw error;
    }
  }

  #drop(key: string, tunnel: Tunnel): void {
    tunnel.stop();
    if (this.#byKey.get(key) === tunnel) this.#byKey.delete(key);
    this.#options.onChange?.(key);
  }

  /** Makes room for one more that no profile names. */
  #dropOldestGuess(): void {
    const guesses = [...this.#byKey].filter(([key]) => !this.#isNamed(key));
    if (guesses.length < tunnelLimits.guessedTunnels) return;
    const [oldest] = guesses.filter(([, { isAtRest }]) => isAtRest).sort(([, a], [, b]) => a.lastUsedMs - b.lastUsedMs);
    if (!oldest) throw new KtError("overloaded", `${guesses.length} names that no profile has are in use at once; kt follows no more`);
    this.#drop(...oldest);
  }

  #tunnel(key: string, target: Target, isNamed: boolean): Tunnel {
    let tunnel = this.#byKey.get(key);
    if (!tunnel) {
      if (!isNamed) this.#dropOldestGuess();
      const { clusterFor, timeoutsFor, clock, log, report } = this.#options;
      tunnel = new Tunnel({
        key,
        target,
        isGuess: !isNamed,
        pools: this.#pools,
        tools: this.#tools,
        reaper: this.#reaper,
        jumpPods: this.#options.jumpPods,
        relay: this.#options.relay,
        relays: this.#options.relays,
        cluster: () => clusterFor(target.cluster),
        healthCheck: () => this.#options.healthCheckOf?.(target, key),
        healthChecksAtOnce: this.#healthChecksAtOnce,
        place: this.#turnstile.place(target.cluster.profile, formatTarget(target)),
        timeouts: () => timeoutsFor(target.cluster.profile),
        routes: () => this.#options.routesTo?.(key) ?? [],
        onChange: () => this.#options.onChange?.(key),
        clock,
        log,
        report,
      });
      this.#byKey.set(key, tunnel);
    }
    return tunnel;
  }

  #tick(): void {
    const nowMs = this.#options.clock.now();
    for (const [key, tunnel] of this.#byKey) {
      tunnel.tick(nowMs);
      if (!this.#isNamed(key) && isOver(tunnel, nowMs)) this.#drop(key, tunnel);
    }
    this.#pools.tick(nowMs);
    this.#options.relays?.tick(nowMs);
    this.#stopTicks = this.#options.clock.after(tunnelLimits.tickMs, () => this.#tick());
  }
}

/** Of a guess: it is idle, or led nowhere yet and is not asked for any more. */
function isOver({ isIdle, isAtRest, isUnproven, lastUsedMs }: Tunnel, nowMs: number): boolean {
  return isAtRest && (isIdle || (isUnproven && nowMs - lastUsedMs >= tunnelLimits.guessPatienceMs));
}
