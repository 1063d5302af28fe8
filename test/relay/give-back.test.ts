/** What a relay does for the Service that it replaced, when it ends. */

import { expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import type { KnownService } from "#kube/objects/known-service.ts";
import { replacement } from "#kube/objects/replaced-service.ts";
import { giveBack } from "#relay/give-back.ts";
import { relayLimits } from "#relay/limits.ts";
import { FakeServices } from "#test/support/fake-services.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

const spec = { selector: { app: "api" }, ports: [{ port: 80, targetPort: 8080 }] };

async function rig(by = { name: "kt-reverse-1", uid: "job-1" }, job = "job-1") {
  const clock = new ManualClock();
  const services = new FakeServices();
  services.set("shop", "api", { spec });
  const known = (await services.get("shop", "api")) as KnownService;
  await services.patch("shop", known, replacement(known, by, "ann@box", new Map([[80, 9000]])));
  const give = (): Promise<void> =>
    giveBack({ cluster: { namespace: "shop", services }, service: "api", job, pod: "kt-reverse-1-abcde", clock, log: silentLog });
  return { clock, services, give, spec: () => services.raw("shop", "api")?.["spec"] };
}

test("makes it as it was, also where the API server fails at first", async () => {
  const { clock, services, give, spec: now } = await rig();
  services.problem = new Error("away");
  const given = give();
  await clock.advance(0);
  await clock.advance(relayLimits.giveBackPauseMs);
  await given;
  expect(now()).toEqual(spec);
});

test("leaves one alone that leads to another relay, and one that is gone", async () => {
  const others = [await rig({ name: "kt-reverse-1", uid: "job-2" }), await rig({ name: "kt-reverse-2", uid: "job-2" }, "")];
  for (const { give, spec: now } of others) {
    const before = now();
    await give();
    expect(now()).toEqual(before);
  }
  const { give, services } = await rig();
  const known = (await services.get("shop", "api")) as KnownService;
  await services.remove("shop", known);
  await give();
  expect(services.raw("shop", "api")).toBeUndefined();
});

test("goes by the name of its pod where the cluster does not say its Job", async () => {
  const { give, spec: now } = await rig(undefined, "");
  await give();
  expect(now()).toEqual(spec);
});

test("gives up at once where its account is gone", async () => {
  const { services, give } = await rig();
  services.problem = new KtError("forbidden", "not allowed to patch services");
  await give();
  expect(services.problem).toBeUndefined();
});

test("ends after its time where the API server never answers", async () => {
  const { clock, services, give } = await rig();
  services.isBroken = true;
  let isOver = false;
  const given = give().then(() => (isOver = true));
  await clock.advance(0);
  await clock.advance(relayLimits.giveBackMs - relayLimits.giveBackPauseMs);
  expect(isOver).toBe(false);
  await clock.advance(2 * relayLimits.giveBackPauseMs);
  await given;
});
