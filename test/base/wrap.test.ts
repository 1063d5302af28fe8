/** Lines in the width of a terminal: broken at words, aligned, and shortened in the middle. */

import { describe, expect, test } from "bun:test";
import { spawnSync, stringWidth } from "bun";
import fc from "fast-check";
import { printable } from "#base/printable.ts";
import { shellQuoted } from "#base/shell.ts";
import { type Line, line, red, shortened, spansOf, tableLines, widthOf } from "#base/text.ts";
import { wrapped } from "#base/wrap.ts";

const rows = (given: Line, columns: number): string[] => wrapped(given, columns).map((row) => row.map(({ text }) => text).join(""));

describe("a line", () => {
  test.each<[string, Line, number, string[]]>([
    ["that fits", line("a bc"), 4, ["a bc"]],
    ["goes on at the next word", line("one two three"), 8, ["one two", "three"]],
    ["goes on below its text", line("  x  one two three", 5), 12, ["  x  one two", "     three"]],
    ["breaks a word that is wider than the terminal", line("a 1234567890", 2), 6, ["a", "  1234", "  5678", "  90"]],
    ["begins nearer to the left where there is no room", line("      123456 7"), 8, ["    1234", "56 7"]],
    ["counts wide characters", line("日本 語語"), 6, ["日本", "語語"]],
    ["goes on nearer to the left where there is no room", line("12345678 one two", 9), 10, ["12345678", "     one", "     two"]],
  ])("%s", (_, given, columns, expected) => expect(rows(given, columns)).toEqual(expected));

  test("keeps its tones", () => {
    expect(wrapped(line([red("one two"), " three"]), 4)).toEqual([
      [{ text: "one", tone: "red" }],
      [{ text: "" }, { text: "two", tone: "red" }],
      [{ text: "" }, { text: "thre" }],
      [{ text: "" }, { text: "e" }],
    ]);
  });

  test("that is a command stays one for a shell", () => {
    const command: Line = { text: "kt add 'a b' --context dev", hang: 2, isCommand: true };
    expect(rows(command, 16)).toEqual(["kt add 'a b' \\", "  --context \\", "  dev"]);
  });

  test.each([12, 16, 24, 40])("that is a command says the same to a shell, also with words wider than %i columns", (columns) => {
    const words = [
      "127.0.0.1 a-very-long.localhost another-very-long.localhost",
      "it's \\ here",
      "plain-but-far-too-long-for-a-row",
      '"',
      "$(no)",
    ];
    const command: Line = { text: `${" ".repeat(30)}printf '%s,' ${words.map(shellQuoted).join(" ")}`, hang: 32, isCommand: true };
    const broken = rows(command, columns);
    for (const row of broken) expect(stringWidth(row)).toBeLessThanOrEqual(columns);
    expect(spawnSync(["sh", "-c", broken.join("\n")]).stdout.toString()).toBe(words.map((word) => `${word},`).join(""));
  });

  test("is as wide as the terminal at most, and loses no character but blanks", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), fc.integer({ min: 4, max: 30 }), fc.nat(40), (text, columns, hang) => {
        const broken = rows(line(text, hang), columns);
        expect(broken.every((row) => stringWidth(row) <= columns)).toBe(true);
        expect(broken.join("").replaceAll(" ", "")).toBe(printable(text).replaceAll(" ", ""));
      }),
    );
  });
});

test("columns are as wide as their widest cell, and the last one goes on below itself", () => {
  const [first, second] = tableLines([
    [red("a"), "b c d"],
    ["日本", "e"],
  ]);
  expect(rows(first ?? line(""), 80)).toEqual(["a     b c d"]);
  expect(rows(second ?? line(""), 80)).toEqual(["日本  e"]);
  expect(rows(first ?? line(""), 9)).toEqual(["a     b c", "    d"]);
});

describe("a target", () => {
  test.each([
    ["shop/svc/web:80", 20, "shop/svc/web:80"],
    ["monitoring/svc/grafana:http", 17, "monitori…ana:http"],
    ["日本語日本語", 7, "日…本語"],
    ["abc", 1, "…"],
  ])("%s in %i columns", (text, columns, expected) => expect(shortened(text, columns)).toBe(expected));

  test("never takes more", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 20 }), (text, columns) =>
        expect(widthOf(shortened(text, columns))).toBeLessThanOrEqual(columns),
      ),
    );
  });
});

test("what is shown has no character that is not seen", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const [span] = spansOf(text);
      expect(span?.text ?? "").not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }),
  );
});
