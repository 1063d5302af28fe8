/** `kt explain` without a word, and what `kt doctor` says of routes: each is tried, in front of the embedded API. */

import { expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import type { Finding } from "#doctor/finding.ts";
import { ApiServer } from "#demo/api-server.ts";
import { freePorts } from "#test/support/process.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { startTestPod } from "./test-pod.ts";

/** Services with a pod that answers, one that listens on no such port, and one without pods. */
async function makeShop(routes: string) {
  const [home, api, pod] = [await SourceHome.make(), new ApiServer({ graceMs: 50 }), startTestPod("web-0")];
  const ports = [
    { name: "http", port: 80, targetPort: 8080 },
    { name: "echo", port: 7000, targetPort: 7000 },
    { name: "refused", port: 7999, targetPort: 7999 },
  ];
  api.cluster.setService({ namespace: "shop", name: "web", selector: { app: "web" }, ports });
  api.cluster.setService({ namespace: "shop", name: "empty", selector: { app: "none" }, ports });
  const { backends } = pod;
  api.cluster.setPod({ namespace: "shop", name: "web-0", labels: { app: "web" }, containerPorts: [], backends, ready: true });
  const [front] = freePorts(1);
  await mkdir(`${home.path}/home/.kube`, { recursive: true });
  await writeFile(`${home.path}/home/.kube/config`, api.kubeconfig({ namespace: "shop" }));
  await writeFile(`${home.project}/tunnels.toml`, `name = "shop"\n[http]\nlisten = ["127.0.0.1:${front}"]\n${routes}`);
  return {
    home,
    api,
    async [Symbol.asyncDispose]() {
      await home[Symbol.asyncDispose]();
      api.close();
      pod.close();
    },
  };
}

const good = '[routes]\n"web.localhost" = "svc/web:http"\n[tcp]\n"127.0.0.1:7000" = "svc/web:echo"\n';
const dead =
  '[routes]\n"web.localhost" = "svc/web:http"\n"gone.localhost" = "svc/webb:80"\n"refused.localhost" = "svc/web:refused"\n' +
  '"empty.localhost" = "svc/empty:80"\n"port.localhost" = "svc/web:81"\n';

test.concurrent("kt explain tries every route: 0 where all lead to a pod", async () => {
  await using shop = await makeShop(good);
  const { stdout, stderr, exitCode } = await shop.home.run(["explain"]);
  expect({ stdout, stderr, exitCode }).toEqual({
    stdout: `✓ web.localhost   svc/web:http: pod "web-0" answers
✓ 127.0.0.1:7000  svc/web:echo: pod "web-0" answers
2 routes, and nothing is wrong
`,
    stderr: "",
    exitCode: 0,
  });
});

test.concurrent("kt explain says of each route why it leads nowhere, and fails", async () => {
  await using shop = await makeShop(dead);
  const { stdout, exitCode } = await shop.home.run(["explain"]);
  expect(exitCode).toBe(1);
  expect(stdout).toContain('✓ web.localhost      svc/web:http: pod "web-0" answers\n');
  expect(stdout).toMatch(/✗ gone\.localhost {5}svc\/webb:80: there is no service "webb" in namespace "shop"\n +did you mean "web"\?\n/);
  expect(stdout).toContain('✗ refused.localhost  svc/web:refused: pod "web-0" refused the connection to port 7999\n');
  expect(stdout).toContain("✗ empty.localhost    svc/empty:80: ");
  expect(stdout).toContain("✗ port.localhost     svc/web:81: ");
  expect(stdout).toEndWith("5 routes, 4 broken\n");
  const asJson = JSON.parse((await shop.home.run(["explain", "--json"])).stdout);
  expect(asJson).toMatchObject([
    { kind: "http", name: "web.localhost", target: "svc/web:http", result: { pod: "web-0" } },
    { name: "gone.localhost", result: { problem: { code: "service-not-found" } } },
    { name: "refused.localhost", result: { problem: { code: "port-refused" } } },
    { name: "empty.localhost", result: { problem: { code: "no-ready-pod" } } },
    { name: "port.localhost", result: { problem: { code: "port-not-found" } } },
  ]);
});

test.concurrent("kt explain of a profile without routes says so", async () => {
  await using shop = await makeShop("");
  const { stdout, exitCode } = await shop.home.run(["explain"]);
  expect([stdout, exitCode]).toEqual([
    'profile "shop" has no routes to try; kt explain HOST explains one of a pattern or a dynamic name\n',
    0,
  ]);
});

test.concurrent("kt explain of a target explains it, and not the host that it begins with", async () => {
  await using shop = await makeShop(good);
  const { stdout, exitCode } = await shop.home.run(["explain", "shop/svc/web:http"]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain("target   shop/svc/web:http\n");
  expect(stdout).toContain("pod      web-0:8080\n");
  const short = await shop.home.run(["explain", "svc/web:http"]);
  expect(short.stdout).toContain('routes   "web.localhost" leads there\n');
  const wrong = await shop.home.run(["explain", "h-new/svc/web:80"]);
  expect([wrong.exitCode, wrong.stdout]).toEqual([1, expect.stringContaining('there is no service "web" in namespace "h-new"')]);
});

test.concurrent("kt doctor counts dead routes as broken", async () => {
  await using shop = await makeShop(dead);
  const { stdout, exitCode } = await shop.home.run(["doctor", "--json"]);
  const { ok, findings }: { ok: boolean; findings: readonly Finding[] } = JSON.parse(stdout);
  expect([ok, exitCode]).toEqual([false, 1]);
  const ofRoutes = findings.filter(({ check }) => check === "routes");
  expect(ofRoutes.map(({ verdict, text }) => `${verdict} ${text.split(":")[0]}`)).toEqual([
    "broken gone.localhost → svc/webb",
    "broken refused.localhost → svc/web",
    "broken empty.localhost → svc/empty",
    "broken port.localhost → svc/web",
    "ok web.localhost leads to a pod",
  ]);
});

test.concurrent("kt doctor does not ask a cluster that is broken for every route", async () => {
  await using shop = await makeShop(good);
  shop.api.close();
  const { findings }: { findings: readonly Finding[] } = JSON.parse((await shop.home.run(["doctor", "--json"])).stdout);
  expect(findings.filter(({ check }) => check === "routes")).toMatchObject([
    { verdict: "skipped", text: "2 routes: what is wrong above comes first" },
  ]);
});
