/** What `kt logs` says on a real cluster: requests, a pod that takes another's place, and the hint of a crash loop, which works. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "bun";
import { adminKubeconfig, apply, deploy, deployment, kubectl, ownNamespace, podsOf, rolledOut } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";

/** Long enough for pods to be pulled and started on a busy machine. */
const patienceMs = 60_000;
let ns: { name: string; remove(): Promise<void> };
let kt: Kt;

beforeAll(async () => {
  ns = await ownNamespace("logs");
  await deploy(ns.name, "web");
  const [port = 0] = freePorts(1);
  const routes = `"web.localhost" = "svc/web:http"\n"crash.localhost" = "deploy/crash:8080"`;
  kt = await Kt.serve(port, `namespace = "${ns.name}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n${routes}\n`);
}, 120_000);
afterAll(async () => {
  await kt?.close();
  await ns?.remove();
});

const logs = async (...words: string[]): Promise<string> => (await kt.home.run(["logs", ...words])).stdout;

test("a request, without its path, and the pod that comes after the one that answered", async () => {
  expect((await kt.fetch("web.localhost", "/secret?token=x")).status).toBeLessThan(500);
  const [old = ""] = await podsOf(ns.name, "web");
  expect(await logs("-v")).toMatch(/ debug web\.localhost GET \d{3} in [\d.]+ ms, [\d.]+ K?B$/m);
  expect(await logs()).toContain(` web.localhost is running on ${old}\n`);
  await kubectl("-n", ns.name, "delete", "pod", old, "--wait=false");
  await rolledOut(ns.name, "web");
  const change = new RegExp(` info  web\\.localhost pod ${old} → (web-\\S+)$`, "m");
  const next = await eventually("the change", async () => change.exec(await logs())?.[1], patienceMs, 250);
  expect(await podsOf(ns.name, "web")).toContain(next);
  for (const words of [["-v"], ["--json"]]) expect(await logs(...words)).not.toContain("secret");
}, 120_000);

test("the hint of a crash loop shows what the pod said, and its exit code is named", async () => {
  await apply(deployment(ns.name, "crash", { env: { CRASH: "1" } }));
  const problem = await eventually(
    "a crash loop",
    async () => {
      const text = await kt.fetch("crash.localhost", "/").then((response) => response.text());
      return text.includes("CrashLoopBackOff") ? text : undefined;
    },
    patienceMs,
    500,
  );
  expect(problem).toContain("exit code 1");
  const [, hint = ""] = /^kt: hint: (kubectl logs .*--previous.*)$/m.exec(problem) ?? [];
  const { exitCode, stdout } = spawnSync(["sh", "-c", hint], { env: { ...process.env, KUBECONFIG: adminKubeconfig } });
  expect({ hint, exitCode, words: stdout.toString() }).toEqual({ hint, exitCode: 0, words: "crashing as told\n" });
}, 120_000);
