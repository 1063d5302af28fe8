/** The demo from start to end: every kind of request goes through a real hub and comes back right, and a wrong answer is noticed. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { silentLog } from "#base/log.ts";
import { Hub } from "#daemon/hub.ts";
import { realRooms } from "#daemon/rooms.ts";
import { type Demo, startDemo } from "#demo/demo.ts";
import type { Attempt } from "#demo/try-it.ts";

let demo: Demo;
let hub: Hub | undefined;

beforeAll(async () => {
  demo = await startDemo();
  const rooms = realRooms();
  hub = await Hub.start({ directory: demo.directory, version: "test", commit: "test", log: silentLog, lingers: false, rooms });
  await hub?.pin({ file: demo.profile, environment: {} });
});

afterAll(async () => {
  await hub?.stop(0);
  await demo.close();
});

test("every kind of request goes right", async () => {
  const attempts: Attempt[] = [];
  const ok = await demo.tryAll((attempt) => attempts.push(attempt));
  expect(attempts.filter((attempt) => !attempt.ok)).toEqual([]);
  expect(ok).toBe(true);
  expect(attempts.map(({ what }) => what)).toEqual([
    "page",
    "JSON",
    "WebSocket",
    "events",
    "TLS",
    "TCP",
    "pattern",
    "dynamic name",
    "pod replaced",
    "crashing pod",
    "unknown host",
  ]);
});

test("what goes wrong is told", async () => {
  const unserved = await startDemo();
  const attempts: Attempt[] = [];
  expect(await unserved.tryAll((attempt) => attempts.push(attempt))).toBe(false);
  expect(attempts).toHaveLength(11);
  expect(attempts.every(({ ok }) => !ok)).toBe(true);
  await unserved.close();
});

test("nothing is left behind", async () => {
  const other = await startDemo();
  await other.close();
  expect(stat(other.directory)).rejects.toThrow("ENOENT");
});
