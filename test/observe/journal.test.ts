/** The journal keeps the latest events only, and notifies its followers. */

import { expect, test } from "bun:test";
import { Journal, type JournalEntry } from "#observe/journal.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

function opened(name: string) {
  return { type: "connection-opened", route: name, profile: "p", name } as const;
}

test("keeps the latest, oldest first, and never more than twice its capacity", () => {
  const journal = new Journal(new ManualClock(), 3);
  for (let index = 0; index < 100; index++) journal.add(opened(`r${index}`));
  expect(journal.entries().map(({ event }) => event)).toEqual(["r97", "r98", "r99"].map(opened));
});

test("notifies followers until they leave", () => {
  const journal = new Journal(new ManualClock());
  const heard: JournalEntry[] = [];
  const leave = journal.follow((entry) => heard.push(entry));
  journal.add(opened("a"));
  leave();
  journal.add(opened("b"));
  expect(heard.map(({ event }) => event)).toEqual([opened("a")]);
});

test("single connections do not push out what matters", () => {
  const journal = new Journal(new ManualClock(), 3);
  const news = { type: "hub", change: "started", detail: undefined } as const;
  journal.add(opened("a"));
  journal.add(news);
  for (let index = 0; index < 100; index++) journal.add(opened(`r${index}`));
  expect(journal.entries().map(({ event }) => event)).toEqual([news, ...["r97", "r98", "r99"].map(opened)]);
});
