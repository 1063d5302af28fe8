/** Counters of what profiles name stay; those of names that any client may ask for are bounded. */

import { expect, test } from "bun:test";
import { observeLimits } from "#observe/limits.ts";
import { CounterTable } from "#observe/counters.ts";

test("a route that is no more is forgotten, and begins at zero when it comes back", () => {
  const table = new CounterTable();
  const counters = table.of("p", "db.shop:5432");
  counters.connectionOpened();
  table.of("p", "web.shop:80").connectionOpened();
  table.forgetRoute("p", "db.shop:5432");
  expect(table.takeChanged().map(({ route }) => route)).toEqual(["web.shop:80"]);
  counters.connectionClosed();
  expect(table.of("p", "db.shop:5432").totalConnections).toBe(0);
});

test("keeps the latest dynamic names, those in use, and every route", () => {
  const table = new CounterTable();
  table.of("p", "web.localhost", "static").requestBegun();
  table.of("p", "open.k8s.localhost", "dynamic").connectionOpened();
  for (let index = 0; index < observeLimits.countedNames * 2; index++) table.of("p", `n${index}`, "dynamic");
  const used = table.used("p");
  expect(used.length).toBe(observeLimits.countedNames + 1);
  expect(used.slice(0, 2)).toEqual(["web.localhost", "open.k8s.localhost"]);
  expect(used.at(-1)).toBe(`n${observeLimits.countedNames * 2 - 1}`);
});

test("forgets a profile, and no other", () => {
  const table = new CounterTable();
  table.of("p", "a").requestBegun();
  table.of("p", "d", "dynamic");
  table.of("q", "a").requestBegun();
  table.forget("p");
  expect([table.used("p"), table.of("p", "a").requests, table.of("q", "a").requests]).toEqual([[], 0, 1]);
});

test("lists what changed once, until it is taken, and says so at the first", () => {
  const table = new CounterTable();
  let calls = 0;
  table.onChange = () => calls++;
  const web = table.of("p", "web", "static");
  for (let index = 0; index < 100; index++) web.add("received", 10);
  table.of("p", "db", "static").connectionOpened();
  expect(table.takeChanged().map(({ route }) => route)).toEqual(["web", "db"]);
  expect([table.takeChanged(), calls]).toEqual([[], 1]);
  web.requestBegun();
  expect([table.takeChanged().map(({ route }) => route), calls]).toEqual([["web"], 2]);
});

test("the list of changes that are not taken is no longer than the table", () => {
  const table = new CounterTable();
  for (let index = 0; index < observeLimits.countedNames * 3; index++) table.of("p", `n${index}`, "dynamic").add("sent", 1);
  expect(table.takeChanged().length).toBe(observeLimits.countedNames);
});
