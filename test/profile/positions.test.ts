/** Places of keys and values in TOML texts, in every form that TOML has for them. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { type KeyPath, KeyPositions, type Place } from "#profile/toml/positions.ts";

const text = `# [not] = "a key"
name = "a # b"   # = c
a.b . "c d".'e' = 1
[ "x.y" . z ]
deep = [1, "two]", [
  3, # ]
  { in = "side", 'q' = [ { r = 4 } ] }, ]]
  indented = '''
[no] = "key"
'''
quoted = """a \\""" = [b]"""
[[list]]
one = 1
[list.sub]
two = 2
[[list]]
one = 3
[[list.inner]]
four = 4
"\\u0041\\"" = 5
date = 2026-01-01T00:00:00Z
last = true`;

const positions = new KeyPositions(text);

/** `line:column` of the key and of the value. */
function placesOf(...path: string[]): string {
  const show = ({ line, column }: Place): string => `${line}:${column}`;
  return `${show(positions.key(path))} ${show(positions.value(path))}`;
}

describe("places", () => {
  const cases: [path: string[], places: string][] = [
    [["name"], "2:1 2:8"],
    [["a"], "3:1 3:19"],
    [["a", "b", "c d", "e"], "3:13 3:19"],
    [["x.y"], "4:3 4:3"],
    [["x.y", "z", "deep"], "5:1 5:8"],
    [["x.y", "z", "deep", "1"], "5:12 5:12"],
    [["x.y", "z", "deep", "2", "0"], "6:3 6:3"],
    [["x.y", "z", "deep", "2", "1", "in"], "7:5 7:10"],
    [["x.y", "z", "deep", "2", "1", "q", "0", "r"], "7:28 7:32"],
    [["x.y", "z", "indented"], "8:3 8:14"],
    [["x.y", "z", "quoted"], "11:1 11:10"],
    [["list", "0"], "12:3 12:3"],
    [["list", "0", "one"], "13:1 13:7"],
    [["list", "0", "sub", "two"], "15:1 15:7"],
    [["list", "1", "one"], "17:1 17:7"],
    [["list", "1", "inner", "0", "four"], "19:1 19:8"],
    [["list", "1", "inner", "0", 'A"'], "20:1 20:14"],
    [["list", "1", "inner", "0", "date"], "21:1 21:8"],
    [["list", "1", "inner", "0", "last"], "22:1 22:8"],
    // What is not written out: the nearest above it, else the top.
    [["a", "b", "missing"], "3:3 3:19"],
    [["missing"], "1:1 1:1"],
  ];
  for (const [path, places] of cases) test(path.join(" › "), () => expect(placesOf(...path)).toBe(places));

  test("the text is TOML and every one of its keys was asked for", () => {
    expect(Object.keys(parse(text))).toEqual(["name", "a", "x.y", "list"]);
  });

  test("a part of a value", () => {
    expect(positions.value(["name"], "# b")).toEqual({ line: 2, column: 11 });
    expect(positions.value(["name"], "not in it")).toEqual({ line: 2, column: 8 });
  });

  test("line ends of Windows do not count as columns", () => {
    expect(new KeyPositions('a = 1\r\nb = "x"\r\n').value(["b"])).toEqual({ line: 2, column: 5 });
  });
});

function offsetOf(toml: string, { line, column }: Place): number {
  const lines = toml.split("\n").slice(0, line - 1);
  return lines.reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
}

/** The key that begins at an offset. */
function keyAt(toml: string, offset: number): string | undefined {
  const token = /^("(\\.|[^"\\])*"|'[^']*'|[A-Za-z0-9_-]+)/.exec(toml.slice(offset))?.[0];
  return token === undefined ? undefined : Object.keys(parse(`${token} = 1`))[0];
}

function pathsOf(value: unknown, path: KeyPath = []): KeyPath[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => [[...path, key], ...pathsOf(inner, [...path, key])]);
}

test("every key of any table is found where it stands", () => {
  const key = fc
    .oneof(fc.stringMatching(/^[a-zA-Z0-9_-]{1,5}$/), fc.string({ minLength: 1, maxLength: 5 }))
    .filter((name) => name !== "__proto__");
  const leaf = fc.oneof(fc.string({ maxLength: 8 }), fc.integer(), fc.boolean(), fc.array(fc.string({ maxLength: 4 }), { maxLength: 3 }));
  const { table } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, leaf, tie("table")),
    table: fc.dictionary(key, tie("value"), { maxKeys: 4 }),
  }));
  fc.assert(
    fc.property(table, (given) => {
      const toml = stringify(given as Record<string, unknown>);
      const found = new KeyPositions(toml);
      for (const path of pathsOf(parse(toml))) expect(keyAt(toml, offsetOf(toml, found.key(path)))).toBe(path.at(-1));
    }),
  );
});

test("any text at all is walked to its end", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("[", "]", "{", "}", '"', "'", "=", ".", ",", "a", "\n", "#", " ", "\\") }), (any) => {
      expect(new KeyPositions(any).key(["a"]).line).toBeGreaterThan(0);
    }),
  );
});
