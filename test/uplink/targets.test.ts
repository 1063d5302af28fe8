/** What an uplink serves while its document changes. */

import { expect, test } from "bun:test";
import { Targets } from "#uplink/targets/targets.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

const target = (key: string, protocol: "TCP" | "UDP" = "TCP") => ({ key, protocol, address: "10.0.0.1", port: 80 });

function rig() {
  const clock = new ManualClock();
  const heard: string[][] = [];
  const targets: Targets = new Targets(clock, () => void heard.push(targets.keys));
  return { clock, heard, targets };
}

test("a target that left the document is served for 30 s more, and then it is news that it is not", async () => {
  const { clock, heard, targets } = rig();
  targets.replace([target("a"), target("b")]);
  targets.replace([target("b")]);
  expect(targets.get("a", "TCP")?.port).toBe(80);
  await clock.advance(29_999);
  expect(targets.keys).toEqual(["a", "b"]);
  await clock.advance(1);
  expect(targets.get("a", "TCP")).toBeUndefined();
  expect(heard).toEqual([["a", "b"], ["b"]]);
});

test("a target that comes back in time stays", async () => {
  const { clock, heard, targets } = rig();
  targets.replace([target("a")]);
  targets.replace([]);
  await clock.advance(20_000);
  targets.replace([target("a")]);
  await clock.advance(60_000);
  expect([targets.keys, heard.length, clock.timers]).toEqual([["a"], 1, 0]);
});

test("the time of a target that left does not begin anew with each document", async () => {
  const { clock, targets } = rig();
  targets.replace([target("a")]);
  targets.replace([target("b")]);
  await clock.advance(20_000);
  targets.replace([target("b"), target("c")]);
  await clock.advance(10_000);
  expect(targets.keys).toEqual(["b", "c"]);
});

test("a target of UDP is none for streams", () => {
  const { targets } = rig();
  targets.replace([target("u", "UDP")]);
  expect([targets.get("u", "TCP"), targets.get("u", "UDP")?.key]).toEqual([undefined, "u"]);
});
