/** A program with a file of its own: what it sees, what it may do, and how it ends. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { startWithFiles } from "#native/own-files.ts";
import { tempDir } from "#test/support/temp-dir.ts";

let directory: Awaited<ReturnType<typeof tempDir>>;
let source: string;
beforeEach(async () => {
  directory = await tempDir();
  source = `${directory.path}/hosts`;
  writeFileSync(source, "127.1.2.3 db\n");
  chmodSync(directory.path, 0o755);
});
afterEach(async () => await directory[Symbol.asyncDispose]());

const environment = { PATH: "/usr/bin:/bin", GREETING: "hello" };

function start(...command: string[]) {
  return startWithFiles({ command, environment, files: [{ source, target: "/etc/hosts" }], directory: directory.path });
}

async function codeOf(...command: string[]): Promise<number> {
  const started = start(...command);
  if (started.kind !== "running") throw new Error(`${started.kind}: ${started.code}`);
  return await started.program.exited;
}

/** Containers and AppArmor may forbid it; the end-to-end tests run where it works. */
const works = probe().kind === "running";

function probe() {
  return startWithFiles({ command: ["true"], environment, files: [{ source: "/etc/hosts", target: "/etc/hosts" }], directory: tmpdir() });
}

describe.if(works)("a program with a file of its own", () => {
  test("sees it in place of the machine's, which stays as it was", async () => {
    const before = readFileSync("/etc/hosts");
    expect(await codeOf("cmp", "-s", source, "/etc/hosts")).toBe(0);
    expect(readFileSync("/etc/hosts").equals(before)).toBe(true);
  });

  test("has its arguments and its environment, and nothing of this process's", async () => {
    const script = '[ "$1" = "a b" ] && [ "$GREETING" = hello ] && [ -z "$HOME" ] && [ "$(ls /proc/self/fd | wc -l)" -lt 6 ]';
    expect(await codeOf("sh", "-c", script, "sh", "a b")).toBe(0);
  });

  test("ends with its own exit code, and as shells say it where a signal ended it", async () => {
    expect(await codeOf("sh", "-c", "exit 9")).toBe(9);
    expect(await codeOf("sh", "-c", "kill -KILL $$")).toBe(137);
  });

  test("gets signals, none of which is blocked or ignored", async () => {
    const started = start(
      "sh",
      "-c",
      "grep -qE 'SigBlk:.0+$' /proc/self/status && grep -qE 'SigIgn:.0+$' /proc/self/status && exec sleep 60",
    );
    if (started.kind !== "running") throw new Error(started.code);
    started.program.kill("SIGTERM");
    expect(await started.program.exited).toBe(143);
  });

  test("that is not there, or is none, is said as the system says it", () => {
    expect(start("nothing-of-this-name")).toEqual({ kind: "no-program", code: "ENOENT" });
    expect(start("/nothing/there")).toEqual({ kind: "no-program", code: "ENOENT" });
    expect(start(source)).toEqual({ kind: "no-program", code: "EACCES" });
    chmodSync(source, 0o755);
    expect(start(source)).toEqual({ kind: "no-program", code: "ENOEXEC" });
  });

  test("a file that cannot be put there is said, and nothing runs", () => {
    const files = [{ source: `${directory.path}/none`, target: "/etc/hosts" }];
    expect(startWithFiles({ command: ["touch", source], environment, files, directory: directory.path })).toEqual({
      kind: "no-files",
      code: "ENOENT",
    });
  });
});

test.if(process.platform !== "linux")("other systems have none", () => {
  expect(start("true")).toEqual({ kind: "no-files", code: "ENOSYS" });
});
