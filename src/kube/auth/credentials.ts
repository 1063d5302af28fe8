/** Who we are to a cluster: what a kubeconfig user comes down to at the moment of a request. */

import type { Clock } from "#base/clock.ts";
import { KtError, messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { command } from "#base/shell.ts";
import { ExecPlugin, type PluginCredential } from "./exec-plugin.ts";
import type { FileCache } from "#kube/config/files.ts";
import type { ContextConfig, PemSource, UserConfig } from "#kube/config/context-config.ts";
import { signedInUser } from "#kube/config/kubeconfig.ts";
import { OidcTokens } from "./oidc.ts";

export interface Identity {
  /** The value of Authorization. */
  readonly authorization: string | undefined;
  /** PEM texts. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export interface CredentialsOptions {
  readonly config: ContextConfig;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cache: FileCache;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether a plugin may be run or an issuer asked; default: they may. */
  readonly mayLogIn?: boolean | undefined;
  /** How long a credential plugin may take, where it is not the usual. */
  readonly pluginTimeoutMs?: number | undefined;
}

/** Without credentials. */
export const anonymous: Identity = { authorization: undefined, cert: undefined, key: undefined };

export class Credentials {
  readonly #options: CredentialsOptions;
  readonly #user: UserConfig | undefined;
  readonly #plugin: ExecPlugin | undefined;
  readonly #oidc: OidcTokens | undefined;
  /** What the plugin gave for an identity, to be forgotten with it. */
  #fromPlugin: PluginCredential | undefined;
  #fromIssuer: string | undefined;

  constructor(options: CredentialsOptions) {
    const { environment, cache, clock, log, pluginTimeoutMs } = options;
    const user = signedInUser(options.config);
    this.#options = options;
    this.#user = user;
    if (user?.exec) {
      const plugin = { exec: user.exec, user: user.name, context: options.config.name, environment, clock, log, pluginTimeoutMs };
      this.#plugin = new ExecPlugin({ ...plugin, clusterInfo: () => clusterInfo(options) });
    } else if (user?.authProvider?.name === "oidc") {
      this.#oidc = new OidcTokens({ config: user.authProvider.config, user: user.name, file: user.file, environment, cache, clock, log });
    }
  }

  /** Rejects with KtError `credentials-failed` or `kubeconfig-unreadable`. */
  async current(): Promise<Identity> {
    const user = this.#user;
    if (!user) return anonymous;
    const cert = readPem(user.cert, "client certificate", this.#options.cache);
    const key = readPem(user.key, "client key", this.#options.cache);
    if (key?.includes("ENCRYPTED")) throw encryptedKey(user.name);
    const authorization = this.#written(user);
    if (authorization !== undefined) return { authorization, cert, key };
    if (this.#options.mayLogIn === false && (this.#plugin ?? this.#oidc)) throw new KtError("credentials-failed", "this asks for no login");
    if (this.#plugin) return await this.#pluginIdentity(this.#plugin, cert, key);
    if (this.#oidc) {
      this.#fromIssuer = await this.#oidc.get();
      return { authorization: bearer(this.#fromIssuer), cert, key };
    }
    if (user.authProvider) throw unknownProvider(user.name, user.authProvider.name);
    return { authorization: undefined, cert, key };
  }

  /** The cluster answered 401: what was fetched for that identity, and nothing newer, is fetched again by the next `current`. */
  forget(refused: Identity): void {
    const kept = this.#fromPlugin;
    if (kept && bearer(kept.token) === refused.authorization && (kept.cert === undefined || kept.cert === refused.cert))
      this.#plugin?.forget(kept);
    if (this.#fromIssuer !== undefined && bearer(this.#fromIssuer) === refused.authorization) this.#oidc?.forget(this.#fromIssuer);
  }

  /** What stands in the kubeconfig or a token file: it wins over what would have to be fetched. */
  #written(user: UserConfig): string | undefined {
    if (user.tokenFile !== undefined) {
      const token = this.#tokenOf(user.tokenFile, user.token);
      if (token !== "") return bearer(token);
    }
    if (user.token !== undefined) return bearer(user.token);
    if (user.username === undefined) return undefined;
    return `Basic ${Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64")}`;
  }

  /** As kubectl, the token beside it is taken where the file cannot be read. */
  #tokenOf(file: string, token: string | undefined): string {
    try {
      return readFile(file, "token file", this.#options.cache).trim();
    } catch (error) {
      if (token === undefined) throw error;
      return token;
    }
  }

  async #pluginIdentity(plugin: ExecPlugin, cert: string | undefined, key: string | undefined): Promise<Identity> {
    const credential = await plugin.get();
    this.#fromPlugin = credential;
    return {
      authorization: bearer(credential.token),
      cert: credential.cert ?? cert,
      key: credential.key ?? key,
    };
  }
}

/** White space around a token, such as a file's last line end, is not part of it and would break the header. */
function bearer(token: string | undefined): string | undefined {
  const bare = token?.trim();
  if (bare === undefined) return undefined;
  if (/[\r\n\0]/.test(bare))
    throw new KtError("credentials-failed", "the token holds a line break: is there more than a token where it comes from?");
  return `Bearer ${bare}`;
}

function readFile(path: string, what: string, cache: FileCache): string {
  try {
    return cache.read(path);
  } catch (error) {
    const reason = messageOf(error);
    throw new KtError("kubeconfig-unreadable", `cannot read the ${what} "${path}": ${reason}`, {
      hints: [command`ls -l ${path}`],
      cause: error,
    });
  }
}

/** The PEM text, if there is one. Throws KtError `kubeconfig-unreadable`. */
export function readPem(source: PemSource, what: string, cache: FileCache): string | undefined {
  if (source.pem !== undefined) return source.pem;
  return source.file === undefined ? undefined : readFile(source.file, what, cache);
}

/** By its label or its headers (RFC 7468 §11, RFC 1421 §4.6.1.1). */
function encryptedKey(user: string): KtError {
  return new KtError(
    "credentials-failed",
    `the client key of user "${user}" is encrypted, and neither kubectl nor kt can ask for its password`,
    {
      hints: ["openssl pkey -in KEY -out KEY-WITHOUT-PASSWORD"],
    },
  );
}

/** `spec.cluster` of an ExecCredential. */
function clusterInfo({ config, cache }: CredentialsOptions): Readonly<Record<string, unknown>> {
  const { server, tlsServerName, insecure, ca, proxyUrl, execExtension } = config.cluster;
  const authority = readPem(ca, "certificate authority", cache);
  return {
    server,
    "tls-server-name": tlsServerName,
    "insecure-skip-tls-verify": insecure || undefined,
    "certificate-authority-data": authority && Buffer.from(authority).toString("base64"),
    "proxy-url": proxyUrl,
    config: execExtension,
  };
}

const providerHints: Readonly<Record<string, string>> = {
  gcp: "gcloud components install gke-gcloud-auth-plugin, then: gcloud container clusters get-credentials CLUSTER",
  azure: "az aks install-cli, then: kubelogin convert-kubeconfig",
};

function unknownProvider(user: string, provider: string): KtError {
  const hint = providerHints[provider] ?? "use an exec plugin instead";
  return new KtError("credentials-failed", `user "${user}" has auth-provider "${provider}", which Kubernetes no longer supports`, {
    hints: [hint],
  });
}
