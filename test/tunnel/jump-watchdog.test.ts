/** The script of jump pods under every shell that is here: what counts as use, when it ends, and that it ends at once when told. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { type Subprocess, spawn, which } from "bun";
import { watchdogScript } from "#tunnel/jump-pod/watchdog.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";

const shells: readonly (readonly string[])[] = [["sh"], ["dash"], ["busybox", "sh"], ["bash", "--posix"]].filter(
  ([name = ""]) => which(name) !== null,
);

let proc: Awaited<ReturnType<typeof tempDir>>;
const started: Subprocess[] = [];
beforeEach(async () => {
  proc = await tempDir();
});
afterEach(async () => {
  for (const child of started.splice(0)) endGroup(child.pid);
  await proc[Symbol.asyncDispose]();
});

/** Outside a container, what the script started outlives it where it is killed in the wrong moment. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Everything has ended.
  }
}

/** A process as /proc shows it. */
async function addProcess(pid: number | string, parent: number): Promise<void> {
  await mkdir(`${proc.path}/${pid}`);
  await writeFile(`${proc.path}/${pid}/status`, `Name:\tsocat\nUmask:\t0022\nPid:\t${pid}\nPPid:\t${parent}\nTracerPid:\t0\n`);
}

/** A hundred times as fast, in a /proc of the test's own. */
function run(shell: readonly string[], ttlS: number, ...command: readonly string[]) {
  const script = watchdogScript.replaceAll("/proc", proc.path).replace('sleep "$look"', 'sleep "0.0$look"');
  const child = spawn([...shell, "-c", script, "kt-jump", String(ttlS), ...command], { stdout: "pipe", stderr: "pipe", detached: true });
  started.push(child);
  return child;
}

for (const shell of shells) {
  describe(`the watchdog under ${shell.join(" ")}`, () => {
    test("ends when the pod is not used: its own children do not count", async () => {
      await addProcess(7, 1);
      await addProcess(70, 7);
      const child = run(shell, 1);
      expect(await child.exited).toBe(0);
      expect(await new Response(child.stderr).text()).toBe("");
    });

    test("stays while a connection is there, and ends after it", async () => {
      await addProcess(42, 0);
      const child = run(shell, 1);
      const alive = performance.now();
      let over = false;
      void child.exited.then(() => {
        over = true;
      });
      await eventually("more than its time to have passed", () => performance.now() - alive > 200);
      expect(over).toBe(false);
      await rm(`${proc.path}/42`, { recursive: true });
      expect(await child.exited).toBe(0);
    });

    test("does not mind a process that goes while it is looked at", async () => {
      await mkdir(`${proc.path}/9`);
      await mkdir(`${proc.path}/10/status`, { recursive: true });
      const child = run(shell, 1);
      expect(await child.exited).toBe(0);
      expect(await new Response(child.stderr).text()).toBe("");
    });

    test("ends at once when told, also in the middle of its wait", async () => {
      const child = run(shell, 3600, "sh", "-c", "echo up; exec sleep 3600");
      await child.stdout.getReader().read();
      const at = performance.now();
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
      expect(performance.now() - at).toBeLessThan(1000);
    });

    test("runs the command as it is written, and ends as it does", async () => {
      const child = run(shell, 3600, "sh", "-c", 'printf %s "$1"; exit 7', "x", "a b; $(id) 'c'");
      expect(await child.exited).toBe(7);
      expect(await new Response(child.stdout).text()).toBe("a b; $(id) 'c'");
    });

    test("takes the command with it", async () => {
      const child = run(shell, 1, "sleep", "1000");
      expect(await child.exited).toBe(0);
    });
  });
}

test("there is a shell to try it with", () => expect(shells.length).toBeGreaterThan(0));
