/** What the kubeconfig files say now about one context, as a Connection that is replaced when they change. */

import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { Connection } from "./connection.ts";
import { FileCache, fileStamp } from "#kube/config/files.ts";
import { inClusterContext } from "#kube/config/in-cluster.ts";
import type { ContextConfig } from "#kube/config/context-config.ts";
import { readKubeconfig, selectContext } from "#kube/config/kubeconfig.ts";
import { type ContextOverrides, withOverrides } from "#kube/config/overrides.ts";
import { bindPlugin, refuseStrangers, type Strangers } from "#kube/config/strangers.ts";

export interface ContextSourceOptions {
  /** Absolute paths, in order of precedence. */
  readonly kubeconfig: readonly string[];
  /** Those of them that are not the user's own; default: none. */
  readonly strangers?: Strangers;
  /** Undefined: the kubeconfig's current-context. */
  readonly context: string | undefined;
  /** What is said instead of the kubeconfig; default: nothing. */
  readonly overrides?: ContextOverrides;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of files that others read too; default: its own. */
  readonly cache?: FileCache | undefined;
  /** Whether credentials may be fetched that the kubeconfig does not hold; default: they may. */
  readonly mayLogIn?: boolean | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

type WhichContext = Pick<ContextSourceOptions, "kubeconfig" | "strangers" | "context" | "overrides" | "environment">;

/** What the files say about the context; where none exists, the in-cluster service account. Throws KtError. */
export function loadContext(which: WhichContext, cache: FileCache): ContextConfig {
  const { kubeconfig, strangers = {}, context, overrides = {}, environment } = which;
  const config = readKubeconfig(kubeconfig, cache);
  if (config.files.length > 0 || overrides.server !== undefined) {
    const selected = selectContext(config, context, overrides);
    refuseStrangers(selected, strangers, cache);
    return bindPlugin(selected, strangers, kubeconfig);
  }
  const inCluster = inClusterContext(environment, cache);
  if (inCluster && (context === undefined || context === inCluster.name)) return withOverrides(inCluster, overrides);
  const looked = kubeconfig.map((path) => `"${path}"`).join(", ");
  throw new KtError(
    "kubeconfig-unreadable",
    looked === "" ? "there is no kubeconfig" : `there is no kubeconfig: ${looked} does not exist`,
    {
      hints: ["set KUBECONFIG, or kubeconfig in the profile, to where yours is"],
      detail: "no-kubeconfig",
    },
  );
}

export class ContextSource {
  readonly #options: ContextSourceOptions;
  readonly #onChange: (isElsewhere: boolean) => void;
  readonly #cache: FileCache;
  #stamp: string;
  #connection: Connection;
  #text: string;

  /** `onChange` is called after a change; `isElsewhere`: to another cluster, or as another user. Throws KtError. */
  constructor(options: ContextSourceOptions, onChange: (isElsewhere: boolean) => void) {
    this.#options = options;
    this.#onChange = onChange;
    this.#cache = options.cache ?? new FileCache();
    this.#stamp = this.#stampNow();
    const config = loadContext(options, this.#cache);
    this.#text = JSON.stringify(config);
    this.#connection = this.#connect(config);
  }

  /** The connection by what the files say now. While they cannot be read the last good one stays. */
  connection(): Connection {
    const stamp = this.#stampNow();
    if (stamp !== this.#stamp) {
      this.#stamp = stamp;
      this.#reload();
    }
    return this.#connection;
  }

  #stampNow(): string {
    return this.#options.kubeconfig.map((path) => fileStamp(path) ?? "").join("|");
  }

  #reload(): void {
    const { log } = this.#options;
    try {
      const config = loadContext(this.#options, this.#cache);
      const text = JSON.stringify(config);
      if (text === this.#text) return;
      const before = this.#connection.config;
      this.#connection = this.#connect(config);
      this.#text = text;
      log("info", "kubeconfig-reloaded", { context: config.name, server: config.cluster.server });
      queueMicrotask(() => this.#onChange(whereAndWho(before) !== whereAndWho(config)));
    } catch (error) {
      log("warn", "kubeconfig-kept", { reason: toKtError(error, "kubeconfig-unreadable", "read kubeconfig").message });
    }
  }

  #connect(config: ContextConfig): Connection {
    const { environment, mayLogIn, clock, log } = this.#options;
    return new Connection({ config, environment, mayLogIn, cache: this.#cache, clock, log });
  }
}

/** Tokens and certificates come and go; only these make it another place. */
const whereAndWho = ({ name, cluster, user }: ContextConfig): string =>
  JSON.stringify([name, cluster.server, cluster.ca, user?.name, user?.impersonate]);
