/** A file that changes under its reader. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { spawnSync } from "bun";
import { removeLeft, SharedFile } from "#native/shared-file.ts";
import { tempDir } from "#test/support/temp-dir.ts";

let directory: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => (directory = await tempDir()));
afterEach(async () => await directory[Symbol.asyncDispose]());

test("who has it open reads each new text, longer or shorter, also when it has no name any more", () => {
  const file = new SharedFile(`${directory.path}/hosts`, Buffer.from("first\n"));
  const reader = openSync(file.path, "r");
  file.unlink();
  const read = (): string => {
    const bytes = Buffer.alloc(100);
    return bytes.toString("utf8", 0, readSync(reader, bytes, 0, bytes.length, 0));
  };
  for (const text of ["first\n", "second and longer\n", "3\n", ""]) {
    file.write(Buffer.from(text));
    expect(read()).toBe(text);
  }
  file.close();
  expect(existsSync(file.path)).toBe(false);
});

test("whatever the umask is, others may read it", () => {
  const umask = process.umask(0o077);
  const file = new SharedFile(`${directory.path}/hosts`, Buffer.from("x"));
  process.umask(umask);
  expect(spawnSync(["stat", "-c", "%a", file.path]).stdout.toString()).toBe("644\n");
  file.close();
});

test("files of processes that were killed are removed, and no others", () => {
  const dead = spawnSync(["true"]).pid;
  const names = [`command.${dead}.hosts`, `command.${process.pid}.hosts`, `other.${dead}.hosts`, "command.x.hosts"];
  for (const name of names) writeFileSync(`${directory.path}/${name}`, name);
  removeLeft(directory.path, "command");
  expect(names.map((name) => existsSync(`${directory.path}/${name}`))).toEqual([false, true, true, true]);
  expect(readFileSync(`${directory.path}/other.${dead}.hosts`, "utf8")).toBe(`other.${dead}.hosts`);
});
