/** The command line as text scripts: test/scripts/*.txt, each in a home of its own. */

import { describe, expect, test } from "bun:test";
import { Glob } from "bun";
import { matches, parseScript, runScript } from "#test/support/script.ts";

const directory = new URL("../scripts/", import.meta.url).pathname;
const names = [...new Glob("*.txt").scanSync({ cwd: directory })].sort();

describe("scripts", () => {
  test("are there", () => expect(names.length).toBeGreaterThan(4));

  test.concurrent.each(names)("%s", async (name) => expect(await runScript(directory + name)).toBe(""), 30_000);
});

describe("the script runner can fail", () => {
  test("on lines", () => {
    expect(matches("a\nb\n", ["a", "b"])).toBe(true);
    expect(matches("a\nx\ny\nb\n", ["a", "...", "b"])).toBe(true);
    expect(matches("a 17 b\n", ["a ... b"])).toBe(true);
    expect(matches("", [])).toBe(true);
    for (const wrong of [["a"], ["a", "c"], ["b"], ["a", "b", "c"], []]) expect(matches("a\nb\n", wrong)).toBe(false);
  });

  test("on scripts", () => {
    const { steps, files } = parseScript("# x\n\n$ kt up -d\nexit 2\n> out\n! err\n\n$ kt ps\n-- a/b --\ntext\n");
    expect(steps).toEqual([
      { command: ["kt", "up", "-d"], exitCode: 2, stdout: ["out"], stderr: ["err"] },
      { command: ["kt", "ps"], exitCode: 0, stdout: [], stderr: [] },
    ]);
    expect([...files]).toEqual([["a/b", "text\n"]]);
  });
});
