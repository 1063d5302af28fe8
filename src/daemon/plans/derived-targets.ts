/** The way to targets that patterns and dynamic names make: which of them are allowed, and how fast new ones may be tried. */

import type { Clock } from "#base/clock.ts";
import { KtError, withHints } from "#base/errors.ts";
import { routeLimits } from "#route/limits.ts";
import type { Cluster } from "#kube/objects/types.ts";
import type { Dialer, Link } from "#proxy/door/dialer.ts";
import { isLabel } from "#route/pod-source-text.ts";
import { apiServerReason, contextRefusal, isApiServerPod } from "#route/reach.ts";
import { type ClusterRef, type Derived, formatTarget, type PodTarget, type Target, targetKey } from "#route/target.ts";
import { NewNames } from "./new-names.ts";

export type DerivedTarget = PodTarget & { readonly derived: Derived };

export function isDerived(target: Target): target is DerivedTarget {
  return target.derived !== undefined;
}

/** Throws KtError. */
export type ClusterFor = (ref: ClusterRef) => Pick<Cluster, "context">;

export interface DerivedTargetsOptions {
  readonly clusterFor: ClusterFor;
  readonly dial: Dialer["dial"];
  readonly clock: Clock;
}

/** Throws KtError `name-refused` for a context that no profile names, and what reading kubeconfig throws. */
export function checkContext(target: Target, clusterFor: ClusterFor): void {
  const { cluster } = target;
  if (!isDerived(target) || !target.derived.mustBeCurrent || cluster.context === undefined) return;
  if (clusterFor({ ...cluster, context: undefined }).context === cluster.context) return;
  const { reason, hint } = contextRefusal(cluster.context);
  throw new KtError("name-refused", reason, { hints: [hint] });
}

export class DerivedTargets {
  readonly #options: DerivedTargetsOptions;
  readonly #newNames: NewNames;
  /** Those that had an answer, by key. The latest is last. */
  readonly #answered = new Set<string>();

  constructor(options: DerivedTargetsOptions) {
    this.#options = options;
    this.#newNames = new NewNames(options.clock);
  }

  /** See Dialer. */
  async dial(target: DerivedTarget, signal: AbortSignal): Promise<Link> {
    checkContext(target, this.#options.clusterFor);
    const key = targetKey(target);
    const isNew = !this.#answered.has(key);
    if (isNew) await this.#newNames.take(signal);
    const link = await this.#options.dial(target, signal).catch((error: unknown) => {
      throw this.#withNames(error, target);
    });
    if (isNew) this.#newNames.giveBack();
    this.#noteAnswered(key);
    return withoutApiServer(link, target);
  }

  /** A page lists the ports that could be meant, each by a name that leads there. */
  #withNames(error: unknown, { cluster, derived }: DerivedTarget): unknown {
    const { nameOf } = derived.otherwise ?? {};
    if (!(error instanceof KtError) || error.ports.length === 0 || nameOf === undefined) return error;
    const context = nameOf.context ?? this.#options.clusterFor(cluster).context;
    if (!isLabel(context)) return error;
    const names = error.ports.map((port) => `${port}.${nameOf.service}.${context}.cx.${nameOf.suffix}`);
    return withHints(error, [...error.hints, `by name: ${names.join(", ")}`]);
  }

  close(): void {
    this.#newNames.close();
  }

  #noteAnswered(key: string): void {
    this.#answered.delete(key);
    this.#answered.add(key);
    const [oldest] = this.#answered;
    if (this.#answered.size > routeLimits.recentNames && oldest !== undefined) this.#answered.delete(oldest);
  }
}

/** A service of another name may have the API server's pods behind it. */
function withoutApiServer(link: Link, target: DerivedTarget): Link {
  if (!isApiServerPod(link.pod)) return link;
  link.conn.abort();
  throw new KtError("name-refused", `${formatTarget(target)} ${apiServerReason}`, {
    hints: [`if it should, write a route: [routes] "NAME.localhost" = "${formatTarget(target)}"`],
  });
}
