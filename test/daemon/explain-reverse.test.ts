/** What kt explain says of a service that leads to this machine, and what kt doctor finds that one left behind. */

import { expect, test } from "bun:test";
import { listen } from "bun";
import type { ReverseStanding } from "#daemon/plans/reverse-outcomes.ts";
import { explainReverse, findReverse } from "#daemon/status/explain-reverse.ts";
import { examineRelays } from "#doctor/relays.ts";
import type { PlannedReverse } from "#profile/values/plan.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { planOf } from "./plans.ts";

const text = (port: number): string =>
  `namespace = "shop"\n[relay]\nimage = "kt:1"\n[[reverse]]\nservice = "api:80"\nlocal = "127.0.0.1:${port}"\nreplace = true\n`;

async function explained(port: number, standing: ReverseStanding | undefined): Promise<string[]> {
  const planned = findReverse(await planOf("/p/tunnels.toml", text(port)), "shop/api:80") as PlannedReverse;
  return (await explainReverse({ planned, standing })).map(({ step, verdict, outcome }) => `${step} ${outcome}: ${verdict}`);
}

test("a service is found as written, with its namespace, and not by another port", async () => {
  const plan = await planOf("/p/tunnels.toml", text(3000));
  expect(["api:80", "shop/api:80"].map((subject) => findReverse(plan, subject)?.name)).toEqual(["api:80", "api:80"]);
  expect(["api:81", "other/api:80", "api"].map((subject) => findReverse(plan, subject))).toEqual([undefined, undefined, undefined]);
});

test("one that leads here is shown with its pod, and with what listens here", async () => {
  const server = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const steps = await explained(server.port, { state: "running", pod: "kt-reverse-1-x", pods: ["kt-reverse-1-x"], sinceMs: 0 });
  expect(steps).toEqual([
    `reverse match: the service "api:80", in place of the one that is there, leads to 127.0.0.1:${server.port} on this machine`,
    "service match: leads here by the pod kt-reverse-1-x",
    `local match: 127.0.0.1:${server.port} accepts connections`,
  ]);
  server.stop(true);
  expect((await explained(1, undefined)).slice(1)).toEqual([
    "service info: no hub serves the profile: kt up",
    "local stop: nothing listens on 127.0.0.1:1",
  ]);
});

test("one that does not lead here says why, and what to do", async () => {
  const problem = { code: "reverse-failed", message: "it is there already", hints: ["add replace = true"], sinceMs: 0 } as const;
  expect((await explained(1, { state: "failed", problem, pods: [] })).slice(1, 3)).toEqual([
    "service stop: it is there already",
    "hint info: add replace = true",
  ]);
  expect((await explained(1, { state: "starting", problem: undefined }))[1]).toBe("service info: its relay is being started");
  expect((await explained(1, { state: "stopped" }))[1]).toBe("service stop: was stopped: x in kt tui starts it again");
});

test("kt doctor finds a replaced service whose relay is gone, and gives the command that makes it as it was", async () => {
  const cluster = new FakeCluster();
  const before = { selector: { app: "api" }, ports: [{ port: 80, targetPort: 8080 }] };
  const annotations = { "kt.dev/replaced": JSON.stringify(before) };
  const spec = { selector: { "kt.dev/reverse": "kt-reverse-1" }, ports: [{ port: 80, targetPort: 9000 }] };
  cluster.services.set("shop", "api", { metadata: { annotations }, spec });
  cluster.jobs.set("shop", "kt-reverse-1", {});
  const plan = await planOf("/p/tunnels.toml", `${text(3000)}[[reverse]]\nservice = "api:81"\nlocal = "127.0.0.1:1"\nreplace = true\n`);
  const view = { kubeconfig: [], strangers: {}, environment: {} };
  const providers = { prepare: async () => {}, openCluster: () => cluster };
  expect(await examineRelays(plan, { view, providers }, false)).toEqual([]);
  cluster.jobs.set("shop", "kt-reverse-1", { isOver: true });
  const [finding, ...more] = await examineRelays(plan, { view, providers }, false);
  expect(more).toEqual([]);
  expect(finding?.text).toBe('the service "shop/api" still leads to a relay of kt that is gone');
  expect(finding?.fixes[1]).toContain("kubectl patch service api --type=merge -p '{");
  expect(finding?.fixes[1]).toContain(JSON.stringify(before.ports));
});
