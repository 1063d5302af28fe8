/** Holds docs/architecture.md against the code: its walks from function to function, and the rows of its picture of the rooms. */

import { existsSync } from "node:fs";
import { beforeAll, describe, expect, test } from "bun:test";
import { type ParsedFile, parseSources } from "#scripts/measures/parse.ts";
import { pages, root } from "#test/support/doc-blocks.ts";
import { rooms } from "../../rooms.mjs";

/** One line of a walk: a file, and the functions and classes that are read there. */
interface Step {
  readonly file: string;
  readonly names: readonly string[];
}

/** As `1. ` or `   - `, a file and its functions, and words. */
const stepLine = /^\s*(?:\d+\.|-) `([\w/.-]+\.ts)`: ((?:`#?\w+`(?:, )?)+)/gm;

function stepsOf(section: string): Step[] {
  return [...section.matchAll(stepLine)].map(([, file = "", names = ""]) => ({
    file,
    names: [...names.matchAll(/`(#?\w+)`/g)].map(([, name = ""]) => name),
  }));
}

/** The text under a heading. */
function sectionOf(page: string, heading: string): string {
  const [, text = ""] = page.split(`\n## ${heading}\n`);
  return text.split("\n## ")[0] ?? "";
}

/** Bun calls `data` for a socket, and `new` calls a constructor. */
function calls(text: string, name: string): boolean {
  if (name === "data") return true;
  if (name === "constructor") return /\bnew [A-Z]/.test(text);
  return new RegExp(`(?<!\\w)${name}\\b`).test(text);
}

/** What is wrong with a walk: a name that is not there, one that nothing read before it calls, a file that is returned to. */
function objections(steps: readonly Step[], sources: ReadonlyMap<string, ParsedFile>): string[] {
  let read = "";
  return steps.flatMap(({ file, names }, index) => {
    const source = sources.get(file);
    const again = steps.slice(0, index).some((earlier) => earlier.file === file) ? [`${file} is read twice`] : [];
    const wrong = names.flatMap((name) => {
      const functions = source?.functions.filter((each) => each.name === name) ?? [];
      if (functions.length === 0 && !source?.classes.some((each) => each.name === name)) return [`${file} has no ${name}`];
      const isCalled = read === "" || calls(read, name);
      read += functions.map(({ text }) => text.slice(text.indexOf("(") + 1)).join("\n");
      return isCalled ? [] : [`${file}: nothing before it calls ${name}`];
    });
    return [...again, ...wrong];
  });
}

let sources: ReadonlyMap<string, ParsedFile>;
const page = (await pages()).get("docs/architecture.md") ?? "";

/** Parsing all sources takes 2 s on an idle machine. */
const parseMs = 60_000;

beforeAll(async () => {
  sources = new Map((await parseSources(["src"])).map((source) => [source.path.slice("src/".length), source]));
}, parseMs);

describe.each(["A byte, from the client to the pod", "A profile, from the file to the listener"])("the walk %j", (heading) => {
  test("goes from function to function as the code calls them, and never returns to a file", () => {
    const steps = stepsOf(sectionOf(page, heading));
    expect(steps.length).toBeGreaterThan(9);
    expect(objections(steps, sources)).toEqual([]);
  });
});

describe("the walks can fail:", () => {
  const parsed = (path: string, ...functions: [string, string][]): [string, ParsedFile] => [
    path,
    { path, text: "", lines: 1, functions: functions.map(([name, text]) => ({ name, lines: 1, text })), classes: [], comments: "" },
  ];
  const files = new Map([
    parsed("a.ts", ["one", "one() { this.#two(); }"], ["#two", "#two() { three(); }"]),
    parsed("b.ts", ["three", "three() {}"]),
  ]);
  const walk = (text: string): string[] => objections(stepsOf(text), files);

  test("a function that is not there, one that is not called, and a file that is read twice", () => {
    expect(walk("1. `a.ts`: `one`, `#two` begins\n2. `b.ts`: `three` ends")).toEqual([]);
    expect(walk("1. `a.ts`: `one`, `#two` begins\n   - `b.ts`: `three` answers")).toEqual([]);
    expect(walk("1. `a.ts`: `four` begins")).toEqual(["a.ts has no four"]);
    expect(walk("1. `a.ts`: `one` begins\n2. `b.ts`: `three` ends")).toEqual(["b.ts: nothing before it calls three"]);
    expect(walk("1. `a.ts`: `#two`, `one` begins")).toEqual(["a.ts: nothing before it calls one"]);
    expect(walk("1. `a.ts`: `one`, `#two` begins\n2. `b.ts`: `three` ends\n3. `a.ts`: `#two` again")).toEqual(["a.ts is read twice"]);
  });
});

/** What the table of changes names and is not there: files and folders, and functions that it says are in one. */
function missing(table: string): string[] {
  const places = [...table.matchAll(/`((?:\w[\w-]*\/)+[\w.-]*)`/g)].map(([, path = ""]) => path);
  const isThere = (path: string): boolean => existsSync(`${root}src/${path}`) || existsSync(`${root}${path}`);
  const named = [...table.matchAll(/`([#\w]+)` in `([\w/.-]+\.ts)`/g)];
  return [
    ...places.filter((path) => !isThere(path)),
    ...named.flatMap(([words, name = "", path = ""]) => (calls(sources.get(path)?.text ?? "", name) ? [] : [words])),
  ];
}

test("the files to change for something new are there, with the functions that are named", () => {
  const table = sectionOf(page, "Where to change what");
  expect(table.match(/ in `/g)?.length).toBeGreaterThan(4);
  expect(missing(table)).toEqual([]);
  expect(missing("`tunnel/none.ts`, `noSuchName` in `tunnel/tunnel.ts`")).toEqual(["tunnel/none.ts", "`noSuchName` in `tunnel/tunnel.ts`"]);
});

test("the picture shows every room once, above all that it imports", () => {
  const [, picture = ""] = /^```text\n([\s\S]*?)^```$/m.exec(sectionOf(page, "The rooms")) ?? [];
  const rows = picture
    .trimEnd()
    .split("\n")
    .map((line) =>
      line
        .replace(/ {3,}.*$/, "")
        .trim()
        .split(/\s+/),
    );
  const rowOf = (room: string): number => rows.findIndex((row) => row.includes(room));
  expect(rows.flat().sort()).toEqual(Object.keys(rooms).sort());
  const wrong = Object.entries(rooms).flatMap(([room, { rooms: imported }]) =>
    [...imported, ...(room === "base" ? [] : ["base"])]
      .filter((other) => rowOf(other) <= rowOf(room))
      .map((other) => `${room} is not above ${other}`),
  );
  expect(wrong).toEqual([]);
});

test("CONTRIBUTING.md says of every room what it is for", async () => {
  const text = (await pages()).get("CONTRIBUTING.md") ?? "";
  const [, table = ""] = /^\| room \| .*\n\|---\|---\|\n((?:\|.*\n)+)/m.exec(text) ?? [];
  expect([...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, room]) => room).sort()).toEqual(Object.keys(rooms).sort());
});
