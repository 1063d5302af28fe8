/** The kubeconfig that leads to the embedded API server, with everything inside it. */

export interface KubeconfigParts {
  readonly context: string;
  readonly namespace: string;
  readonly server: string;
  /** The name in the server's certificate. */
  readonly serverName: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

/** JSON, which every reader of YAML takes. */
export function kubeconfigText({ context, namespace, server, serverName, ca, token }: KubeconfigParts): string {
  const cluster = { server, "tls-server-name": serverName, "certificate-authority-data": Buffer.from(ca).toString("base64") };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: context, cluster }],
    users: [{ name: context, user: { token } }],
    contexts: [{ name: context, context: { cluster: context, user: context, namespace } }],
    "current-context": context,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
