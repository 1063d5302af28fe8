/** What one context of a kubeconfig comes down to: a server, whom to trust, and who signs in. */

/** A PEM text in the kubeconfig itself, or the absolute path of a file that holds it. */
export interface PemSource {
  readonly pem?: string | undefined;
  readonly file?: string | undefined;
}

export interface ClusterConfig {
  readonly name: string;
  /** The kubeconfig file that defines the cluster. */
  readonly file: string;
  /** Without a trailing slash; may have a path. */
  readonly server: string;
  readonly ca: PemSource;
  readonly tlsServerName: string | undefined;
  readonly insecure: boolean;
  readonly proxyUrl: string | undefined;
  /** For exec plugins with `provideClusterInfo`: the cluster's own extension for them. */
  readonly execExtension: unknown;
}

export interface ExecConfig {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly installHint: string | undefined;
  readonly interactiveMode: string | undefined;
  readonly provideClusterInfo: boolean;
  /** Of a stranger's plugin, the states of the files that the consent to it is about, by path. */
  readonly consented?: Readonly<Record<string, string>>;
}

export interface Impersonation {
  /** "" where the kubeconfig names none, and groups or the like all the same: then nothing may be asked. */
  readonly user: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export interface UserConfig {
  readonly name: string;
  /** The kubeconfig file that defines the user. */
  readonly file: string;
  readonly cert: PemSource;
  readonly key: PemSource;
  readonly token: string | undefined;
  /** Absolute path; wins over `token`. */
  readonly tokenFile: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly exec: ExecConfig | undefined;
  readonly authProvider: { readonly name: string; readonly config: Readonly<Record<string, string>> } | undefined;
  readonly impersonate: Impersonation | undefined;
}

/** What a context comes down to. */
export interface ContextConfig {
  readonly name: string;
  /** The kubeconfig file that defines the context. */
  readonly file: string;
  readonly namespace: string;
  /** It is the service account of the pod that kt runs in. */
  readonly isInside: boolean;
  readonly cluster: ClusterConfig;
  /** Undefined: anonymous. */
  readonly user: UserConfig | undefined;
}
