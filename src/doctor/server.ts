/** Whether the API server can be reached, and if not, where the way ends: name, network, proxy or TLS; pure. */

import { command } from "#base/shell.ts";
import type { ContextConfig } from "#kube/config/context-config.ts";
import type { ServerAnswer, Unreached } from "#kube/probe.ts";
import { type ProxyChoice, withoutLogin } from "#kube/way/outbound-proxy.ts";
import { type Finding, Findings } from "./finding.ts";

export function judgeServer(config: ContextConfig, reached: ServerAnswer | Unreached, proxy: ProxyChoice | undefined): readonly Finding[] {
  const findings = new Findings("server", config.name);
  const { server, insecure } = config.cluster;
  const through = proxy === undefined ? "" : ` through the proxy ${withoutLogin(proxy.url.origin)} (${proxy.from})`;
  if ("problem" in reached) {
    const { message, code } = reached.problem;
    // A proxy that failed is named already.
    return findings.broken(`${message}${code === "proxy-failed" ? "" : through}`, fixesFor(config, reached, proxy)).list;
  }
  const { status, version, tookMs } = reached;
  if (status >= 500) return findings.broken(`${server} answers ${status}${through}`, ["try again: it may be starting"]).list;
  findings.ok(`${server} answers${through}${version === undefined ? "" : `: Kubernetes ${version}`}, in ${Math.round(tookMs)} ms`);
  if (insecure) {
    findings.warn(`the certificate of ${server} is not checked: insecure-skip-tls-verify is set`, [
      command`kubectl config set-cluster ${config.cluster.name} --insecure-skip-tls-verify=false --certificate-authority=FILE`,
    ]);
  }
  return findings.list;
}

/** Whether the certificate's dates were the reason: then it may be the clock that is wrong. */
export const isAboutDates = ({ code }: Unreached): boolean => code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID";

const vpn = "is the VPN up? is a firewall in between?";
const fetchAgain =
  "was the cluster made anew? fetch its kubeconfig again; behind a proxy that inspects TLS, add that proxy's authority to certificate-authority";

const byCode: Readonly<Record<string, readonly string[]>> = {
  ENOTFOUND: ["is the VPN up? is the name of the server right?"],
  ECONNREFUSED: ["does the cluster run? (minikube start, docker ps, colima start)", "is the port right?"],
  ETIMEDOUT: [vpn],
  EHOSTUNREACH: [vpn],
  ENETUNREACH: ["is this machine online? is the VPN up?"],
  ECONNRESET: [vpn],
  CERT_HAS_EXPIRED: [
    "the cluster's certificates must be renewed where it runs (kubeadm certs renew all)",
    "is this machine's clock right? date -u",
  ],
  CERT_NOT_YET_VALID: ["is this machine's clock right? date -u"],
  EPROTO: ["is the port right? is it http:// instead of https://?"],
};

const unknownAuthority = /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_SIGNATURE_FAILURE/;

function fixesFor({ name, cluster }: ContextConfig, { problem, code = "" }: Unreached, proxy: ProxyChoice | undefined): readonly string[] {
  const look = command`kubectl version --context ${name}`;
  if (problem.code === "proxy-failed") return [...proxyFixes(cluster.server, proxy), ...problem.hints, look];
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return [command`kubectl config set-cluster ${cluster.name} --tls-server-name=NAME, with a name that the certificate has`, look];
  if (unknownAuthority.test(code)) return [fetchAgain, look];
  return [...(byCode[code] ?? problem.hints), ...(proxy === undefined ? [] : proxyFixes(cluster.server, proxy)), look];
}

function proxyFixes(server: string, proxy: ProxyChoice | undefined): readonly string[] {
  if (proxy?.from === "proxy-url") return ["correct proxy-url of the cluster in the kubeconfig"];
  const host = URL.parse(server)?.hostname ?? server;
  return [command`where no proxy is needed: export NO_PROXY="$NO_PROXY",${host}`];
}
