/** The built binary among people who work with Bun: it follows none of the variables that steer Bun, and hands them on. */

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { binary, Home, listening } from "#test/support/kt.ts";
import { run } from "#test/support/cluster.ts";
import { freePorts } from "#test/support/process.ts";
import { takesConnections } from "#test/support/raw-client.ts";

const [port = 0, inspector = 0] = freePorts(2);

async function withHome(work: (home: Home) => Promise<void>): Promise<void> {
  const home = new Home();
  home.write("tunnels.toml", `[http]\nlisten = ["127.0.0.1:${port}"]\n[env]\nA = "b"\n`);
  home.write("setup.ts", `require("node:fs").writeFileSync("ran", ""); process.exit(7)`);
  await work(home);
  expect(existsSync(`${home.path}/project/ran`)).toBe(false);
  await home.close();
}

test.each([
  "--bun",
  "--smol",
  "--preload ./setup.ts",
  "--preload ./missing.ts",
  `--inspect=127.0.0.1:${inspector}`,
  "--watch",
  "--cwd /tmp",
])("BUN_OPTIONS=%j is not followed", (options) =>
  withHome(async (home) => {
    const { exitCode, stdout, stderr } = await home.run(["check"], { env: { BUN_OPTIONS: options } });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain(`${home.path}/project/tunnels.toml: fine`);
  }),
);

test("BUN_BE_BUN does not make it bun", async () => {
  const { stdout } = await run([binary, "--version"], { env: { BUN_BE_BUN: "1" } });
  expect(stdout).toStartWith("kt ");
});

test("BUN_INSPECT opens no port", () =>
  withHome(async (home) => {
    const env = { BUN_INSPECT: `127.0.0.1:${inspector}`, BUN_INSPECT_PRELOAD: "./setup.ts" };
    await listening(port, home.start(["serve"], { env }));
    expect(await takesConnections(inspector)).toBe(false);
  }));

test("what kt runs gets them as they were, and kt doctor names them", () =>
  withHome(async (home) => {
    const env = { BUN_OPTIONS: "--smol", BUN_BE_BUN: "1" };
    const { stdout } = await home.run(["run", "-q", "--", "sh", "-c", 'echo "$BUN_OPTIONS $BUN_BE_BUN $A"'], { env });
    expect(stdout).toBe("--smol 1 b\n");
    expect((await home.run(["doctor"], { env })).stdout).toContain("BUN_OPTIONS, BUN_BE_BUN are set: kt does not follow them");
  }));
