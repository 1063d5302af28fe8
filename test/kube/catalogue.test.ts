/** What a catalogue offers: lists as the cluster has them, and errors for what cannot be listed. */

import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { catalogueOf, contextsOf } from "#daemon/catalogue.ts";
import type { ClusterView } from "#daemon/plans/clusters.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { list, ScriptedApi, status, writeKubeconfig } from "./scripted-api.ts";

const lists: Readonly<Record<string, readonly object[]>> = {
  "/api/v1/namespaces": [
    { metadata: { name: "shop" } },
    { metadata: { name: "gone", deletionTimestamp: "2026-01-01T00:00:00Z" } },
    { metadata: { name: "db" } },
  ],
  "/api/v1/namespaces/shop/services": [
    {
      metadata: { name: "web" },
      spec: {
        ports: [
          { name: "http", port: 80 },
          { name: "dns", port: 53, protocol: "UDP" },
        ],
      },
    },
    { metadata: { name: "api" }, spec: { ports: [{ port: 8080 }] } },
    { metadata: { name: "outside" }, spec: { type: "ExternalName", externalName: "example.com", ports: [{ port: 80 }] } },
    { metadata: { name: "only-udp" }, spec: { ports: [{ port: 53, protocol: "UDP" }] } },
  ],
  "/api/v1/namespaces/shop/pods": [
    {
      metadata: { name: "web-1" },
      spec: {
        containers: [{ name: "main", ports: [{ name: "http", containerPort: 8080 }, { containerPort: 9090 }] }, { name: "side" }],
        initContainers: [
          { name: "once", ports: [{ containerPort: 1 }] },
          { name: "proxy", restartPolicy: "Always", ports: [{ containerPort: 15001 }] },
        ],
      },
      status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
    },
    { metadata: { name: "job-1" }, status: { phase: "Succeeded" } },
    { metadata: { name: "old", deletionTimestamp: "2026-01-01T00:00:00Z" }, status: { phase: "Running" } },
    { metadata: { name: "new" }, status: { phase: "Pending" } },
  ],
};

const replicaSet = (name: string, replicas: number): object => ({
  metadata: { name },
  spec: {
    replicas,
    template: { spec: { containers: [{ name: "main", ports: [{ name: "http", containerPort: 8080 }] }, { name: "side" }] } },
  },
});

test("it lists workloads with the ports of their pods, but no old revisions", async () => {
  await using api = new ScriptedApi(({ path }) => {
    if (path === "/apis/apps/v1/namespaces/shop/replicasets") return list([replicaSet("web-2", 1), replicaSet("web-1", 0)]);
    return path === "/apis/batch/v1/namespaces/shop/jobs" ? list([{ metadata: { name: "migrate" } }]) : undefined;
  });
  await using at = await opened(api);
  const catalogue = catalogueOf(at.view, undefined);
  expect(await catalogue.workloads("replicaset", "shop")).toEqual([{ name: "web-2", ports: [{ name: "http", port: 8080 }] }]);
  expect(await catalogue.workloads("job", "shop")).toEqual([{ name: "migrate", ports: [] }]);
});

async function opened(api: ScriptedApi): Promise<{ view: ClusterView; [Symbol.asyncDispose](): Promise<void> }> {
  const folder = await tempDir();
  await writeKubeconfig(`${folder.path}/config`, api.url);
  const view = { kubeconfig: [`${folder.path}/config`], strangers: {}, environment: {} };
  return { view, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

test("it lists in alphabetical order what can be reached", async () => {
  await using api = new ScriptedApi(({ path }) => (lists[path] ? list(lists[path]) : undefined));
  await using at = await opened(api);
  const catalogue = catalogueOf(at.view, undefined);
  expect(await catalogue.namespaces()).toEqual(["db", "shop"]);
  expect(await catalogue.services("shop")).toEqual([
    { name: "api", ports: [{ name: "", port: 8080 }] },
    { name: "web", ports: [{ name: "http", port: 80 }] },
  ]);
  expect(await catalogue.pods("shop")).toEqual([
    { name: "new", ready: false, containers: [] },
    {
      name: "web-1",
      ready: true,
      containers: [
        {
          name: "main",
          ports: [
            { name: "http", port: 8080 },
            { name: "", port: 9090 },
          ],
        },
        { name: "side", ports: [] },
        { name: "proxy", ports: [{ name: "", port: 15001 }] },
      ],
    },
  ]);
});

test("what may not be listed is reported with the missing permission, also outside of namespaces", async () => {
  await using api = new ScriptedApi(() => status(403, "namespaces is forbidden", "Forbidden"));
  await using at = await opened(api);
  const catalogue = catalogueOf(at.view, undefined);
  await expect(catalogue.namespaces()).rejects.toMatchObject({
    code: "forbidden",
    message: "not allowed to list namespaces: namespaces is forbidden",
    hints: ["kubectl auth can-i list namespaces --context test"],
  });
});

test("a cluster that does not answer in time is reported so", async () => {
  await using api = new ScriptedApi(() => new Promise(() => {}));
  await using at = await opened(api);
  const answer = catalogueOf(at.view, undefined, { timeoutMs: 50, mayLogIn: true }).namespaces();
  await expect(answer).rejects.toMatchObject({ code: "cluster-unreachable", message: `${api.url} did not answer within 0.05 s` });
});

test("contexts come in the order of the files, the first file's current one first", async () => {
  await using folder = await tempDir();
  const config = (current: string, ...names: string[]): string =>
    JSON.stringify({ "current-context": current, contexts: names.map((name) => ({ name, context: { cluster: "c" } })) });
  await writeFile(`${folder.path}/a`, config("two", "one", "two"));
  await writeFile(`${folder.path}/b`, config("three", "two", "three"));
  const contexts = contextsOf({
    kubeconfig: [`${folder.path}/a`, `${folder.path}/b`, `${folder.path}/none`],
    strangers: {},
    environment: {},
  });
  expect(contexts).toEqual({ current: "two", names: ["one", "two", "three"] });
  expect(contextsOf({ kubeconfig: [], strangers: {}, environment: {} })).toEqual({ current: undefined, names: [] });
});
