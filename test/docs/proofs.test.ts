/** Every row of the table in docs/coming-from.md names tests that show it, and those tests exist. */

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { file } from "bun";
import { pages, root } from "#test/support/doc-blocks.ts";

const heading = "### Everything AutoTunnel does";

/** The cells of the rows below the heading. */
function rowsOf(markdown: string): string[][] {
  const [, section = ""] = markdown.split(`${heading}\n`);
  const [table = ""] = (section.split(/^\|/m).length > 1 ? section.slice(section.indexOf("\n|")) : "").split("\n\n");
  const [, , ...rows] = table.trim().split("\n");
  return rows.map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

interface Proof {
  readonly path: string;
  /** Undefined where the file itself is the test, as the texts of test/scripts and test/golden are. */
  readonly name: string | undefined;
}

/** `path`: "name", or `path` alone. Undefined where the cell holds anything else. */
function proofsIn(cell: string): Proof[] | undefined {
  const parts = cell.split("<br>").map((part) => /^`([^`]+)`(?:: "([^"]+)")?$/.exec(part.trim()));
  return parts.every((part) => part !== null) ? parts.map(([, path = "", name]) => ({ path, name })) : undefined;
}

/** Why the test is not there, or undefined. */
async function objection({ path, name }: Proof): Promise<string | undefined> {
  if (!existsSync(root + path)) return `there is no ${path}`;
  if (name === undefined) return /^test\/(scripts|golden)\/.+\.txt$/.test(path) ? undefined : `${path} does not say which test`;
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  // A title stands first in a call, before the function that is the test.
  const title = new RegExp(`\\(\\s*(["'\`])${escaped}\\1,\\s*(?:async\\b|\\(|\\w+)`);
  return title.test(await file(root + path).text()) ? undefined : `${path} has no test "${name}"`;
}

describe("what AutoTunnel does", async () => {
  const rows = rowsOf((await pages()).get("docs/coming-from.md") ?? "");

  test("is there, row by row", () => {
    expect(rows.length).toBeGreaterThan(30);
    expect(rows.filter((row) => row.length !== 3 || row.includes(""))).toEqual([]);
  });

  test.each(rows.map(([what = "", , shown = ""]) => [what, shown] as const))("%s", async (_, shown) => {
    const proofs = proofsIn(shown);
    expect(proofs?.length).toBeGreaterThan(0);
    expect((await Promise.all((proofs ?? []).map(objection))).filter((wrong) => wrong !== undefined)).toEqual([]);
  });
});

describe("a proof that is none is noticed", () => {
  test.each([
    [{ path: "test/none.test.ts", name: "x" }, "there is no test/none.test.ts"],
    [{ path: "test/docs/proofs.test.ts", name: undefined }, "does not say which test"],
    [{ path: "test/docs/proofs.test.ts", name: "is there" }, 'has no test "is there"'],
  ])("%j", async (proof, wrong) => expect(await objection(proof)).toContain(wrong));

  test("and one that is one is taken", async () => {
    expect(await objection({ path: "test/docs/proofs.test.ts", name: "is there, row by row" })).toBeUndefined();
    expect(proofsIn('`a.ts`: "x"<br>`b.txt`')).toEqual([
      { path: "a.ts", name: "x" },
      { path: "b.txt", name: undefined },
    ]);
    expect(proofsIn("a test")).toBeUndefined();
    expect(rowsOf(`${heading}\n\nText.\n\n| a | b | c |\n|---|---|---|\n| 1 | x \\| y | 3 |\n\nMore | text`)).toEqual([
      ["1", "x \\| y", "3"],
    ]);
  });
});
