/** The checks that profiles ask for: by which probe, and what of an answer is well. */

import { expect, test } from "bun:test";
import { memoryPair } from "#base/memory-conn.ts";
import { HealthChecks } from "#daemon/plans/health-checks.ts";
import { targetKey } from "#route/target.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { planOf } from "./plans.ts";
import { Recorder } from "#test/support/recorder.ts";

const profile = `[health]
timeout = "1s"
[routes]
"web.localhost" = { target = "svc/web:80", health = "/healthz" }
"again.localhost" = { target = "svc/web:80", health = "/other" }
"plain.localhost" = "svc/plain:80"
`;
const never = new AbortController().signal;

async function checksOf(text: string) {
  const plan = await planOf("/p/tunnels.toml", text);
  const checks = new HealthChecks({ appProtocolOf: () => undefined, clock: new ManualClock() });
  checks.apply([plan]);
  const of = (name: string) => {
    const { target } = plan.routes.find((route) => route.name === name) ?? {};
    if (!target) throw new Error(`no route ${name}`);
    return checks.of(target, targetKey(target));
  };
  return { checks, of };
}

/** What a backend answers to the probe of web.localhost: undefined is well. */
async function outcome(answer: (backend: Recorder) => void): Promise<string | undefined> {
  const [conn, far] = memoryPair();
  const backend = new Recorder(far);
  const probing = (await checksOf(profile)).of("web.localhost")?.probe(conn, never);
  await backend.untilText("\r\n\r\n");
  answer(backend);
  try {
    await probing;
    return undefined;
  } catch (error) {
    return String((error as Error).message);
  } finally {
    await backend.untilClosed();
  }
}

test("the path of the first route that names one is asked for, with its host", async () => {
  const [conn, far] = memoryPair();
  const backend = new Recorder(far);
  const probing = (await checksOf(profile)).of("again.localhost")?.probe(conn, never);
  await backend.untilText("\r\n\r\n");
  expect(backend.text()).toStartWith("GET /healthz HTTP/1.1\r\nHost: web.localhost\r\n");
  backend.write("HTTP/1.1 204 No Content\r\n\r\n");
  await probing;
});

test.each([
  ["200", undefined],
  ["204", undefined],
  ["302", undefined],
  ["404", "GET /healthz was answered with 404"],
  ["503", "GET /healthz was answered with 503"],
])("an answer of %s", async (status, problem) => {
  expect(await outcome((backend) => backend.write(`HTTP/1.1 ${status} X\r\nContent-Length: 100000000\r\n\r\n`))).toBe(problem);
});

test("an answer that is none, and an end instead of one, are failures", async () => {
  expect(await outcome((backend) => backend.write("220 mail ready\r\n\r\n"))).toBeString();
  expect(await outcome((backend) => backend.conn.end())).toBe("the connection was closed before the answer was complete");
});

test("each profile has its own settings, and one that wants none is not checked", async () => {
  expect((await checksOf(profile)).of("plain.localhost")).toMatchObject({ intervalMs: 30_000, timeoutMs: 1_000, failures: 3 });
  expect((await checksOf(profile.replace("[health]", "[health]\nenabled = false"))).of("plain.localhost")).toBeUndefined();
});

test("a profile that is not attached any more is not checked", async () => {
  const { checks, of } = await checksOf(profile);
  checks.apply([]);
  expect(of("plain.localhost")).toBeUndefined();
});
