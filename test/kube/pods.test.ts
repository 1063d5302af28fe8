/** Writes to the API: what is sent, and what its refusals mean. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { KnownPod } from "#kube/objects/known-pod.ts";
import { Harness, ScriptedApi, status } from "./scripted-api.ts";

const signal = new AbortController().signal;
const raw = {
  metadata: { name: "kt-jump", uid: "u1", resourceVersion: "7", labels: { a: "b" }, annotations: { c: "d" } },
  status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
};

let api: ScriptedApi;
let harness: Harness;
let bodies: { method: string; type: string | null; body: unknown }[];
let answer: () => Response;

beforeEach(async () => {
  bodies = [];
  answer = () => Response.json(raw);
  api = new ScriptedApi(async ({ method, headers }, request) => {
    const text = await request.text();
    bodies.push({ method, type: headers.get("content-type"), body: text === "" ? undefined : JSON.parse(text) });
    return answer();
  });
  harness = await Harness.open(api);
});
afterEach(async () => {
  await harness[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const known = async (): Promise<KnownPod> => (await harness.cluster.pods.get("shop", "kt-jump", signal)) as KnownPod;

describe("pods", () => {
  test("are read with what their maker needs", async () => {
    expect(await known()).toEqual({
      name: "kt-jump",
      uid: "u1",
      version: "7",
      labels: { a: "b" },
      annotations: { c: "d" },
      owner: undefined,
      terminating: false,
      ended: false,
      state: { kind: "ready" },
      unschedulable: false,
      exitCode: undefined,
      reason: undefined,
    });
    answer = () => status(404, 'pods "kt-jump" not found', "NotFound");
    expect(await harness.cluster.pods.get("shop", "kt-jump", signal)).toBeUndefined();
  });

  test("are created as they are given, unless there is one", async () => {
    answer = () => Response.json(raw, { status: 201 });
    const manifest = { kind: "Pod", metadata: { name: "kt-jump" } };
    expect((await harness.cluster.pods.create("shop", manifest, signal))?.uid).toBe("u1");
    expect(bodies).toEqual([{ method: "POST", type: "application/json", body: manifest }]);
    answer = () => status(409, 'pods "kt-jump" already exists', "AlreadyExists");
    expect(await harness.cluster.pods.create("shop", manifest, signal)).toBeUndefined();
  });

  test("are marked and removed only as the ones that were read", async () => {
    const pod = await known();
    await harness.cluster.pods.annotate("shop", pod, { c: null, e: "f" }, signal);
    expect(await harness.cluster.pods.remove("shop", pod, 1, signal)).toBe(true);
    expect(bodies.slice(1)).toEqual([
      { method: "PATCH", type: "application/merge-patch+json", body: { metadata: { uid: "u1", annotations: { c: null, e: "f" } } } },
      {
        method: "DELETE",
        type: "application/json",
        body: {
          kind: "DeleteOptions",
          apiVersion: "v1",
          gracePeriodSeconds: 1,
          preconditions: { uid: "u1", resourceVersion: "7" },
        },
      },
    ]);
    answer = () => status(409, "the UID in the precondition does not match", "Conflict");
    expect(await harness.cluster.pods.annotate("shop", pod, {}, signal)).toBeUndefined();
    expect(await harness.cluster.pods.remove("shop", pod, 1, signal)).toBe(false);
    answer = () => status(404, 'pods "kt-jump" not found', "NotFound");
    expect(await harness.cluster.pods.remove("shop", pod, 1, signal)).toBe(true);
  });

  test("a missing permission names verb and resource", async () => {
    const pod = await known();
    answer = () => status(403, 'pods is forbidden: User "ann" cannot create resource "pods" in API group "" in the namespace "shop"');
    const create = harness.cluster.pods.create("shop", { metadata: { name: "kt-jump" } }, signal);
    await expect(create).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining('not allowed to create pods in namespace "shop"'),
      hints: [expect.stringContaining("kubectl auth can-i create pods -n shop")],
    });
    answer = () => status(403, 'pods "kt-jump" is forbidden: User "ann" cannot delete resource "pods"');
    await expect(harness.cluster.pods.remove("shop", pod, 1, signal)).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("not allowed to delete pods"),
    });
  });

  test("a refusal by a quota, Pod Security or a webhook is not called a missing permission", async () => {
    for (const [code, words] of [
      [403, 'pods "kt-jump" is forbidden: exceeded quota: tiny, requested: pods=1'],
      [403, 'pods "kt-jump" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'],
      [400, 'admission webhook "policy.example.com" denied the request: no images from there'],
      [422, 'Pod "kt-jump" is invalid: spec.containers[0].image: Required value'],
    ] as const) {
      answer = () => status(code, words);
      await expect(harness.cluster.pods.create("shop", { metadata: { name: "kt-jump" } }, signal)).rejects.toMatchObject({
        code: "jump-pod-failed",
        message: `the cluster does not take the pod "shop/kt-jump": ${words.charAt(0).toLowerCase()}${words.slice(1)}`,
      });
    }
  });

  test("can be removed once the cluster is closed", async () => {
    const pod = await known();
    harness.cluster.close();
    expect(await harness.cluster.pods.remove("shop", pod, 0, signal)).toBe(true);
  });

  test("say how their container ended", async () => {
    const terminated = { exitCode: 127, reason: "Error", message: "sleep: not found\n" };
    answer = () => Response.json({ ...raw, status: { phase: "Failed", containerStatuses: [{ name: "jump", state: { terminated } }] } });
    expect(await known()).toMatchObject({ ended: true, exitCode: 127, reason: "its container ended with exit code 127: sleep: not found" });
  });
});
