/** What users do with one attached route: connect anew, stop and start it, and look at its pods and at what they write. */

import type { PodStatus, Reply, RouteAction } from "#control/api.ts";
import { KtError } from "#base/errors.ts";
import { maskSecrets } from "#base/mask.ts";
import type { Cluster, FollowRequest } from "#kube/objects/types.ts";
import { carriersOf, type ClusterRef, type Target } from "#route/target.ts";
import type { Reverses } from "#daemon/plans/reverses.ts";
import { LogLines } from "./log-lines.ts";
import { daemonLimits } from "./limits.ts";

/** By the path of its profile and its name. */
export interface AttachedRoute {
  readonly profile: string;
  readonly route: string;
}

export interface RouteActionsOptions {
  /** Undefined for a route that is not attached, or leads to no cluster. */
  readonly targetOf: (profile: string, route: string) => Target | undefined;
  /** The [[reverse]]s. */
  readonly reverses: Pick<Reverses, "planned" | "act" | "relayPods">;
  /** Throws KtError. */
  readonly clusterFor: (ref: ClusterRef) => Cluster;
  readonly engine: {
    prepare(target: Target, signal: AbortSignal): Promise<unknown>;
    endTunnel(target: Target): void;
    stopTarget(target: Target): void;
    startTarget(target: Target): void;
  };
  /** Awaited before `clusterFor`. */
  readonly ready: () => Promise<void>;
}

export interface PodLog extends AttachedRoute {
  readonly pod: string;
  readonly container?: string | undefined;
  readonly lines: number;
  /** Default: true. */
  readonly follow?: boolean | undefined;
}

/** Who hears a log. */
export interface LogReader {
  readonly reply: (reply: Reply) => void;
  /** True while it is behind: lines are counted then instead of sent. */
  readonly isBusy: () => boolean;
}

interface Carriers extends Pick<FollowRequest, "kind" | "name" | "namespace"> {
  readonly cluster: Cluster;
}

export class RouteActions {
  readonly #options: RouteActionsOptions;

  constructor(options: RouteActionsOptions) {
    this.#options = options;
  }

  /** Rejects with why there is no connection now. */
  async act(action: RouteAction, { profile, route }: AttachedRoute, signal: AbortSignal): Promise<void> {
    const { engine, reverses } = this.#options;
    const reverse = reverses.planned(profile, route);
    if (reverse) return await reverses.act(action, profile, reverse, signal);
    const target = this.#target({ profile, route });
    if (action === "stop") return engine.stopTarget(target);
    if (action === "start") engine.startTarget(target);
    else engine.endTunnel(target);
    await engine.prepare(target, signal);
  }

  async pods(route: AttachedRoute, signal: AbortSignal): Promise<PodStatus[]> {
    const { cluster, namespace, kind, name } = await this.#carriers(route);
    const pods = await cluster.podsBehind({ kind, namespace, name }, signal);
    return pods.map((pod) => ({ ...pod, says: maskSecrets(pod.says), containers: [...pod.containers] }));
  }

  /** Resolves when the container has ended. */
  async podLog(
    { pod, container, lines, follow = true, ...route }: PodLog,
    { reply, isBusy }: LogReader,
    signal: AbortSignal,
  ): Promise<void> {
    const { cluster, namespace } = await this.#carriers(route);
    const splitter = new LogLines((cut, leftOut) => reply({ type: "lines", lines: cut, leftOut }), isBusy);
    const request = { namespace, pod, container, lines: Math.min(lines, daemonLimits.podLogLines), follow };
    await cluster.podLog(request, (bytes) => splitter.push(bytes), signal);
    splitter.end();
  }

  #target({ profile, route }: AttachedRoute): Target {
    const target = this.#options.targetOf(profile, route);
    if (target) return target;
    throw new KtError("route-unknown", `no attached profile has a route "${route}" that leads to a cluster`, { hints: ["kt status"] });
  }

  /** Where the pods are that carry the route's connections. */
  async #carriers({ profile, route }: AttachedRoute): Promise<Carriers> {
    const reverse = this.#options.reverses.planned(profile, route);
    if (reverse) return this.#options.reverses.relayPods(profile, reverse);
    const target = this.#target({ profile, route });
    if (target.kind === "relayed") throw new KtError("route-unknown", `"${route}" leads to an address, and no pod is behind it`);
    await this.#options.ready();
    const cluster = this.#options.clusterFor(target.cluster);
    const { kind, name, namespace = cluster.namespace } = carriersOf(target);
    return { cluster, kind, name, namespace };
  }
}
