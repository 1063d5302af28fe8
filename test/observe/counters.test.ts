/** Counters of what profiles name stay; those of names that anybody may ask for are bounded. */

import { expect, test } from "bun:test";
import { observeLimits } from "#observe/limits.ts";
import { CounterTable } from "#observe/counters.ts";

test("keeps the latest dynamic names, those in use, and every route", () => {
  const table = new CounterTable();
  table.of("p", "web.localhost", "static").requests = 7;
  table.of("p", "open.k8s.localhost", "dynamic").openConnections = 1;
  for (let index = 0; index < observeLimits.countedNames * 2; index++) table.of("p", `n${index}`, "dynamic");
  const used = table.used("p");
  expect(used.length).toBe(observeLimits.countedNames + 1);
  expect(used.slice(0, 2)).toEqual(["web.localhost", "open.k8s.localhost"]);
  expect(used.at(-1)).toBe(`n${observeLimits.countedNames * 2 - 1}`);
});

test("forgets a profile, and no other", () => {
  const table = new CounterTable();
  table.of("p", "a").requests = 1;
  table.of("p", "d", "dynamic");
  table.of("q", "a").requests = 2;
  table.forget("p");
  expect([table.used("p"), table.of("p", "a").requests, table.of("q", "a").requests]).toEqual([[], 0, 2]);
});
