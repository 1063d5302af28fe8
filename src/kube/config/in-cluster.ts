/** The service account that Kubernetes gives to a pod, as a context. */

import { formatHostPort } from "#base/hostname.ts";
import { type FileCache, fileStamp } from "./files.ts";
import type { ContextConfig } from "./context-config.ts";

const folder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Undefined outside of a pod, or where no token is mounted. `folder` is another one only in tests. */
export function inClusterContext(
  environment: Readonly<Record<string, string | undefined>>,
  cache: FileCache,
  from: string = folder,
): ContextConfig | undefined {
  const host = environment["KUBERNETES_SERVICE_HOST"];
  const port = environment["KUBERNETES_SERVICE_PORT"];
  const tokenFile = `${from}/token`;
  if (!host || !port || fileStamp(tokenFile) === undefined) return undefined;
  const namespaceFile = `${from}/namespace`;
  const namespace = fileStamp(namespaceFile) === undefined ? "default" : cache.read(namespaceFile).trim();
  const server = `https://${formatHostPort({ host, port })}`;
  return {
    name: "in-cluster",
    file: tokenFile,
    namespace,
    isInside: true,
    cluster: {
      name: "in-cluster",
      file: tokenFile,
      server,
      ca: { file: `${from}/ca.crt` },
      tlsServerName: undefined,
      insecure: false,
      proxyUrl: undefined,
      execExtension: undefined,
    },
    user: {
      name: "service account",
      file: tokenFile,
      cert: {},
      key: {},
      token: undefined,
      tokenFile,
      username: undefined,
      password: undefined,
      exec: undefined,
      authProvider: undefined,
      impersonate: undefined,
    },
  };
}
