/** Words that are quoted for a host's login shell arrive as they were, in every shell that is on this machine. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { spawnSync, which } from "bun";
import { commandLine } from "#remote/command-line.ts";

/** Prints its arguments with a NUL after each. */
const printer = ["printf", "%s\\0"];

function arrived(shell: string, words: readonly string[]): string[] {
  const { stdout } = spawnSync([shell, "-c", commandLine([...printer, ...words])], { stderr: "inherit" });
  return stdout.toString().split("\0").slice(0, -1);
}

/** Bytes that are not UTF-8 cannot stand in a text, nor a NUL in an argument. */
const word = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({
    unit: fc.constantFrom("'", '"', "\\", "!", "$", "`", " ", "\n", "a", "*", "~", "=", "#", "(", ";", "&", "{", "}", "%", "^"),
  }),
);
const words = fc.array(
  word.map((text) => text.replaceAll("\0", "").toWellFormed()),
  { minLength: 1, maxLength: 6 },
);

for (const shell of ["sh", "bash", "dash", "zsh", "fish"])
  test.skipIf(which(shell) === null)(
    `${shell} hands a command its words as they were${which(shell) === null ? " (not installed)" : ""}`,
    () => {
      fc.assert(
        fc.property(words, (given) => expect(arrived(shell, given)).toEqual(given)),
        { numRuns: 60 },
      );
    },
  );

test("plain words stay readable, and what would be an assignment is quoted", () => {
  expect(commandLine(["sudo", "-n", "--", "cat", "/etc/os-release"])).toBe("sudo -n -- cat /etc/os-release");
  expect(commandLine(["A=b", ""])).toBe("'A=b' ''");
});

test("a NUL, which would cut a word off, never reaches a host", () => {
  expect(() => commandLine(["rm", "/etc/x\0y"])).toThrow("NUL");
  expect(() => commandLine([])).toThrow("without words");
});
