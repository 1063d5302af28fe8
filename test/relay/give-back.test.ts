/** What a relay does for the Service that it replaced, when it ends. */

import { expect, test } from "bun:test";
import { silentLog } from "#base/log.ts";
import type { KnownService } from "#kube/objects/known-service.ts";
import { replacement } from "#kube/objects/replaced-service.ts";
import { giveBack } from "#relay/give-back.ts";
import { relayLimits } from "#relay/limits.ts";
import { FakeServices } from "#test/support/fake-services.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

const spec = { selector: { app: "api" }, ports: [{ port: 80, targetPort: 8080 }] };

async function rig(job = "kt-reverse-1") {
  const clock = new ManualClock();
  const services = new FakeServices();
  services.set("shop", "api", { spec });
  const known = (await services.get("shop", "api")) as KnownService;
  await services.patch("shop", known, replacement(known, job, "ann@box", new Map([[80, 9000]])));
  const give = (): Promise<void> =>
    giveBack({ cluster: { namespace: "shop", services }, service: "api", pod: "kt-reverse-1-abcde", clock, log: silentLog });
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
  const { give, spec: now, services } = await rig("kt-reverse-2");
  const before = now();
  await give();
  expect(now()).toEqual(before);
  const known = (await services.get("shop", "api")) as KnownService;
  await services.remove("shop", known);
  await give();
  expect(services.raw("shop", "api")).toBeUndefined();
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
