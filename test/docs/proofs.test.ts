/** Every row of the tables in docs/coming-from.md and docs/security.md names tests that show it, and those tests exist. */

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { file } from "bun";
import { pages, root } from "#test/support/doc-blocks.ts";

const parity = "### Everything AutoTunnel does";
const attacks = "## Who can do what";

/** The cells of every table between the heading and the next one of its level or above. */
function rowsOf(markdown: string, heading: string): string[][] {
  const [, below = ""] = markdown.split(`${heading}\n`);
  const level = heading.indexOf(" ");
  const [section = ""] = below.split(new RegExp(`^#{1,${level}} `, "m"));
  const tables = section.match(/(?:^\|.*\n?)+/gm) ?? [];
  return tables.flatMap((table) => table.trim().split("\n").slice(2)).map(cellsOf);
}

function cellsOf(row: string): string[] {
  return row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
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

describe.each([
  ["docs/coming-from.md", parity, 30],
  ["docs/coming-from.md", "## kubefwd", 15],
  ["docs/coming-from.md", "## kube-tunnel", 8],
  ["docs/coming-from.md", "### Its flags and variables", 25],
  ["docs/security.md", attacks, 50],
])("%s: %s", async (page, heading, least) => {
  const rows = rowsOf((await pages()).get(page) ?? "", heading);

  test("is there, row by row", () => {
    expect(rows.length).toBeGreaterThan(least);
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
  });

  test("and every table below the heading is read, up to the next heading", () => {
    const table = (cell: string): string => `| a | b | c |\n|---|---|---|\n| ${cell} | x \\| y | 3 |\n`;
    const page = `## H\n\nText.\n\n${table("1")}\nMore | text\n\n### Inner\n\n${table("2")}\n## Next\n\n${table("3")}`;
    expect(rowsOf(page, "## H")).toEqual([
      ["1", "x \\| y", "3"],
      ["2", "x \\| y", "3"],
    ]);
  });
});
