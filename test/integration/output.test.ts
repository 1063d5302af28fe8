/** What kt writes arrives whole, whatever reads it, and what does not arrive is not called success. */

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { spawnSync, write } from "bun";
import { SourceHome } from "#test/support/source-home.ts";

const kt = `'${process.execPath}' '${new URL("../../src/main.ts", import.meta.url).pathname}'`;

async function homeWith(profile: string): Promise<SourceHome> {
  const home = await SourceHome.make();
  await write(`${home.project}/tunnels.toml`, profile);
  return home;
}

/** What a pipeline of bash prints, and the exit code of its first command. */
function pipeline(home: SourceHome, line: string): { text: string; exitCode: number; stderr: string } {
  const { stdout, stderr } = spawnSync(["bash", "-c", `${line}; echo " \${PIPESTATUS[0]}"`], {
    cwd: home.project,
    env: { ...home.env, TMPDIR: home.path },
  });
  const [, text = "", code = ""] = /^(.*?)\s(\d+)\n$/s.exec(stdout.toString()) ?? [];
  return { text, exitCode: Number(code), stderr: stderr.toString() };
}

/** Takes 64 bytes at a time: kt has long written all it can when the reader is still at the beginning. */
const slowCount = "dd bs=64 status=none | wc -c";

const wide = "x".repeat(1000);
const manyVariables = `[env]\n${Array.from({ length: 1000 }, (_, index) => `V${index} = "${wide}"`).join("\n")}\n`;
const manyProblems = Array.from({ length: 2000 }, (_, index) => `unknown_${index}_${"x".repeat(500)} = 1`).join("\n");

describe("a megabyte for a slow reader arrives whole", () => {
  test.each([
    ["env", manyVariables],
    ["env --format json", manyVariables],
    ["check --json", manyProblems],
  ])("on stdout of kt %s", async (command, profile) => {
    await using home = await homeWith(profile);
    const whole = pipeline(home, `${kt} ${command} > whole; wc -c < whole`);
    expect(Number(whole.text)).toBeGreaterThan(1_000_000);
    expect(pipeline(home, `${kt} ${command} | ${slowCount}`).text).toBe(whole.text);
  });

  test("on stderr of kt check", async () => {
    await using home = await homeWith(manyProblems);
    const whole = pipeline(home, `${kt} check 2> whole; wc -c < whole`);
    expect(Number(whole.text)).toBeGreaterThan(1_000_000);
    expect(pipeline(home, `${kt} check 2>&1 >/dev/null | ${slowCount}`).text).toBe(whole.text);
  });
});

describe("a result that does not get through", () => {
  test.skipIf(!existsSync("/dev/full"))("is a failure on a full disk, and says so", async () => {
    await using home = await homeWith(manyVariables);
    for (const command of ["env", "status --json", "version"]) {
      const { exitCode, stderr } = pipeline(home, `${kt} ${command} >/dev/full`);
      expect({ command, exitCode, stderr }).toEqual({
        command,
        exitCode: 1,
        stderr: "kt: error: the output cannot be written: no space left on device\n",
      });
    }
  });

  test.skipIf(process.platform !== "linux")(
    "is a failure where there is no standard output, as soon as there is something to write",
    async () => {
      await using home = await homeWith(manyVariables);
      for (const command of ["env", "status --json", "version"]) {
        const { exitCode, stderr } = pipeline(home, `${kt} ${command} >&-`);
        expect({ command, exitCode, stderr }).toEqual({
          command,
          exitCode: 1,
          stderr: "kt: error: the output cannot be written: bad file descriptor\n",
        });
      }
      expect(pipeline(home, `${kt} down --all -q >&-`).exitCode).toBe(0);
      for (const to of [">/dev/null", "</dev/null 2>&- >/dev/null"]) expect(pipeline(home, `${kt} version ${to}`).exitCode).toBe(0);
    },
  );

  test("is none where the reader has seen enough", async () => {
    await using home = await homeWith(manyVariables);
    expect(pipeline(home, `${kt} env | head -1 | cut -c1-5`)).toEqual({ text: "expor\n", exitCode: 0, stderr: "" });
  });
});
