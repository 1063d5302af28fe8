/** How a contract test reaches an API server: its address, trust and credentials, read from a kubeconfig. */

import { readFile } from "node:fs/promises";
import { YAML } from "bun";
import type { TlsOptions } from "#net/tls.ts";

export interface ApiAccess {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsOptions;
  /** Sent with every request. */
  readonly authorization: string | undefined;
}

interface Kubeconfig {
  readonly "current-context": string;
  readonly clusters: readonly { readonly name: string; readonly cluster: Readonly<Record<string, string>> }[];
  readonly users: readonly { readonly name: string; readonly user: Readonly<Record<string, string>> }[];
  readonly contexts: readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user: string } }[];
}

function decoded(entry: Readonly<Record<string, string>>, key: string): string | undefined {
  const base64 = entry[key];
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString();
}

/** Reads the current context of a kubeconfig whose certificates are inside it. Knows no credentials but certificates and tokens. */
export async function accessFrom(kubeconfigPath: string): Promise<ApiAccess> {
  const config = YAML.parse(await readFile(kubeconfigPath, "utf8")) as Kubeconfig;
  const context = config.contexts.find(({ name }) => name === config["current-context"])?.context;
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster ?? {};
  const user = config.users.find(({ name }) => name === context?.user)?.user ?? {};
  const url = new URL(cluster["server"] ?? "");
  const token = user["token"];
  return {
    host: url.hostname,
    port: Number(url.port || 443),
    tls: {
      serverName: cluster["tls-server-name"] ?? url.hostname,
      ca: decoded(cluster, "certificate-authority-data"),
      cert: decoded(user, "client-certificate-data"),
      key: decoded(user, "client-key-data"),
    },
    authorization: token === undefined ? undefined : `Bearer ${token}`,
  };
}
