/** What the contract needs on a real cluster: a namespace with a pod of the test image and a service, removed afterwards. */

import type { ApiAccess } from "./api-access.ts";
import { accessFrom } from "./api-access.ts";
import type { ContractCluster } from "./kube-api.ts";
import { rawRequest } from "./raw-request.ts";

const image = process.env["KT_E2E_IMAGE"] ?? "kt.test/app:1";

interface Event {
  readonly type: string;
  readonly object: { readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] } };
}

/** The objects are the suite's own: whatever another run left is of another namespace. */
export async function openRealCluster(kubeconfig: string): Promise<ContractCluster> {
  const access = await accessFrom(kubeconfig);
  const namespace = `kt-contract-${crypto.randomUUID().slice(0, 8)}`;
  const base = `/api/v1/namespaces/${namespace}`;
  await create(access, "/api/v1/namespaces", { metadata: { name: namespace } });
  await serviceAccount(access, base);
  const ports = [{ name: "echo", port: 7000, targetPort: 7000 }];
  await create(access, `${base}/services`, { metadata: { name: "echo" }, spec: { selector: { app: "echo" }, ports } });
  await grantGetter(access, namespace);
  await idleWorkloads(access, namespace);
  await startPod(access, base, "echo", "echo");
  await until(access, `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?watch=1`, (text) => text.includes('"ready":true'));
  return {
    access,
    namespace,
    pod: "echo",
    service: "echo",
    workload: "idle",
    getter: "kt-contract-getter",
    label: (pod, mark) => label(access, `${base}/pods/${pod}`, mark),
    startVictim: (name) => startPod(access, base, name, "victim"),
    deletePod: (name) => deletePod(access, base, name),
    close: async () => {
      await (await rawRequest(access, `/api/v1/namespaces/${namespace}`, { method: "DELETE" })).text();
    },
  };
}

async function create(access: ApiAccess, path: string, object: object): Promise<void> {
  const response = await rawRequest(access, path, { method: "POST", body: JSON.stringify(object) });
  const text = await response.text();
  if (response.head.status !== 201) throw new Error(`create at ${path}: ${text}`);
}

/** Pods are refused until the namespace has its default service account. */
async function serviceAccount(access: ApiAccess, base: string): Promise<void> {
  await until(access, `${base}/serviceaccounts?watch=1&fieldSelector=metadata.name%3Ddefault`, () => true);
}

async function grantGetter(access: ApiAccess, namespace: string): Promise<void> {
  const base = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const apiGroup = "rbac.authorization.k8s.io";
  const rules = [{ apiGroups: [""], resources: ["pods/portforward"], verbs: ["get"] }];
  await create(access, `${base}/roles`, { metadata: { name: "getter" }, rules });
  const subjects = [{ apiGroup, kind: "User", name: "kt-contract-getter" }];
  await create(access, `${base}/rolebindings`, {
    metadata: { name: "getter" },
    roleRef: { apiGroup, kind: "Role", name: "getter" },
    subjects,
  });
}

/** One of each kind that makes no pods: none are wanted, or no node fits. */
async function idleWorkloads(access: ApiAccess, namespace: string): Promise<void> {
  const labels = { app: "idle" };
  const template = { metadata: { labels }, spec: { nodeSelector: { "kt.test/none": "1" }, containers: [{ name: "app", image }] } };
  for (const resource of ["deployments", "statefulsets", "replicasets", "daemonsets"]) {
    const spec = { selector: { matchLabels: labels }, template, ...(resource === "daemonsets" ? {} : { replicas: 0 }) };
    await create(access, `/apis/apps/v1/namespaces/${namespace}/${resource}`, { metadata: { name: "idle" }, spec });
  }
}

async function startPod(access: ApiAccess, base: string, name: string, app: string): Promise<void> {
  const container = {
    name: "app",
    image,
    imagePullPolicy: "IfNotPresent",
    readinessProbe: { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 1 },
  };
  const spec = { terminationGracePeriodSeconds: 1, containers: [container] };
  await create(access, `${base}/pods`, { metadata: { name, labels: { app } }, spec });
  await until(access, `${base}/pods?watch=1&fieldSelector=metadata.name%3D${name}`, (text) => {
    const { object }: Event = JSON.parse(text);
    return object.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
  });
}

async function label(access: ApiAccess, path: string, mark: string): Promise<void> {
  const body = JSON.stringify({ metadata: { labels: { mark } } });
  const headers = [["Content-Type", "application/merge-patch+json"] as const, ["Content-Length", String(body.length)] as const];
  const response = await rawRequest(access, path, { method: "PATCH", headers, rawBody: body });
  const text = await response.text();
  if (response.head.status !== 200) throw new Error(`label ${path}: ${text}`);
}

/** Resolves when the pod is gone from the API. */
async function deletePod(access: ApiAccess, base: string, name: string): Promise<void> {
  const path = `${base}/pods?watch=1&fieldSelector=metadata.name%3D${name}`;
  const gone = until(access, path, (text) => text.startsWith('{"type":"DELETED"'));
  await (await rawRequest(access, `${base}/pods/${name}`, { method: "DELETE" })).text();
  await gone;
}

/** Watches until an event satisfies. */
async function until(access: ApiAccess, path: string, satisfies: (line: string) => boolean): Promise<void> {
  const watch = await rawRequest(access, path);
  for (let line = await watch.line(); line !== undefined; line = await watch.line()) {
    if (!satisfies(line)) continue;
    watch.abort();
    return;
  }
  throw new Error(`the watch ${path} ended too early`);
}
