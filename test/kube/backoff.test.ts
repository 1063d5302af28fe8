/** Tests that what fails is asked for less and less often, whatever waits for it, and not at all while the server asks to be left alone. */

import { chmodSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { file, write } from "bun";
import type { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { kubeLimits } from "#kube/limits.ts";
import { silentLog } from "#base/log.ts";
import { Backoff, pauseMs } from "#base/backoff.ts";
import { ExecPlugin } from "#kube/auth/exec-plugin.ts";
import { retryAfterMs } from "#kube/api/retry-after.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { type Asked, Harness, list, ScriptedApi, shown, status, webService, webSlice } from "./scripted-api.ts";

const { signal } = new AbortController();

describe("a pause", () => {
  test("doubles up to its most, and is at most a quarter shorter", () => {
    const wholes = [0, 1, 2, 10, 1e6].map((failures) => Math.min(10_000, 100 * 2 ** failures));
    for (const [at, failures] of [0, 1, 2, 10, 1e6].entries()) {
      for (let time = 0; time < 50; time++) {
        const ms = pauseMs(failures, 100, 10_000);
        expect(ms).toBeLessThanOrEqual(wholes[at] ?? 0);
        expect(ms).toBeGreaterThanOrEqual((wholes[at] ?? 0) * (1 - sharedLimits.backoffJitter));
      }
    }
    expect(new Set(Array.from({ length: 20 }, () => pauseMs(5, 100, 10_000))).size).toBeGreaterThan(1);
  });

  test("is ended by a request that needs an answer, but not the one that the server asks for", async () => {
    const clock = new ManualClock();
    const backoff = new Backoff(clock);
    let over = 0;
    const wait = (heldMs: number) => backoff.afterFailure(signal, { heldMs }).then(() => over++);
    expect(backoff.skip()).toBe(false);
    void wait(0);
    expect(backoff.skip()).toBe(true);
    await settle();
    expect(over).toBe(1);
    void wait(30_000);
    expect(backoff.skip()).toBe(true);
    await clock.advance(29_000);
    expect(over).toBe(1);
    await clock.advance(10_000);
    expect(over).toBe(2);
  });
});

test.each([
  [429, "30", 30_000],
  [503, "0", 0],
  [503, "Thu, 01 Jan 1970 00:01:00 GMT", 60_000],
  [503, "Thu, 01 Jan 1970 00:00:00 GMT", 0],
  [500, "999999999999999999999", kubeLimits.retryAfterMaxMs],
  [429, "-5", 0],
  [429, "soon", 0],
  [429, undefined, 0],
  [404, "30", 0],
  [200, "30", 0],
] as const)("Retry-After of a %p: %p", (code, written, want) => {
  const headers = written === undefined ? [] : ([["Retry-After", written]] as const);
  expect(retryAfterMs({ status: code, headers }, 0)).toBe(want);
});

describe("a credential plugin", () => {
  const v1 = "client.authentication.k8s.io/v1";

  /** How often a plugin is run in 12 s in which its credential is wanted every 100 ms. */
  async function runsOf(body: string, use: (plugin: ExecPlugin) => Promise<void>): Promise<number> {
    await using folder = await tempDir();
    const command = `${folder.path}/plugin`;
    await write(command, `#!/bin/sh\necho x >> ${folder.path}/runs\nn=$(wc -l < ${folder.path}/runs | tr -d ' ')\n${body}\n`);
    chmodSync(command, 0o755);
    const clock = new ManualClock();
    const exec = {
      apiVersion: v1,
      command,
      args: [],
      env: {},
      installHint: undefined,
      interactiveMode: undefined,
      provideClusterInfo: false,
    };
    const environment = { PATH: process.env["PATH"] };
    const plugin = new ExecPlugin({ exec, user: "u", context: "c", clusterInfo: () => ({}), environment, clock, log: silentLog });
    for (let time = 0; time < 120; time++) {
      await use(plugin);
      await clock.advance(100);
    }
    return (await file(`${folder.path}/runs`).text()).trim().split("\n").length;
  }

  const credential = (rest: string): string => `echo '{"apiVersion":"${v1}","kind":"ExecCredential","status":{"token":"t'$n'"${rest}}}'`;
  const refused = async (plugin: ExecPlugin): Promise<void> => plugin.forget(await plugin.get());

  test.each([
    ["whose credentials are refused", credential(""), refused],
    [
      "whose credentials have expired when they come",
      credential(',"expirationTimestamp":"1970-01-01T00:00:01Z"'),
      async (plugin) => void (await plugin.get()),
    ],
    ["that fails", "exit 1", async (plugin) => void (await plugin.get().catch(() => {}))],
  ] as [string, string, (plugin: ExecPlugin) => Promise<void>][])("%s is not run for everyone who asks", async (_, body, use) => {
    const runs = await runsOf(body, use);
    expect(runs).toBeGreaterThanOrEqual(3);
    expect(runs).toBeLessThanOrEqual(7);
  });
});

const isWatch = ({ query }: Asked): boolean => query.get("watch") === "1";
const simple = (asked: Asked): Response | undefined => {
  if (isWatch(asked)) return undefined;
  return asked.path.endsWith("/services/web") ? Response.json(webService) : list([webSlice(["a"])]);
};

describe("a server that asks to be left alone", () => {
  test.each([
    ["in seconds", 429, "30"],
    ["by a date", 503, new Date(1_000_000 + 30_000).toUTCString()],
  ])("%s is, by lists, watches and upgrades, whatever asks", async (_, code, retryAfter) => {
    const clock = new ManualClock();
    let busy = true;
    await using api = new ScriptedApi((asked) => {
      if (!busy) return simple(asked);
      const answer = status(code, "slow down");
      answer.headers.set("Retry-After", retryAfter);
      return answer;
    });
    await using harness = await Harness.open(api, { clock });
    const { changes, following } = harness.follow();
    expect(shown(await changes.next())).toStartWith("failed cluster-");
    // The service and its slices are asked for at once.
    while (api.asked.length < 2) await settle();
    const before = api.asked.length;
    for (let time = 0; time < 60; time++) {
      following.refresh();
      await clock.advance(200);
    }
    const forwarded = await harness.cluster.portForward("shop", "a", signal).catch((error: KtError) => error);
    expect(forwarded).toMatchObject({
      code: "cluster-unreachable",
      message: expect.stringMatching(/asks to be left alone for \d+ s more$/),
    });
    expect(api.asked.length).toBe(before);
    busy = false;
    while (following.current()?.kind !== "ready") await clock.advance(1000);
    expect(shown(following.current())).toBe("ready a:8080");
  });

  test("for a moment is waited for", async () => {
    const clock = new ManualClock();
    let first = true;
    await using api = new ScriptedApi((asked) => {
      if (!first) return simple(asked);
      first = false;
      const answer = status(429, "slow down");
      answer.headers.set("Retry-After", "1");
      return answer;
    });
    await using harness = await Harness.open(api, { clock });
    const { following } = harness.follow();
    while (following.current()?.kind !== "ready") {
      await clock.advance(100);
      await settle();
    }
    expect(clock.now()).toBeGreaterThanOrEqual(1_001_000);
  });
});

test("a pause that must last a while ends right after it when an answer is needed, and no later one with it", async () => {
  const clock = new ManualClock();
  const backoff = new Backoff(clock);
  let over = 0;
  const wait = () => backoff.afterFailure(signal, { leastMs: 1000 }).then(() => over++);
  for (let time = 0; time < 6; time++) {
    void wait();
    await clock.advance(10_000);
  }
  expect(over).toBe(6);
  void wait();
  for (let time = 0; time < 3; time++) expect(backoff.skip()).toBe(true);
  await clock.advance(999);
  expect(over).toBe(6);
  await clock.advance(1);
  expect(over).toBe(7);
  void wait();
  await clock.advance(5000);
  expect(over).toBe(7);
});

test.each([
  [401, "Unauthorized"],
  [403, "services is forbidden"],
] as const)("what is refused with %d is asked for about once a second, however many want it", async (code, message) => {
  const clock = new ManualClock();
  await using api = new ScriptedApi(() => status(code, message));
  await using harness = await Harness.open(api, { clock });
  const { changes, following } = harness.follow();
  await changes.next();
  for (let time = 0; time < 120; time++) {
    following.refresh();
    await clock.advance(100);
  }
  expect(api.requests(/services\/web$/).length).toBeLessThanOrEqual(16);
  expect(api.asked.length).toBeLessThanOrEqual(60);
});

test("a watch that is answered with 410 is begun about once a second, however many want it", async () => {
  const clock = new ManualClock();
  let watches = 0;
  await using api = new ScriptedApi((asked) => {
    if (!isWatch(asked)) return simple(asked);
    watches += 1;
    return status(410, "too old resource version", "Expired");
  });
  await using harness = await Harness.open(api, { clock });
  const { changes, following } = harness.follow();
  await changes.next();
  for (let time = 0; time < 120; time++) {
    following.refresh();
    await clock.advance(100);
  }
  expect(watches).toBeLessThanOrEqual(16);
});

describe("a watch that ends at once", () => {
  test.each([
    ["with a status of 410", () => status(410, "too old resource version", "Expired")],
    ["with an event of 410", () => new Response(`${JSON.stringify({ type: "ERROR", object: { code: 410, message: "too old" } })}\n`)],
    ["without a word", () => new Response("")],
    ["with a 500", () => status(500, "broken")],
  ])("%s is begun again less and less often", async (_, end) => {
    const clock = new ManualClock();
    const watched: number[] = [];
    await using api = new ScriptedApi((asked) => {
      if (!isWatch(asked)) return simple(asked);
      watched.push(clock.now());
      return end();
    });
    await using harness = await Harness.open(api, { clock });
    harness.follow();
    while (watched.length < 12) {
      await settle();
      await clock.advance(500);
    }
    const pauses = watched.slice(1).map((ms, at) => ms - (watched[at] ?? 0));
    // Ten doublings from 100 ms are past the most.
    expect(Math.min(...pauses.slice(-3))).toBeGreaterThanOrEqual(sharedLimits.backoffMaxMs * (1 - sharedLimits.backoffJitter));
  });
});
