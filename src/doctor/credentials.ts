/** Who we are to a cluster: what its kubeconfig user comes down to, and how long that is good for; pure. */

import { KtError } from "#base/errors.ts";
import { baseName, command } from "#base/shell.ts";
import type { Identity } from "#kube/auth/credentials.ts";
import type { ContextConfig, UserConfig } from "#kube/config/context-config.ts";
import { signedInUser } from "#kube/config/kubeconfig.ts";
import { expiryMs } from "#kube/auth/oidc.ts";
import { readCertificate } from "#tls/self-signed.ts";
import { type Finding, Findings } from "./finding.ts";
import { dayMs, timeSpan } from "./time.ts";

/** `found` is the identity, or why there is none. */
export function judgeCredentials(config: ContextConfig, found: Identity | KtError, nowMs: number): readonly Finding[] {
  const { name, user, cluster } = config;
  const findings = new Findings("credentials", name);
  if (user === undefined) return findings.warn("the context names no user: requests are anonymous", [setUser(name)]).list;
  if (signedInUser(config) === undefined)
    return findings.ok(`requests are anonymous: user "${user.name}" signs in over https only, and the server is ${cluster.server}`).list;
  if (found instanceof KtError) return findings.broken(found.message, [...found.hints, ...pluginFixes(user)]).list;
  const count = findings.list.length;
  if (found.cert !== undefined) judgeCertificate(findings, user, found.cert, nowMs);
  else if (found.authorization?.startsWith("Bearer ")) judgeToken(findings, user, found.authorization.slice("Bearer ".length), nowMs);
  if (findings.list.length === count) findings.ok(`user "${user.name}": ${sourceOf(user)}`);
  return findings.list;
}

const setUser = (context: string): string => command`kubectl config set-context ${context} --user=USER`;

/** How to have plugins that are known by their command, where the kubeconfig does not say. */
const plugins: readonly (readonly [command: RegExp, fixes: readonly string[]])[] = [
  [/^aws$/, ["aws sso login", "install the AWS CLI, version 2: https://docs.aws.amazon.com/cli"]],
  [/^aws-iam-authenticator$/, ["aws eks update-kubeconfig --name CLUSTER"]],
  [/^gke-gcloud-auth-plugin$/, ["gcloud auth login", "gcloud components install gke-gcloud-auth-plugin"]],
  [/^kubelogin$/, ["az login", "az aks install-cli"]],
  [/^(kubectl|kubectl-oidc_login)$/, ["kubectl krew install oidc-login"]],
  [/^tsh$/, ["tsh login"]],
  [/^doctl$/, ["doctl auth init"]],
];

function pluginFixes({ exec }: UserConfig): readonly string[] {
  if (exec === undefined || exec.installHint !== undefined) return [];
  const program = baseName(exec.command);
  return plugins.flatMap(([pattern, fixes]) => (pattern.test(program) ? fixes : []));
}

function sourceOf(user: UserConfig): string {
  if (user.tokenFile !== undefined) return `the token of "${user.tokenFile}"`;
  if (user.token !== undefined) return "a token";
  if (user.username !== undefined) return "a user name and a password";
  if (user.exec !== undefined) return `exec plugin "${baseName(user.exec.command)}" gives credentials`;
  if (user.authProvider !== undefined) return `auth-provider "${user.authProvider.name}"`;
  return user.cert.pem === undefined && user.cert.file === undefined ? "no credentials: requests are anonymous" : "a client certificate";
}

const renewCertificate = [
  "fetch the kubeconfig again with the tool that made the cluster (kubeadm: kubeadm kubeconfig user; minikube: minikube update-context; kind: kind export kubeconfig)",
];

function judgeCertificate(findings: Findings, user: UserConfig, pem: string, nowMs: number): void {
  const facts = readCertificate(pem);
  const whose = `the client certificate of user "${user.name}"`;
  if (!facts) findings.broken(`${whose} is not a PEM certificate`, renewCertificate);
  else judgeSpan(findings, `${whose} (${facts.subject})`, facts, nowMs, user.exec === undefined ? renewCertificate : pluginFixes(user));
}

/** Tokens that are JSON Web Tokens say when they end; others do not. */
function judgeToken(findings: Findings, user: UserConfig, token: string, nowMs: number): void {
  const untilMs = expiryMs(token);
  if (untilMs === 0) return;
  const fixes = user.exec === undefined ? ["kubectl create token ACCOUNT gives a new token; or log in again"] : pluginFixes(user);
  // Those that a plugin fetches are short-lived by design.
  if (user.exec !== undefined || user.authProvider !== undefined) {
    if (untilMs > nowMs) findings.ok(`user "${user.name}": ${sourceOf(user)}; the token is good for ${timeSpan(untilMs - nowMs)}`);
    else findings.broken(`user "${user.name}": ${sourceOf(user)}, but the token expired ${timeSpan(nowMs - untilMs)} ago`, fixes);
    return;
  }
  judgeSpan(findings, `the token of user "${user.name}"`, { fromMs: 0, untilMs }, nowMs, fixes);
}

interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

function judgeSpan(findings: Findings, what: string, { fromMs, untilMs }: Span, nowMs: number, fixes: readonly string[]): void {
  const until = new Date(untilMs).toISOString();
  if (untilMs <= nowMs) findings.broken(`${what} expired ${timeSpan(nowMs - untilMs)} ago, at ${until}`, fixes);
  else if (fromMs > nowMs)
    findings.broken(`${what} is not valid before ${new Date(fromMs).toISOString()}, in ${timeSpan(fromMs - nowMs)}`, [
      "is this machine's clock right? date -u",
    ]);
  else if (untilMs - nowMs < dayMs) findings.warn(`${what} expires in ${timeSpan(untilMs - nowMs)}, at ${until}`, fixes);
  else findings.ok(`${what} is valid until ${until}`);
}
