/** What kt left behind in a cluster, found by `kt doctor` and removed by `kt doctor --fix`: never what a user has. */

import { expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { doctorLimits } from "#doctor/limits.ts";
import { examineRelays } from "#doctor/relays.ts";
import { relayOf, replacement } from "#kube/objects/replaced-service.ts";
import { planOf } from "#test/daemon/plans.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

const profile = `[relay]
image = "kt:1"
namespace = "tools"
[tcp]
5432 = "db.example:5432"
[[reverse]]
service = "shop/api:80"
local = "127.0.0.1:3000"
replace = true
`;

async function rig() {
  const cluster = new FakeCluster();
  const clock = new ManualClock();
  const old = { createdMs: clock.wallMs() - 2 * doctorLimits.relayStartMs, annotations: { "kt.dev/made-by": "ann@box" } };
  cluster.jobs.set("tools", "kt-relay-left", { ...old, isRunning: false });
  cluster.jobs.set("tools", "kt-relay-live", { ...old, isRunning: true });
  cluster.jobs.set("tools", "kt-relay-new", { ...old, isRunning: false, createdMs: clock.wallMs() });
  const plan = await planOf("/p/tunnels.toml", profile);
  const view = { kubeconfig: [], strangers: {}, environment: {} };
  const providers = { prepare: async () => {}, openCluster: () => cluster };
  const examine = (fix: boolean) => examineRelays(plan, { view, providers, clock }, fix);
  return { cluster, examine };
}

test("a relay that never ran is named with what removes it, and nothing is removed", async () => {
  const { cluster, examine } = await rig();
  const found = await examine(false);
  expect(found.map(({ verdict, text }) => `${verdict}: ${text}`)).toEqual([
    'warn: the relay "tools/kt-relay-left", made by ann@box, has never run',
  ]);
  expect(found[0]?.fixes[0]).toBe("kt doctor --fix");
  expect(cluster.jobs.removed).toEqual([]);
});

test("--fix removes it, and leaves one that runs and one that is being started", async () => {
  const { cluster, examine } = await rig();
  expect((await examine(true)).map(({ verdict, text }) => `${verdict}: ${text}`)).toEqual([
    'ok: removed the relay "tools/kt-relay-left", made by ann@box, which had never run',
  ]);
  expect(cluster.jobs.removed).toEqual(["kt-relay-left"]);
  expect(await examine(false)).toEqual([]);
});

test("--fix leaves a relay that has begun to run since it was listed", async () => {
  const { cluster, examine } = await rig();
  const get = cluster.jobs.get.bind(cluster.jobs);
  cluster.jobs.get = async (namespace, name) => {
    cluster.jobs.set(namespace, name, { isRunning: true });
    return await get(namespace, name);
  };
  expect(await examine(true)).toEqual([]);
  expect(cluster.jobs.removed).toEqual([]);
});

test("--fix that is not allowed says why, and the command for who is", async () => {
  const { cluster, examine } = await rig();
  cluster.jobs.remove = async () => {
    throw new KtError("forbidden", "you may not delete jobs");
  };
  const [found] = await examine(true);
  expect(found).toMatchObject({ verdict: "warn", fixes: [expect.stringContaining("kubectl delete job kt-relay-left")] });
  expect(found?.text).toContain("cannot be mended: you may not delete jobs");
});

test("--fix gives a service back whose relay is gone", async () => {
  const { cluster, examine } = await rig();
  cluster.services.set("shop", "api", { spec: { selector: { app: "api" }, ports: [{ port: 80, targetPort: 8080 }] } });
  const before = await cluster.services.get("shop", "api");
  if (!before) return expect.unreachable();
  const change = replacement(before, { name: "kt-reverse-1", uid: "gone" }, "ann@box", new Map([[80, 9000]]));
  await cluster.services.patch("shop", before, change);
  expect((await examine(true)).map(({ text }) => text)).toContain(
    'gave the service "shop/api" back, which still led to a relay of kt that is gone',
  );
  const after = await cluster.services.get("shop", "api");
  expect(after && relayOf(after)).toBeUndefined();
  expect(after).toMatchObject({ selector: { app: "api" }, ports: [{ port: 80, targetPort: 8080 }] });
});
