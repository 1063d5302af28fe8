/** The lock has one holder at a time, and none once its holder is dead. */

import { expect, test } from "bun:test";
import { spawn } from "bun";
import { takeLock } from "#daemon/process/lock.ts";
import { tempDir } from "#test/support/temp-dir.ts";

test("one at a time in one process, and again after release", async () => {
  await using directory = await tempDir();
  const first = await takeLock(directory.path);
  expect(first).toBeDefined();
  expect(await takeLock(directory.path)).toBeUndefined();
  await first?.release();
  const second = await takeLock(directory.path);
  expect(second).toBeDefined();
  await second?.release();
});

test("a killed holder holds nothing", async () => {
  await using directory = await tempDir();
  const script = `const { takeLock } = await import("#daemon/process/lock.ts");
    // Referenced for as long as the process lives: a lock that can no longer be released may be collected.
    globalThis.lock = await takeLock(process.argv.at(-1));
    process.stdout.write(globalThis.lock ? "held" : "busy");
    setInterval(() => {}, 1000);`;
  const holder = spawn([process.execPath, "-e", script, directory.path], { cwd: `${import.meta.dir}/../..`, stdout: "pipe" });
  const reader = holder.stdout.getReader();
  const { value } = await reader.read();
  expect(new TextDecoder().decode(value)).toBe("held");
  expect(await takeLock(directory.path)).toBeUndefined();
  holder.kill("SIGKILL");
  await holder.exited;
  const lock = await takeLock(directory.path);
  expect(lock).toBeDefined();
  await lock?.release();
});

test("of several at once, one gets it", async () => {
  await using directory = await tempDir();
  const locks = await Promise.all(Array.from({ length: 5 }, () => takeLock(directory.path)));
  const held = locks.filter((lock) => lock !== undefined);
  expect(held).toHaveLength(1);
  await held[0]?.release();
});
