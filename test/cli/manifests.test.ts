/** What runs kt in a cluster follows from the profile: its ports, and rights for its routes alone. */

import { expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { type Manifest, manifestsOf } from "#cli/manifests/manifests.ts";
import { loadPlan } from "#profile/load.ts";

const exposed = '[http]\nlisten = "0.0.0.0:8989"\nexpose = true\n';

async function objectsOf(text: string, replicas = 2, metricsPort?: number): Promise<Manifest[]> {
  const file = "/p/tunnels.toml";
  const { plan } = await loadPlan({
    file,
    environment: {},
    home: "/h",
    isInside: true,
    readText: async (path) => (path === file ? text : undefined),
  });
  return manifestsOf({ plan, text, name: "kt", namespace: "edge", image: "kt:1", replicas, metricsPort });
}

const namesOf = (objects: readonly Manifest[]): string[] =>
  objects.map(({ kind, metadata }) => {
    const { name, namespace } = metadata as { name: string; namespace?: string };
    return [kind, namespace, name].filter((part) => part !== undefined).join(" ");
  });

test("a route's namespace gets a role, kt's own has the rest", async () => {
  const objects = await objectsOf(`${exposed}[routes]\n"web.example.com" = "shop/svc/web:80"\n"api.example.com" = "svc/api:80"\n`);
  expect(namesOf(objects)).toEqual([
    "ServiceAccount edge kt",
    "Role shop kt",
    "RoleBinding shop kt",
    "Role edge kt",
    "RoleBinding edge kt",
    "ConfigMap edge kt",
    "Deployment edge kt",
    "Service edge kt",
    "PodDisruptionBudget edge kt",
    "NetworkPolicy edge kt",
  ]);
  expect(objects.find(({ kind }) => kind === "Role")).toMatchObject({
    rules: [
      { apiGroups: [""], resources: ["services"], verbs: ["get"] },
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
      { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] },
    ],
  });
});

test("a pattern that captures the namespace needs a role of the cluster, of a name that no other kt has", async () => {
  const pattern = '[[patterns]]\nhost = "{service}.{namespace}.example.com"\ntarget = "{namespace}/svc/{service}:80"\n';
  const names = namesOf(await objectsOf(exposed + pattern));
  expect(names).toContain("ClusterRole edge-kt");
  expect(names).toContain("ClusterRoleBinding edge-kt");
});

test("every port beyond loopback is one of the service and of the policy", async () => {
  const ports = '[tcp]\n"0.0.0.0:5432" = { target = "svc/db:5432", expose = true }\n6379 = "svc/redis:6379"\n';
  const objects = await objectsOf(exposed + ports);
  const numbers = (kind: string): number[] =>
    [...JSON.stringify(objects.find((object) => object.kind === kind)).matchAll(/"port":(\d+)/g)].map(([, port]) => Number(port));
  expect(numbers("Service")).toEqual([8989, 5432]);
  expect(numbers("NetworkPolicy")).toEqual([8989, 5432]);
});

test("an address needs no relay, since a pod connects to it by itself, and no right", async () => {
  const objects = await objectsOf(`${exposed}[routes]\n"db.example.com" = "db.internal:80"\n"web.example.com" = "svc/web:80"\n`);
  expect(namesOf(objects).filter((name) => name.startsWith("Role "))).toEqual(["Role edge kt"]);
  expect(JSON.stringify(objects)).not.toContain("jobs");
});

test("metrics have a port of their own where it is asked for, for pods of the same namespace", async () => {
  const listens = `${exposed}[routes]\n"web.example.com" = "svc/web:80"\n`;
  expect(JSON.stringify(await objectsOf(listens))).not.toContain("metrics");
  const objects = await objectsOf(listens, 2, 9464);
  const find = (kind: string): Manifest | undefined => objects.find((object) => object.kind === kind);
  expect(JSON.stringify(find("Deployment"))).toContain('"--metrics","0.0.0.0:9464"');
  expect(find("Service")).toMatchObject({ spec: { ports: [{ port: 8989 }, { name: "metrics", port: 9464 }] } });
  expect(find("NetworkPolicy")).toMatchObject({
    spec: { ingress: [{ ports: [{ port: 8989 }] }, { from: [{ podSelector: {} }], ports: [{ port: 9464, protocol: "TCP" }] }] },
  });
  await expect(objectsOf(listens, 2, 8989)).rejects.toThrow("the profile listens on port 8989");
});

test("one replica has no budget: a node could not be drained", async () => {
  const objects = await objectsOf(`${exposed}[routes]\n"web.example.com" = "svc/web:80"\n`, 1);
  expect(namesOf(objects)).not.toContain("PodDisruptionBudget edge kt");
});

test.each([
  ["a front door on loopback", '[routes]\n"web.localhost" = "svc/web:80"\n', "on the pod's loopback only"],
  ["another cluster", `context = "prod"\n${exposed}[routes]\n"web.example.com" = "svc/web:80"\n`, 'names the context "prod"'],
  [
    "a pattern of another cluster",
    `${exposed}[[patterns]]\nhost = "{service}.example.com"\ntarget = "svc/{service}:80"\ncontext = "prod"\n`,
    'names the context "prod"',
  ],
])("%s is refused", async (_, text, why) => {
  const error = await objectsOf(text).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(KtError);
  expect(String(error)).toContain(why);
});
