/** The tickers themselves: they report nothing where nothing happened, and everything that did. */

import { expect, test } from "bun:test";
import { listen, sleep } from "bun";
import { Echo, Ticks } from "#test/support/ticks.ts";
import { eventually } from "#test/support/wait.ts";

const both = (port: number): string[] => [`a=tcp:127.0.0.1:${port}`, `b=udp:127.0.0.1:${port}`];

test("report no cut and no loss where nothing happened", async () => {
  const echo = await Echo.start({ name: "one" });
  const ticks = Ticks.start(both(echo.port));
  await eventually("both", () => echo.connections.length === 1 && echo.sources.length === 1);
  const { a, b } = await ticks.stop();
  await echo.stop();
  expect(a).toMatchObject({ kind: "tcp", lost: 0, cuts: [], failures: [], opened: 1 });
  expect(b).toMatchObject({ kind: "udp", lost: 0 });
  expect(a?.sent).toBeGreaterThan(0);
  expect(b?.sources.map((line) => line.replace(/^.*s: /, ""))).toEqual([`${echo.sources[0]} (one)`]);
  expect(echo.connections[0]?.first).toBe("0000000000000000");
});

test("report a target that went and came back as a cut, failures, losses, a gap, and another name", async () => {
  const first = await Echo.start({ name: "one" });
  const { port } = first;
  const ticks = Ticks.start(both(port));
  await eventually("both", () => first.connections.length === 1 && first.sources.length === 1);
  await first.stop();
  // Three ticks find nothing there.
  await sleep(350);
  const second = await Echo.start({ port, name: "two" });
  await eventually("both again", () => second.connections.length === 1 && second.sources.length === 1);
  const { a, b } = await ticks.stop();
  await second.stop();
  expect(a?.cuts.length).toBe(1);
  expect(a?.failures.length).toBeGreaterThan(0);
  expect(a?.opened).toBe(2);
  expect(b?.lost).toBeGreaterThan(0);
  expect(b?.maxGapMs).toBeGreaterThan(250);
  expect(b?.sources.length).toBe(2);
});

test("report a target that takes everything and answers nothing as a loss and a gap up to the end", async () => {
  const { promise: connected, resolve } = Promise.withResolvers<void>();
  const silent = listen({ hostname: "127.0.0.1", port: 0, socket: { open: () => resolve(), data() {} } });
  const ticks = Ticks.start([`tcp:127.0.0.1:${silent.port}`]);
  await connected;
  const report = (await ticks.stop())[`tcp:127.0.0.1:${silent.port}`];
  silent.stop(true);
  expect(report).toMatchObject({ back: 0, cuts: [] });
  expect(report?.lost).toBe(report?.sent ?? 0);
  expect(report?.maxGapMs).toBeGreaterThanOrEqual(500);
});
