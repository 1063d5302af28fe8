/** Tries the routes of a plan: opens a connection to what each leads to, and ends it again. No hub is needed. */

import { namedRoutes } from "#profile/values/planned.ts";
import { type Clock, systemClock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { doctorLimits } from "./limits.ts";
import { silentLog } from "#base/log.ts";
import { Semaphore } from "#base/semaphore.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { type Problem, toProblem } from "#observe/events.ts";
import type { Plan } from "#profile/values/plan.ts";
import { type ClusterRef, formatPodSource, formatTarget, type Target } from "#route/target.ts";
import type { FlowRelay } from "#tunnel/flow/flow-relay.ts";
import { Tunnels } from "#tunnel/tunnels.ts";
import { Clusters, type ClusterView } from "#daemon/plans/clusters.ts";
import type { Providers } from "#daemon/providers.ts";

export interface TriedRoute {
  readonly kind: string;
  /** As written. */
  readonly name: string;
  readonly target: string;
  /** The kubeconfig context; undefined is the current one. */
  readonly context: string | undefined;
  /** What answered, or why nothing did. */
  readonly result: { readonly pod: string } | { readonly later: string } | { readonly problem: Problem };
}

export interface TryOptions {
  readonly view: ClusterView;
  readonly providers: Pick<Providers, "prepare" | "openCluster">;
  readonly clock?: Clock;
}

type Result = TriedRoute["result"];

/** All side by side, and together within `doctorLimits.routesTryMs`. In the order of the plan. */
export async function tryRoutes(plan: Plan, options: TryOptions): Promise<readonly TriedRoute[]> {
  await options.providers.prepare();
  const trials = new Trials(options);
  try {
    return await Promise.all(
      namedRoutes(plan).map(async ({ door: kind, name, target }) => {
        const result = await trials.resultOf(target);
        return { kind, name, target: formatTarget(target), context: target.cluster.context, result };
      }),
    );
  } finally {
    await trials.close();
  }
}

class Trials {
  readonly #clock: Clock;
  readonly #clusters: Clusters;
  readonly #tunnels: Tunnels;
  readonly #gate = new Semaphore(doctorLimits.routesTriedAtOnce);
  readonly #late = new AbortController();
  readonly #cancelLate: () => void;

  constructor({ view, providers, clock = systemClock }: TryOptions) {
    const common = { clock, log: silentLog, report: (): void => {} };
    const timeouts = { idleTimeoutMs: 0, startTimeoutMs: doctorLimits.routeTryMs };
    this.#clock = clock;
    this.#clusters = new Clusters({ open: providers.openCluster, viewOf: () => view, ...common });
    const clusterFor = (ref: ClusterRef): Cluster => this.#clusters.for(ref);
    this.#tunnels = new Tunnels({ clusterFor, relay: untriedRelay, timeoutsFor: () => timeouts, ...common });
    this.#cancelLate = clock.after(doctorLimits.routesTryMs, () => this.#late.abort(tooLate()));
  }

  async resultOf(target: Target): Promise<Result> {
    // Nothing is made only to see whether it could be.
    if (target.via?.create !== undefined) return { later: `${formatPodSource(target.via)} is made with the first connection` };
    if (target.kind === "relayed") return { later: "the relay, which reaches it, starts with the first connection" };
    try {
      return await this.#gate.run(this.#late.signal, () => this.#connect(target));
    } catch (error) {
      return { problem: toProblem(toKtError(error, "internal", `try ${formatTarget(target)}`)) };
    }
  }

  async close(): Promise<void> {
    this.#cancelLate();
    await this.#tunnels.close();
    this.#clusters.close();
  }

  async #connect(target: Target): Promise<Result> {
    if (target.transport === "udp") return await this.#lookFor(target);
    const { conn, pod } = await this.#tunnels.dial(target, this.#late.signal);
    await this.#outlast(conn);
    return { pod };
  }

  /** Whether it would answer, only a datagram of its own protocol could tell. */
  async #lookFor(target: Target): Promise<Result> {
    const { pod } = await this.#tunnels.prepare(target, this.#late.signal);
    return { later: `pod "${pod}" is ready, and the relay starts with the first datagram` };
  }

  /** A pod's port that nothing listens on refuses a moment after the connection to the pod is there. Rejects with that. */
  async #outlast(conn: Conn): Promise<void> {
    const answered = Promise.withResolvers<void>();
    const cancel = this.#clock.after(doctorLimits.routeRefusalMs, answered.resolve);
    conn.start({
      onData: () => answered.resolve(),
      onEnd: () => {},
      onDrain() {},
      onClose: (error) => (error === undefined ? answered.resolve() : answered.reject(error)),
    });
    try {
      await answered.promise;
    } finally {
      cancel();
      conn.abort();
    }
  }
}

/** No relay is started only to see whether it could be: of a route of UDP the pods are looked at. */
const untriedRelay: FlowRelay = {
  ready: () => Promise.resolve(),
  openFlow: () => Promise.reject(new KtError("internal", "internal error: nothing is sent to try a route")),
};

function tooLate(): KtError {
  return new KtError("start-timeout", `nothing answered within ${doctorLimits.routesTryMs / 1000} s`);
}
