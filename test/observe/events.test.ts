/** What is kept of an event is no longer than a person would read. */

import { expect, test } from "bun:test";
import { observeLimits } from "#observe/limits.ts";
import { boundedEvent, type KtEvent } from "#observe/events.ts";

const long = "x".repeat(250_000);
const refused = (name: string, message: string): KtEvent => ({
  type: "refused",
  name,
  problem: { code: "host-unknown", message, hints: [message] },
});

test("a name at the limit stays as it is, a longer one is cut, and so are texts that quote it", () => {
  const at = "n".repeat(observeLimits.eventNameLength);
  expect(boundedEvent(refused(at, "short"))).toEqual(refused(at, "short"));
  const { name, problem } = boundedEvent(refused(`${at}n`, `no route has the name "${long}"`)) as Extract<KtEvent, { type: "refused" }>;
  expect(name).toBe(`${at}…`);
  expect([problem.message.length, problem.hints[0]?.length]).toEqual([
    observeLimits.eventTextLength + 1,
    observeLimits.eventTextLength + 1,
  ]);
});

test("an event of a dynamic route is cut in both of its names", () => {
  const event = boundedEvent({ type: "connection-opened", route: long, profile: "/p", name: long });
  expect(JSON.stringify(event).length).toBeLessThan(2 * observeLimits.eventNameLength + 100);
});
