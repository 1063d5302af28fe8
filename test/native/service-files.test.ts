/** The service files: what systemd and Apple's format make of them, whatever is in the paths. */

import { describe, expect, test } from "bun:test";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { spawn, which } from "bun";
import { array, assert, dictionary, property, string } from "fast-check";
import { launchd } from "#native/launchd.ts";
import type { ServiceDefinition } from "#native/service-manager.ts";
import { systemd } from "#native/systemd.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const unit = systemd({ configDirectory: "/home/me/.config", environment: {} });
const agent = launchd({ home: "/Users/me", uid: 501, environment: {} });

const nasty = `/a b/100%/$HOME/$$/"quoted"/it's/back\\slash/<&>/ü/;#/\${x}/%h`;

function definition(command: readonly string[], environment: Record<string, string> = {}): ServiceDefinition {
  return { command, environment, version: "1.0.0 (abc)", logFile: "/log" };
}

/** What it prints; it finds no user's session here. */
async function run(argv: readonly string[], directory: string): Promise<string> {
  const env = { PATH: process.env["PATH"] ?? "", HOME: directory, XDG_RUNTIME_DIR: directory };
  const child = spawn([...argv], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return stdout + stderr;
}

describe.each([
  ["systemd", unit],
  ["launchd", agent],
] as const)("%s", (_, manager) => {
  test("the command is read back as it was written", () => {
    // What a service file cannot hold is refused before.
    const word = string({ unit: "binary" }).filter((text) => text !== "" && !/[\u0000-\u001f\u007f\ud800-\udfff]/.test(text));
    assert(
      property(array(word, { minLength: 1 }), dictionary(word, word), (command, environment) => {
        expect(manager.commandIn(manager.format(definition(command, environment)))).toEqual(command);
      }),
    );
    for (const each of [nasty, "a\u2028b\u2029"]) expect(manager.commandIn(manager.format(definition([each, each])))).toEqual([each, each]);
  });

  test("a file that kt did not write has no command", () => expect(manager.commandIn("ExecStart\n<array>")).toEqual([]));
});

test("files are where their managers look for them", () => {
  expect(unit.file).toBe("/home/me/.config/systemd/user/kt.service");
  expect(agent.file).toBe("/Users/me/Library/LaunchAgents/dev.kt.kt.plist");
});

describe.skipIf(which("systemd-analyze") === null)("systemd itself", () => {
  /** What it says about the unit; it looks whether the program is there, which shows that its path was read as it was meant. */
  async function verify(program: string, make: boolean): Promise<string> {
    await using directory = await tempDir();
    const path = `${directory.path}${program}`;
    await mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (make) {
      await writeFile(path, "#!/bin/sh\n");
      await chmod(path, 0o755);
    }
    const file = `${directory.path}/kt.service`;
    await writeFile(file, unit.format(definition([path, "serve", "--file", nasty], { PATH: "/a b:/c%d", ODD: nasty })));
    return (await run(["systemd-analyze", "verify", "--user", file], directory.path)).replaceAll(directory.path, "");
  }

  test("accepts the unit without a word, with odd paths", async () => {
    expect(await verify("/bin/kt", true)).toBe("");
    // It takes no quotes and no backslash in a program's path, however they are written.
    expect(await verify(nasty.replace(/["'\\]/g, ""), true)).toBe("");
  });

  test("reads a path that it refuses as it was meant", async () => {
    expect(await verify(nasty, true)).toContain(`Executable name contains special characters: ${nasty}\n`);
  });

  test("would have said so", async () => expect(await verify("/bin/kt", false)).toContain("is not executable"));
});

describe.skipIf(which("python3") === null)("a reader of property lists", () => {
  test("reads all of it", async () => {
    await using directory = await tempDir();
    const file = `${directory.path}/kt.plist`;
    await writeFile(file, agent.format(definition([nasty, "serve"], { PATH: "/a b:/c", ODD: nasty })));
    const script = "import json,plistlib,sys; print(json.dumps(plistlib.load(open(sys.argv[1],'rb'))))";
    expect(JSON.parse(await run(["python3", "-c", script, file], directory.path))).toMatchObject({
      Label: "dev.kt.kt",
      ProgramArguments: [nasty, "serve"],
      EnvironmentVariables: { PATH: "/a b:/c", ODD: nasty },
      RunAtLoad: true,
      KeepAlive: true,
      Umask: 63,
      StandardErrorPath: "/log",
    });
  });
});
