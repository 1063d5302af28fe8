/** Commands to be pasted: a real shell reads each value as one word, whatever it holds. */

import { expect, test } from "bun:test";
import { spawnSync, which } from "bun";
import fc from "fast-check";
import { command } from "#base/shell.ts";

const shells = ["sh", "bash", "zsh", "dash"].filter((shell) => which(shell) !== null);

/** The words that a shell passes to a program. */
function wordsIn(shell: string, line: string): string[] {
  const { stdout, exitCode, stderr } = spawnSync([shell, "-c", `printf '%s\\0' ${line}`]);
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  return stdout.toString().split("\0").slice(0, -1);
}

const nasty = [
  "a$(touch pwn)b; x",
  "`touch pwn`",
  "'; touch pwn #",
  "a b",
  "",
  "*",
  "~",
  "$HOME",
  "!!",
  "a\nb",
  "a|b&c>d<e",
  '"',
  "\\",
  "#x",
  "日本",
];

test.each(shells)("%s reads each value as one word", (shell) => {
  for (const value of nasty) expect(wordsIn(shell, command`x ${value} -n ${[value, "y"]}`)).toEqual(["x", value, "-n", value, "y"]);
});

test("any text is one word", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary-ascii" }), (one, other) => {
      const [left, right] = [one, other].map((text) => text.replaceAll("\0", ""));
      expect(wordsIn("sh", command`${left ?? ""} ${right ?? ""}`)).toEqual([left ?? "", right ?? ""]);
    }),
    { numRuns: 50 },
  );
});

test("nothing is quoted that need not be, and an empty list leaves no trace", () => {
  expect(command`kubectl get pods ${["-n", "shop"]} ${[]}`).toBe("kubectl get pods -n shop");
  expect(command`kt down -f ${"/home/me/shop/tunnels.toml"}`).toBe("kt down -f /home/me/shop/tunnels.toml");
});
