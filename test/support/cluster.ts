/** The cluster that the end-to-end tests run against: kubectl, manifests, kubeconfigs and what may be done to it. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { spawn } from "bun";

/** Set by the e2e script. */
export const namespace: string = process.env["KT_E2E_NAMESPACE"] ?? "";
export const otherNamespace: string = `${namespace}-b`;
/** Kubeconfig of an administrator with context `admin`. */
export const adminKubeconfig: string = process.env["KT_E2E_KUBECONFIG"] ?? "";
/** True on our own throw-away cluster as root: there the API server may be stopped and packets dropped. */
export const ownCluster: boolean = process.env["KT_E2E_CLUSTER"] !== "mine";
const image = process.env["KT_E2E_IMAGE"] ?? "kt.test/app:1";

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function run(
  command: readonly string[],
  options: { input?: string; env?: Record<string, string>; cwd?: string } = {},
): Promise<Ran> {
  const child = spawn([...command], {
    stdin: options.input === undefined ? "ignore" : new TextEncoder().encode(options.input),
    stdout: "pipe",
    stderr: "pipe",
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exitCode, stdout, stderr };
}

/** kubectl as administrator; fails loudly. */
export async function kubectl(...args: string[]): Promise<string> {
  const ran = await run(["kubectl", "--kubeconfig", adminKubeconfig, ...args]);
  if (ran.exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${ran.stderr}`);
  return ran.stdout;
}

export async function apply(...objects: readonly object[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  const ran = await run(["kubectl", "--kubeconfig", adminKubeconfig, "apply", "-f", "-"], { input: list });
  if (ran.exitCode !== 0) throw new Error(`kubectl apply: ${ran.stderr}`);
}

export interface AppOptions {
  readonly replicas?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly image?: string;
}

function container(options: AppOptions): object {
  return {
    name: "app",
    image: options.image ?? image,
    imagePullPolicy: "IfNotPresent",
    env: Object.entries(options.env ?? {}).map(([name, value]) => ({ name, value })),
    ports: [
      { name: "http", containerPort: 8080 },
      { name: "tls", containerPort: 8443 },
      { name: "grpc", containerPort: 9090 },
    ],
    readinessProbe: { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 1, failureThreshold: 1 },
  };
}

/** A deployment of the test app. */
export function deployment(ns: string, name: string, options: AppOptions = {}): object {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace: ns, name },
    spec: {
      replicas: options.replicas ?? 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { terminationGracePeriodSeconds: 2, containers: [container(options)] } },
    },
  };
}

/** A bare pod of the test app. */
export function pod(ns: string, name: string, options: AppOptions = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: ns, name, labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 2, containers: [container(options)] },
  };
}

const servicePorts = [
  { name: "http", port: 80, targetPort: "http" },
  { name: "number", port: 8081, targetPort: 8080 },
  { name: "tls", port: 443, targetPort: "tls" },
  { name: "grpc", port: 9090, targetPort: "grpc" },
  { name: "echo", port: 7000, targetPort: 7000 },
  { name: "sum", port: 7002, targetPort: 7002 },
  { name: "push", port: 7003, targetPort: 7003 },
  { name: "reset", port: 7004, targetPort: 7004 },
  { name: "greet", port: 7005, targetPort: 7005 },
  /** Nothing listens there. */
  { name: "refused", port: 7999, targetPort: 7999 },
];

/** A service in front of the pods labelled `app: NAME`. */
export function service(ns: string, name: string, extra: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: ns, name },
    spec: { selector: { app: name }, ports: servicePorts, ...extra },
  };
}

/** A deployment and its service, up and ready. */
export async function deploy(ns: string, name: string, options: AppOptions = {}): Promise<void> {
  await apply(deployment(ns, name, options), service(ns, name));
  await rolledOut(ns, name);
}

export async function rolledOut(ns: string, name: string): Promise<void> {
  await kubectl("-n", ns, "rollout", "status", `deployment/${name}`, "--timeout=90s");
}

/** Names of the pods of an app that are not being deleted. */
export async function podsOf(ns: string, app: string): Promise<string[]> {
  const list: { items: { metadata: { name: string; deletionTimestamp?: string } }[] } = JSON.parse(
    await kubectl("-n", ns, "get", "pods", "-l", `app=${app}`, "-o", "json"),
  );
  return list.items.filter((item) => item.metadata.deletionTimestamp === undefined).map((item) => item.metadata.name);
}

interface Kubeconfig {
  clusters: { name: string; cluster: Record<string, unknown> }[];
  users: { name: string; user: Record<string, unknown> }[];
  contexts: { name: string; context: Record<string, unknown> }[];
  "current-context": string;
}

/** The administrator's kubeconfig as an object, with all data inside it. */
export async function readKubeconfig(): Promise<Kubeconfig> {
  return JSON.parse(await kubectl("config", "view", "--raw", "--flatten", "--minify", "-o", "json"));
}

export interface ContextOptions {
  readonly namespace?: string;
  /** Replaces the user. */
  readonly user?: Record<string, unknown>;
  /** Added to the cluster's entry. */
  readonly cluster?: Record<string, unknown>;
}

/** Writes a kubeconfig with these contexts, all of the same cluster; the first is current. Returns its path. */
export async function writeKubeconfig(contexts: Readonly<Record<string, ContextOptions>>): Promise<string> {
  const admin = await readKubeconfig();
  const result: Kubeconfig = { clusters: [], users: [], contexts: [], "current-context": Object.keys(contexts)[0] ?? "" };
  for (const [name, options] of Object.entries(contexts)) {
    result.clusters.push({ name, cluster: { ...admin.clusters[0]?.cluster, ...options.cluster } });
    result.users.push({ name, user: options.user ?? admin.users[0]?.user ?? {} });
    result.contexts.push({
      name,
      context: { cluster: name, user: name, ...(options.namespace === undefined ? {} : { namespace: options.namespace }) },
    });
  }
  const path = `${mkdtempSync(`${tmpdir()}/kt-kubeconfig-`)}/config`;
  writeFileSync(path, JSON.stringify({ apiVersion: "v1", kind: "Config", ...result }), { mode: 0o600 });
  return path;
}

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** Creates a service account that may do only this in the namespace, and gives a token for it. */
export async function createUser(ns: string, name: string, rules: readonly Rule[]): Promise<string> {
  const metadata = { namespace: ns, name };
  await apply(
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata, rules },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace: ns }],
    },
  );
  return (await kubectl("-n", ns, "create", "token", name, "--duration=1h")).trim();
}

/** A namespace of a test file's own; `remove` does not wait for its end. */
export async function ownNamespace(suffix: string): Promise<{ name: string; remove(): Promise<void> }> {
  const name = `${namespace}-${suffix}`;
  // Of the same file, when it runs once more: it may be on its way out, and would take everything in it along.
  await kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=90s");
  await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { "kt-e2e": namespace } } });
  return {
    name,
    remove: async () => {
      await kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found");
    },
  };
}
