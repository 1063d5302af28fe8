/** The way to one API server as one user: opens connections and gives requests what they need to be let in. */

import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type { Header } from "#wire/http-head.ts";
import { authorityOf } from "#kube/way/authority.ts";
import { Credentials, type CredentialsOptions, type Identity, readPem } from "#kube/auth/credentials.ts";
import { dial } from "#kube/way/dial.ts";
import type { HttpRequest } from "#http/client.ts";
import type { ContextConfig, Impersonation } from "#kube/config/context-config.ts";
import { proxyFor } from "#kube/way/outbound-proxy.ts";
import { isServerUrl } from "#kube/config/server-url.ts";

/** A request before it knows who sends it: `path` begins with "/api". */
export interface ApiRequest {
  readonly method: HttpRequest["method"];
  readonly path: string;
  readonly headers?: readonly Header[];
  readonly body?: string;
}

export class Connection {
  readonly config: ContextConfig;
  readonly #options: CredentialsOptions;
  readonly #url: URL;
  readonly #credentials: Credentials;
  /** Of the authority's text as it was read last. */
  #anchors: { readonly pem: string; readonly trusted: string } | undefined;

  /** Throws KtError `kubeconfig-unreadable` for a server that is not a valid URL. */
  constructor(options: CredentialsOptions) {
    const { name, server } = options.config.cluster;
    if (!isServerUrl(server)) throw new KtError("kubeconfig-unreadable", `server "${server}" of cluster "${name}" is not a valid URL`);
    if (!/^https?:/.test(server))
      throw new KtError("kubeconfig-unreadable", `server "${server}" of cluster "${name}" is neither https nor http`);
    this.config = options.config;
    this.#options = options;
    this.#url = new URL(server);
    this.#credentials = new Credentials(options);
  }

  /** Rejects with KtError `credentials-failed` or `kubeconfig-unreadable`. */
  identity(): Promise<Identity> {
    return this.#credentials.current();
  }

  /** The identity was refused: true when there is another one now. */
  async renew(refused: Identity): Promise<boolean> {
    this.#credentials.forget(refused);
    const next = await this.#credentials.current();
    return next.authorization !== refused.authorization || next.cert !== refused.cert;
  }

  /** Rejects with KtError `cluster-unreachable`, `proxy-failed` or `kubeconfig-unreadable`, or with the signal's reason. */
  async open(identity: Identity, signal: AbortSignal): Promise<Conn> {
    const { environment, cache } = this.#options;
    const { ca, insecure, tlsServerName, proxyUrl } = this.config.cluster;
    return await dial({
      url: this.#url,
      tls: {
        serverName: tlsServerName,
        ca: insecure ? undefined : this.#trusted(readPem(ca, "certificate authority", cache)),
        cert: identity.cert,
        key: identity.key,
        insecure,
      },
      proxy: proxyFor(this.#url, proxyUrl, environment),
      signal,
    });
  }

  #trusted(pem: string | undefined): string | undefined {
    if (pem === undefined) return undefined;
    if (this.#anchors?.pem === pem) return this.#anchors.trusted;
    const trusted = authorityOf(`cluster "${this.config.cluster.name}"`, pem);
    this.#anchors = { pem, trusted };
    return trusted;
  }

  /** The request as that identity sends it. */
  message(request: ApiRequest, identity: Identity): HttpRequest {
    const headers: Header[] = [["Host", this.#url.host], ["User-Agent", "kt"], ...(request.headers ?? [])];
    if (identity.authorization !== undefined) headers.push(["Authorization", identity.authorization]);
    const impersonate = this.config.user?.impersonate;
    if (impersonate) headers.push(...impersonationHeaders(impersonate));
    const target = `${this.#url.pathname.replace(/\/$/, "")}${request.path}`;
    return { method: request.method, target, headers, ...(request.body === undefined ? {} : { body: request.body }) };
  }
}

function impersonationHeaders(as: Impersonation): Header[] {
  const headers: Header[] = [["Impersonate-User", as.user]];
  if (as.uid !== undefined) headers.push(["Impersonate-Uid", as.uid]);
  for (const group of as.groups) headers.push(["Impersonate-Group", group]);
  for (const [key, values] of Object.entries(as.extra)) {
    for (const value of values) headers.push([`Impersonate-Extra-${encodeURIComponent(key)}`, value]);
  }
  return headers;
}
