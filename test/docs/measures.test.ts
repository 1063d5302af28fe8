/** Holds the house to the limits of its measures. Their figures stand in docs/architecture.md. */

import { beforeAll, describe, expect, test } from "bun:test";
import { type Measures, measured, measuresTable, spreadOf, tooWide } from "#scripts/measures/measures.ts";
import { type ParsedFile, parseSources } from "#scripts/measures/parse.ts";

const most = { fields: 20, booleans: 3 };

let sources: readonly ParsedFile[] = [];
let measures: Measures;

/** Parsing all sources takes 2 s on an idle machine. */
const parseMs = 60_000;

beforeAll(async () => {
  sources = await parseSources(["src", "native"]);
  measures = measured(sources, []);
}, parseMs);

describe("the house keeps its measures:", () => {
  test("at most 7 files in the median folder", () => expect(measures.filesPerFolder.median).toBeLessThanOrEqual(7));

  test("functions of 5 lines in the median", () => expect(measures.functionLines.median).toBeLessThanOrEqual(5));

  test("no circle", () => expect(measures.circles).toEqual([]));

  test("at most 20 fields and 3 booleans in a class whose comment gives no reason for more", () => {
    expect(tooWide(sources, most)).toEqual([]);
  });
});

describe("the measures can fail:", () => {
  const file: ParsedFile = {
    path: "src/a/b.ts",
    text: "",
    lines: 10,
    functions: [{ name: "f", lines: 3, text: "function f() {}" }],
    classes: [{ name: "A", comment: "", fields: 21, booleans: 4 }],
    comments: "/** Nobody reads. */",
  };

  test("a class is too wide unless its comment says why", () => {
    expect(tooWide([file], most)).toEqual(["src/a/b.ts: A has 21 fields", "src/a/b.ts: A has 4 booleans"]);
    const comment = "/** Its fields are the states of one socket, four of them booleans, since each ends by itself. */";
    expect(tooWide([{ ...file, classes: [{ name: "A", comment, fields: 21, booleans: 4 }] }], most)).toEqual([]);
  });

  test("the parser finds functions, classes, fields and comments", () => {
    const conn = sources.find(({ path }) => path === "src/base/semaphore.ts");
    expect(conn?.classes.map(({ name }) => name)).toEqual(["Semaphore"]);
    expect(conn?.functions.length).toBeGreaterThan(2);
    expect(conn?.comments).toContain("/**");
  });

  test("spreads and rows", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, p90: 3, max: 3 });
    expect(spreadOf([])).toEqual({ median: 0, p90: 0, max: 0 });
    const table = measuresTable(measured([file], [file]), [{ subject: "a: b", hasBody: true }]);
    expect(table).toContain("| words to avoid per 1,000 words of comments | 500.0 |");
    expect(table).toContain("| commits with a body | 1 of 1 |");
    expect(table).toContain("| largest room, share of the lines | `a`, 100.0 % |");
  });
});
