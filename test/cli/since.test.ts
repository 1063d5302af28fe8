/** Times as `--since` takes them. */

import { expect, test } from "bun:test";
import { parseSince } from "#cli/asked/since.ts";

const now = new Date(2026, 0, 31, 14, 30, 0);

test.each<[string, Date]>([
  ["5m", new Date(2026, 0, 31, 14, 25)],
  ["1h30m", new Date(2026, 0, 31, 13)],
  ["0", now],
  ["9:05", new Date(2026, 0, 31, 9, 5)],
  ["14:00", new Date(2026, 0, 31, 14)],
  ["14:00:10", new Date(2026, 0, 31, 14, 0, 10)],
  ["2026-01-30", new Date(2026, 0, 30)],
  ["2026-01-30 10:00", new Date(2026, 0, 30, 10)],
  ["2026-01-30T10:00:00Z", new Date(Date.UTC(2026, 0, 30, 10))],
])("%s", (text, expected) => expect(new Date(parseSince(text, now.getTime()))).toEqual(expected));

test.each(["yesterday", "5", "", "25:00", "-5m"])('"%s" is none', (text) => {
  expect(() => parseSince(text, now.getTime())).toThrow(`"${text}" is not a valid time`);
});
