/** /etc/hosts as bytes: what is taken out, what is added, and that all else stays. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type HostsEntry, withEntries, withoutNames } from "#wire/hosts-file.ts";

const anyBytes = fc
  .string({ unit: "binary-ascii", maxLength: 200 })
  .chain((ascii) => fc.array(fc.integer({ min: 0x80, max: 0xff }), { maxLength: 8 }).map((high) => ascii + String.fromCharCode(...high)));
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}(\.[a-z]{1,10}){0,3}$/);
const entry = fc.record({ address: fc.ipV4(), names: fc.array(name, { minLength: 1, maxLength: 60 }) });

/** As musl reads it: address and names of every line, of which only 511 bytes count. */
function readLines(text: string): [string, string][] {
  const lines = text.split("\n").map((line) => line.slice(0, 511).replace(/#.*/s, "").trim().split(/\s+/));
  return lines.flatMap(([address = "", ...names]) => names.map((each): [string, string] => [address, each]));
}

describe("without names", () => {
  test("keeps every byte of a file that has none of them", () => {
    fc.assert(fc.property(anyBytes, (text) => expect(withoutNames(text, new Set(["not.there"]))).toBe(text)));
  });

  test("no line has them any more, and the lines that had none stay as they are", () => {
    const line = fc.oneof(
      anyBytes.map((text) => text.replaceAll("\n", "")),
      fc.constant("10.0.0.1 DB db.shop api # mine"),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), fc.constantFrom("\n", "\r\n"), (lines, newline) => {
        const left = withoutNames(lines.join(newline), new Set(["db", "api"]));
        expect(readLines(left).some(([, each]) => ["db", "api"].includes(each.toLowerCase()))).toBe(false);
        // A line may have such a word as its address or in a comment, and stays: it is left out of both.
        const isOther = (each: string): boolean => !/\b(db|api)\b/i.test(each) && !each.includes("10.0.0.1");
        const untouched = lines.filter(isOther).join(newline);
        const kept = left.split(newline).filter(isOther);
        expect(kept.join(newline).replaceAll(newline, "")).toBe(untouched.replaceAll(newline, ""));
      }),
    );
  });

  test.each([
    ["10.0.0.1 db\n10.0.0.2 other\n", "10.0.0.2 other\n"],
    ["10.0.0.1\tDB other # both\r\n", "10.0.0.1 other # both\r\n"],
    ["# 10.0.0.1 db\n", "# 10.0.0.1 db\n"],
    ["10.0.0.1 db-2 db.shop", "10.0.0.1 db-2 db.shop"],
    ["\u00ef\u00bb\u00bf10.0.0.1 a db", "\u00ef\u00bb\u00bf10.0.0.1 a"],
  ])("%j", (text, left) => expect(withoutNames(text, new Set(["db"]))).toBe(left));
});

describe("with entries", () => {
  test("what was there comes first, byte for byte, and every name can be read behind it, by musl too", () => {
    fc.assert(
      fc.property(anyBytes, fc.array(entry, { maxLength: 5 }), (text, entries) => {
        const written = withEntries(text, entries);
        expect(written.startsWith(text)).toBe(true);
        const read = readLines(written.slice(text.length));
        expect(read).toEqual(entries.flatMap(({ address, names }) => names.map((each): [string, string] => [address, each])));
      }),
    );
  });

  test.each<[string, readonly HostsEntry[], string]>([
    ["127.0.0.1 localhost", [{ address: "127.1.27.1", names: ["db", "db.shop"] }], "127.0.0.1 localhost\n127.1.27.1 db db.shop\n"],
    ["127.0.0.1 localhost\r\n", [{ address: "::1", names: ["db"] }], "127.0.0.1 localhost\r\n::1 db\r\n"],
    ["", [{ address: "::1", names: ["db"] }], "::1 db\n"],
  ])("%j", (text, entries, written) => expect(withEntries(text, entries)).toBe(written));
});
