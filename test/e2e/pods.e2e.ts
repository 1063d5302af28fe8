/** Pods come and go behind a route: deleted, rolled, scaled to zero and back, and not ready. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { apply, deploy, deployment, kubectl, ownNamespace, podsOf, rolledOut, service } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { type Answer, askWhile } from "#test/support/request-loop.ts";
import { eventually } from "#test/support/wait.ts";

const clients = 50;
let ns: { name: string; remove(): Promise<void> };
let kt: Kt;

beforeAll(async () => {
  ns = await ownNamespace("pods");
  await Promise.all([
    deploy(ns.name, "solo"),
    deploy(ns.name, "roll", { replicas: 2 }),
    deploy(ns.name, "scale"),
    deploy(ns.name, "toggle"),
  ]);
  const [port = 0] = freePorts(1);
  const routes = ["solo", "roll", "scale", "toggle"].map((name) => `"${name}.localhost" = "svc/${name}:http"`).join("\n");
  kt = await Kt.serve(port, `namespace = "${ns.name}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n${routes}\n`);
});
afterAll(async () => {
  await kt?.close();
  await ns?.remove();
});

/** Only requests in flight on a pod that went may fail, at most one per client and pod, and each with a readable 502. */
function expectOnlyInFlightFailures(answers: readonly Answer[], podsGone: number): void {
  const failed = answers.filter((answer) => answer.status !== 200);
  for (const answer of failed) {
    expect(answer).toMatchObject({ status: 502, text: expect.stringMatching(/^kt: error: .*\S/) });
  }
  expect(failed.length).toBeLessThanOrEqual(clients * podsGone);
  expect(answers.length - failed.length).toBeGreaterThan(clients);
}

test("the only pod is deleted while 50 clients ask: new connections wait for its successor", async () => {
  const [old = ""] = await podsOf(ns.name, "solo");
  const answers = await askWhile(kt, "solo.localhost", "/slow?d=20ms", clients, async () => {
    await kubectl("-n", ns.name, "delete", "pod", old, "--wait=true");
    await rolledOut(ns.name, "solo");
    await eventually("the successor to answer", async () => (await kt.fetch("solo.localhost", "/")).headers.get("x-pod") !== old);
  });
  expectOnlyInFlightFailures(answers, 1);
  const successor = answers.at(-1)?.pod;
  expect(await podsOf(ns.name, "solo")).toEqual([successor ?? ""]);
});

test("a rolling restart while 50 clients ask", async () => {
  const old = await podsOf(ns.name, "roll");
  const answers = await askWhile(kt, "roll.localhost", "/slow?d=20ms", clients, async () => {
    await kubectl("-n", ns.name, "rollout", "restart", "deployment/roll");
    await rolledOut(ns.name, "roll");
    await eventually(
      "the old pods to go",
      async () => {
        const pods = await kubectl("-n", ns.name, "get", "pods", "-l", "app=roll", "-o", "name");
        return !old.some((name) => pods.includes(name));
      },
      30_000,
    );
  });
  expectOnlyInFlightFailures(answers, old.length);
  expect(old).not.toContain(answers.at(-1)?.pod ?? "");
});

test("scaled to zero: 503 with the reason after about a second, and back", async () => {
  expect((await kt.fetch("scale.localhost", "/")).status).toBe(200);
  await kubectl("-n", ns.name, "scale", "deployment/scale", "--replicas=0");
  await kubectl("-n", ns.name, "wait", "--for=delete", "pod", "-l", "app=scale", "--timeout=30s");
  const refused = await eventually("the refusal", async () => {
    const response = await kt.fetch("scale.localhost", "/");
    return response.status === 503 ? response : undefined;
  });
  expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(await refused.text()).toMatch(/^kt: error: .*scale/);
  const startedAt = performance.now();
  expect((await kt.fetch("scale.localhost", "/")).status).toBe(503);
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  await kubectl("-n", ns.name, "scale", "deployment/scale", "--replicas=1");
  await eventually("an answer again", async () => (await kt.fetch("scale.localhost", "/")).status === 200, 20_000);
});

test("a connection that waits while a pod starts gets its answer", async () => {
  await kubectl("-n", ns.name, "scale", "deployment/scale", "--replicas=0");
  await kubectl("-n", ns.name, "wait", "--for=delete", "pod", "-l", "app=scale", "--timeout=30s");
  await eventually("the refusal", async () => (await kt.fetch("scale.localhost", "/")).status === 503);
  await kubectl("-n", ns.name, "scale", "deployment/scale", "--replicas=1");
  await eventually("the new pod", async () => (await podsOf(ns.name, "scale")).length === 1);
  expect((await kt.fetch("scale.localhost", "/")).status).toBe(200);
});

test("a pod that stops being ready and is ready again", async () => {
  expect((await kt.fetch("toggle.localhost", "/ready?set=false")).status).toBe(200);
  await kubectl("-n", ns.name, "wait", "--for=condition=Ready=false", "pod", "-l", "app=toggle", "--timeout=20s");
  const waiting = kt.fetch("toggle.localhost", "/");
  const [pod = ""] = await podsOf(ns.name, "toggle");
  await kubectl("get", "--raw", `/api/v1/namespaces/${ns.name}/pods/${pod}:8080/proxy/ready?set=true`);
  expect((await waiting).status).toBe(200);
});

test("a pod that never becomes ready: the answer names it and its reason, within start_timeout", async () => {
  const [port = 0] = freePorts(1);
  await apply(deployment(ns.name, "never", { env: { READY: "false" } }), service(ns.name, "never"));
  const profile = `namespace = "${ns.name}"\nstart_timeout = "2s"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"never.localhost" = "svc/never:http"\n`;
  await using impatient = await Kt.serve(port, profile);
  await kubectl("-n", ns.name, "wait", "--for=jsonpath={.status.phase}=Running", "pod", "-l", "app=never", "--timeout=30s");
  const response = await impatient.fetch("never.localhost", "/");
  expect([503, 504]).toContain(response.status);
  expect(await response.text()).toMatch(/^kt: error: .*never.*/);
});
