/** What a profile says about the relay: when it is used, and what runs in the cluster. */

/** auto: only what port-forward cannot reach. always: every new connection. */
export type RelayMode = "auto" | "always" | "never";

/** As Kubernetes has it. */
export interface Toleration {
  readonly key?: string | undefined;
  readonly operator?: string | undefined;
  readonly value?: string | undefined;
  readonly effect?: string | undefined;
}

export interface RelayResources {
  readonly requests: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
}

export interface RelaySettings {
  readonly mode: RelayMode;
  /** Undefined where nothing says which image holds this kt. */
  readonly image: string | undefined;
  /** Undefined is the context's. */
  readonly namespace: string | undefined;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
  /** What is left out has kt's own values. */
  readonly resources: RelayResources;
  /** Of the Job and its pod, besides kt's own. */
  readonly labels: Readonly<Record<string, string>>;
}
