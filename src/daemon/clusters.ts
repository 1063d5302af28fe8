/** Open clusters, shared by the profiles that see the same one, and opened again when their kubeconfig changes. */

import { KtError } from "#base/errors.ts";
import type { Cluster, Following, FollowRequest, Resolution } from "#kube/types.ts";
import type { ClusterRef } from "#route/target.ts";
import type { Environment } from "./profiles.ts";

export interface ClusterSettings {
  readonly kubeconfig: readonly string[];
  /** Undefined is the kubeconfig's current-context. */
  readonly context: string | undefined;
  readonly environment: Environment;
}

/** Reads the kubeconfig; throws KtError when that fails. Nothing is connected to yet. */
export type OpenCluster = (settings: ClusterSettings) => Cluster;

/** Variables that differ from shell to shell without a meaning for credentials: they must not keep two profiles apart. */
const noise =
  /^(_|PWD|OLDPWD|SHLVL|TERM|TERM_.*|COLORTERM|COLUMNS|LINES|WINDOWID|TMUX.*|STY|WINDOW|SSH_TTY|SSH_CONNECTION|SSH_CLIENT|VTE_VERSION|PS1|PROMPT.*|HISTFILE|INIT_CWD|npm_.*|VSCODE_.*|ITERM_.*|STARSHIP_.*|DIRENV_.*|SECURITYSESSIONID|NO_COLOR|FORCE_COLOR)$/;

function relevant(environment: Environment): [string, string][] {
  return Object.entries(environment)
    .filter(([name]) => !noise.test(name))
    .sort(([left], [right]) => (left < right ? -1 : 1));
}

export class Clusters {
  readonly #open: OpenCluster;
  readonly #settingsOf: (profile: string) => Omit<ClusterSettings, "context">;
  readonly #byKey = new Map<string, SharedCluster>();

  /** `settingsOf` throws KtError for a profile that is not attached. */
  constructor(open: OpenCluster, settingsOf: (profile: string) => Omit<ClusterSettings, "context">) {
    this.#open = open;
    this.#settingsOf = settingsOf;
  }

  /** Throws KtError. Equal clusters are the same object. */
  for(ref: ClusterRef): Cluster {
    const settings = { ...this.#settingsOf(ref.profile), context: ref.context };
    const key = keyOf(settings);
    let cluster = this.#byKey.get(key);
    if (!cluster) {
      cluster = new SharedCluster(settings, this.#open);
      this.#byKey.set(key, cluster);
    }
    return cluster;
  }

  /** After a change of kubeconfig files: whatever read them is opened again. */
  reopen(files: readonly string[]): void {
    for (const cluster of this.#byKey.values()) if (cluster.reads(files)) cluster.reopen();
  }

  /** Closes what no attached profile sees any more and no tunnel uses. */
  retain(profiles: readonly string[]): void {
    const prefixes = profiles.map((profile) => keyOf({ ...this.#settingsOf(profile), context: undefined }, true));
    for (const [key, cluster] of this.#byKey) {
      // A profile attached again from another shell has another view; tunnels that are up keep the one they started with.
      if (cluster.inUse || prefixes.some((prefix) => key.startsWith(prefix))) continue;
      cluster.close();
      this.#byKey.delete(key);
    }
  }

  close(): void {
    for (const cluster of this.#byKey.values()) cluster.close();
    this.#byKey.clear();
  }
}

/** The context comes last, so that the rest is a prefix of all the contexts of one profile's view. */
function keyOf({ kubeconfig, environment, context }: ClusterSettings, prefixOnly = false): string {
  const prefix = `${JSON.stringify([kubeconfig, relevant(environment)])}\u0000`;
  return prefixOnly ? prefix : `${prefix}${context ?? ""}`;
}

interface SharedFollowing extends Following {
  /** Goes on with the reopened cluster. */
  restart(): void;
}

/** A Cluster that stays the same object while the one behind it is opened again. */
class SharedCluster implements Cluster {
  readonly context: string;
  readonly #settings: ClusterSettings;
  readonly #open: OpenCluster;
  readonly #followings = new Set<SharedFollowing>();
  #inner: Cluster;

  constructor(settings: ClusterSettings, open: OpenCluster) {
    this.#open = open;
    this.#inner = open(settings);
    this.context = this.#inner.context;
    // Whoever switches the current context elsewhere does not mean that what runs here should change clusters under open tunnels.
    this.#settings = { ...settings, context: this.context };
  }

  get inUse(): boolean {
    return this.#followings.size > 0;
  }

  get namespace(): string {
    return this.#inner.namespace;
  }

  get server(): string {
    return this.#inner.server;
  }

  reads(files: readonly string[]): boolean {
    return files.some((file) => this.#settings.kubeconfig.includes(file));
  }

  /** A kubeconfig that cannot be read just now, as in the middle of being written, leaves what is open. */
  reopen(): void {
    let next: Cluster;
    try {
      next = this.#open(this.#settings);
    } catch (error) {
      if (error instanceof KtError) return;
      throw error;
    }
    const before = this.#inner;
    this.#inner = next;
    for (const following of this.#followings) following.restart();
    before.close();
  }

  follow(request: FollowRequest, onChange: (resolution: Resolution) => void): Following {
    let inner = this.#inner.follow(request, onChange);
    let last: Resolution | undefined;
    const following: SharedFollowing = {
      // Until the reopened cluster has answered, what was known before holds.
      current: () => inner.current() ?? last,
      refresh: () => inner.refresh(),
      restart: () => {
        last = inner.current() ?? last;
        inner.close();
        inner = this.#inner.follow(request, onChange);
      },
      close: () => {
        this.#followings.delete(following);
        inner.close();
      },
    };
    this.#followings.add(following);
    return following;
  }

  portForward: Cluster["portForward"] = (namespace, pod, signal) => this.#inner.portForward(namespace, pod, signal);

  close(): void {
    this.#inner.close();
  }
}
