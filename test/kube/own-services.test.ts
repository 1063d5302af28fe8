/** What is written to a cluster for a service that leads to this machine: to the API's paths, by the versions that were read. */

import { describe, expect, test } from "bun:test";
import { serve } from "bun";
import { type Clock, systemClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { kubeLimits } from "#kube/limits.ts";
import { openCluster } from "#kube/kube-cluster.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { writeKubeconfig } from "./scripted-api.ts";

const { signal } = new AbortController();

/** What is looked at again is looked at soon. */
const clock: Clock = {
  ...systemClock,
  after: (delayMs, callback) => systemClock.after(delayMs === kubeLimits.grantLookMs ? 1 : delayMs, callback),
};

interface Asked {
  readonly line: string;
  readonly type: string | null;
  readonly body: unknown;
}

/** What a server was asked that answers as `answer` says: with an object, or a status of failure; `count` is how often it was asked this. */
async function askedBy(
  answer: (line: string, count: number) => object | number,
  work: (cluster: Cluster) => Promise<void>,
): Promise<Asked[]> {
  await using folder = await tempDir();
  const asked: Asked[] = [];
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const line = `${request.method} ${new URL(request.url).pathname}`;
      const text = await request.text();
      asked.push({ line, type: request.headers.get("content-type"), body: text === "" ? undefined : JSON.parse(text) });
      const answered = answer(line, asked.filter((each) => each.line === line).length);
      if (typeof answered === "object") return Response.json(answered);
      return Response.json({ kind: "Status", message: "it says no", code: answered }, { status: answered });
    },
  });
  try {
    await writeKubeconfig(`${folder.path}/config`, `http://127.0.0.1:${server.port}`);
    const kubeconfig = [`${folder.path}/config`];
    const cluster = openCluster({ kubeconfig, context: undefined, environment: {}, clock, log: silentLog, onReachable() {} });
    await work(cluster);
    cluster.close();
  } finally {
    await server.stop(true);
  }
  return asked;
}

const raw = {
  metadata: { name: "api", uid: "u1", resourceVersion: "7", ownerReferences: [{ uid: "job-1" }] },
  spec: { clusterIP: "10.0.0.1", selector: { app: "api" }, ports: [{ port: 80 }] },
};
const known = { name: "api", uid: "u1", version: "7", owners: ["job-1"], isHeadless: false, isTerminating: false, type: "ClusterIP" };

describe("a service", () => {
  test("is read with what its maker must know, and is undefined where there is none", async () => {
    await askedBy(
      (_, count) => (count === 1 ? raw : 404),
      async ({ services }) => {
        expect(await services.get("shop", "api", signal)).toMatchObject({ ...known, selector: { app: "api" }, ports: [{ port: 80 }] });
        expect(await services.get("shop", "api", signal)).toBeUndefined();
      },
    );
  });

  test("is changed by a merge patch of the version that was read, and left where it has changed since", async () => {
    const asked = await askedBy(
      (line, count) => (line.startsWith("PATCH") && count === 2 ? 409 : raw),
      async ({ services }) => {
        const service = await services.get("shop", "api", signal);
        if (!service) throw new Error("there is no service");
        const change = { metadata: { annotations: { a: "b" } }, spec: { selector: { app: null } } };
        expect(await services.patch("shop", service, change, signal)).toMatchObject(known);
        expect(await services.patch("shop", service, change, signal)).toBeUndefined();
      },
    );
    expect(asked[1]).toEqual({
      line: "PATCH /api/v1/namespaces/shop/services/api",
      type: "application/merge-patch+json",
      body: { metadata: { annotations: { a: "b" }, uid: "u1", resourceVersion: "7" }, spec: { selector: { app: null } } },
    });
  });
});

describe("what lets a relay give a service back", () => {
  const owned = (uid: string) => ({ metadata: { name: "kt-1", ownerReferences: [{ uid }] } });
  const manifests = { serviceAccount: owned("job-2"), role: owned("job-2"), roleBinding: owned("job-2") };
  const paths = [
    "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles",
    "/api/v1/namespaces/shop/serviceaccounts",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings",
  ];

  test("is made, and left as it is where the same Job has it already", async () => {
    const asked = await askedBy(
      (line) => (line.startsWith("GET") ? owned("job-2") : line.endsWith("/roles") ? 409 : {}),
      async ({ grants }) => await grants.create("shop", manifests, signal),
    );
    const [roles, ...others] = paths;
    expect(asked.map(({ line }) => line)).toEqual([`POST ${roles}`, `GET ${roles}/kt-1`, ...others.map((path) => `POST ${path}`)]);
  });

  test("is made anew once what an earlier Job had is gone", async () => {
    const [roles = ""] = paths;
    const asked = await askedBy(
      (line, count) => {
        if (line === `GET ${roles}/kt-1`) return count < 3 ? owned("job-1") : 404;
        return line === `POST ${roles}` && count < 4 ? 409 : {};
      },
      async ({ grants }) => await grants.create("shop", manifests, signal),
    );
    expect(asked.filter(({ line }) => line === `POST ${roles}`)).toHaveLength(4);
  });

  test("that the cluster does not take is refused in its words", async () => {
    await askedBy(
      () => 422,
      async ({ grants }) => {
        const refused = await grants.create("shop", manifests, signal).catch((error: unknown) => error);
        expect(refused).toMatchObject({ code: "reverse-failed", message: 'the cluster does not take the role "shop/kt-1": it says no' });
      },
    );
  });
});

test("a Job that was made suspended is resumed, and nothing else of it is changed", async () => {
  const job = { name: "kt-1", uid: "j1", labels: {}, annotations: {}, isOver: false, isRunning: false, createdMs: 0 };
  const asked = await askedBy(
    () => ({}),
    async ({ jobs }) => await jobs.resume("shop", job, signal),
  );
  expect(asked.map(({ line, body }) => [line, body])).toEqual([
    ["PATCH /apis/batch/v1/namespaces/shop/jobs/kt-1", { metadata: { uid: "j1" }, spec: { suspend: false } }],
  ]);
});
