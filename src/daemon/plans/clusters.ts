/** Open clusters, shared by the profiles that see the same one. */

import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { OpenClusterOptions } from "#kube/kube-cluster.ts";
import type { ContextOverrides } from "#kube/config/overrides.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { type Report, toProblem } from "#observe/events.ts";
import type { ClusterRef } from "#route/target.ts";
import type { Environment } from "./profiles.ts";

export type { ContextOverrides } from "#kube/config/overrides.ts";

/** Reads the kubeconfig; throws KtError when that fails. Nothing is connected to yet. */
export type OpenCluster = (options: OpenClusterOptions) => Cluster;

/** How a profile sees clusters. */
export interface ClusterView {
  readonly kubeconfig: readonly string[];
  /** Those of them that are not the user's own, as `Plan` has it. */
  readonly strangers: Readonly<Record<string, string>>;
  readonly environment: Environment;
  /** What a command line says instead of the kubeconfig. */
  readonly overrides?: ContextOverrides;
  readonly requestTimeoutMs?: number;
}

export interface ClustersOptions {
  readonly open: OpenCluster;
  /** Throws KtError for a profile that is not attached. */
  readonly viewOf: (profile: string) => ClusterView;
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Report;
}

/** Variables that differ from shell to shell without a meaning for credentials: they must not keep two profiles apart. */
const noise =
  /^(_|PWD|OLDPWD|SHLVL|TERM|TERM_.*|COLORTERM|COLUMNS|LINES|WINDOWID|TMUX.*|STY|WINDOW|SSH_TTY|SSH_CONNECTION|SSH_CLIENT|VTE_VERSION|PS1|PROMPT.*|HISTFILE|INIT_CWD|npm_.*|VSCODE_.*|ITERM_.*|STARSHIP_.*|DIRENV_.*|SECURITYSESSIONID|NO_COLOR|FORCE_COLOR)$/;

/** Equal for views that see the same clusters as the same users. */
export function viewKey({ kubeconfig, strangers, environment, overrides }: ClusterView): string {
  const relevant = Object.entries(environment).filter(([name]) => !noise.test(name));
  return JSON.stringify([kubeconfig, strangers, overrides ?? {}, relevant.sort(([left], [right]) => (left < right ? -1 : 1))]);
}

function keyOf(view: ClusterView, context: string | undefined): string {
  return JSON.stringify([viewKey(view), context]);
}

interface Entry {
  readonly cluster: Cluster;
  /** Who has used it: a profile attached again from another shell has another view, but its tunnels keep the old one. */
  readonly users: Set<string>;
}

export class Clusters {
  readonly #options: ClustersOptions;
  readonly #byKey = new Map<string, Entry>();

  constructor(options: ClustersOptions) {
    this.#options = options;
  }

  /** Throws KtError. Equal clusters are the same object. */
  for(ref: ClusterRef): Cluster {
    const entry = this.#entry(this.#options.viewOf(ref.profile), ref.context);
    entry.users.add(ref.profile);
    return entry.cluster;
  }

  /** The context of a cluster that is open already. */
  contextOf({ profile, context }: ClusterRef): string | undefined {
    return this.#byKey.get(keyOf(this.#options.viewOf(profile), context))?.cluster.context;
  }

  /** Closes what no attached profile has used. */
  retain(profiles: ReadonlySet<string>): void {
    for (const [key, { cluster, users }] of this.#byKey) {
      if (!users.isDisjointFrom(profiles)) continue;
      cluster.close();
      this.#byKey.delete(key);
    }
  }

  close(): void {
    this.retain(new Set());
  }

  /**
   * A profile that names no context gets the current one of this moment: switching the current context elsewhere must not move
   * open ports to another cluster in silence.
   */
  #entry(view: ClusterView, context: string | undefined): Entry {
    const key = keyOf(view, context);
    const known = this.#byKey.get(key);
    if (known) return known;
    const entry =
      context === undefined
        ? this.#entry(view, this.#currentContext(view))
        : { cluster: this.#open(view, context), users: new Set<string>() };
    this.#byKey.set(key, entry);
    return entry;
  }

  #currentContext(view: ClusterView): string {
    const { open, clock, log } = this.#options;
    const current = open({ ...view, context: undefined, clock, log, onReachable() {} });
    const { context } = current;
    current.close();
    return context;
  }

  #open(view: ClusterView, context: string): Cluster {
    const { open, clock, log, report } = this.#options;
    return open({
      ...view,
      context,
      clock,
      log,
      onReachable: (reachable, problem) => report({ type: "cluster", context, reachable, problem: problem && toProblem(problem) }),
    });
  }
}
