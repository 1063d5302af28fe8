/** Files that others replace: in the volume of a ConfigMap, and with content that cannot be used. */

import { expect, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { FollowedFile } from "#native/followed-file.ts";
import { MountedFile } from "#test/support/mounted-file.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually, within } from "#test/support/wait.ts";

function follow(path: string, use: (text: string) => void = () => {}) {
  const seen: string[] = [];
  const logged: string[] = [];
  const followed = new FollowedFile({
    path,
    mostBytes: 64,
    parse(text) {
      if (text.startsWith("bad")) throw new KtError("protocol", `${text} cannot be read`);
      return { text };
    },
    onContent: ({ text }) => {
      use(text);
      seen.push(text);
    },
    clock: systemClock,
    log: (_, event, fields) => void logged.push(`${event}: ${fields?.["text"]}`),
  });
  return { followed, seen, logged };
}

test("a file in the volume of a ConfigMap is read again when the kubelet replaces the folder behind it", async () => {
  await using directory = await tempDir();
  const mounted = new MountedFile(directory.path, "a.json");
  await mounted.write("one");
  const { followed, seen, logged } = follow(mounted.path);
  await within(10_000, "the first look", followed.ready);
  expect(seen).toEqual(["one"]);
  await mounted.write("two");
  await eventually("the second content", () => seen.length === 2);
  expect([seen, logged, followed.problem]).toEqual([["one", "two"], [], ""]);
  followed.close();
});

test("what cannot be used leaves the former content in force and is said once, and the former one ends that", async () => {
  await using directory = await tempDir();
  const mounted = new MountedFile(directory.path, "a.json");
  await mounted.write("one");
  const { followed, seen, logged } = follow(mounted.path);
  await followed.ready;
  await mounted.write("bad 1");
  await eventually("the problem", () => followed.problem !== "");
  expect(followed.problem).toBe("bad 1 cannot be read");
  await mounted.write("x".repeat(65));
  await eventually("the next problem", () => followed.problem.includes("larger"));
  await mounted.write("one");
  await eventually("the end of the problem", () => followed.problem === "");
  expect([seen, logged.length]).toEqual([["one"], 2]);
  followed.close();
});

test("a file that is not there yet is read when it comes", async () => {
  await using directory = await tempDir();
  const mounted = new MountedFile(directory.path, "a.json");
  const { followed, seen } = follow(mounted.path);
  await followed.ready;
  expect([seen, followed.problem]).toEqual([[], expect.stringContaining("ENOENT")]);
  await mounted.write("one");
  await eventually("the content", () => seen.length === 1);
  followed.close();
});

test("content that could not be used for a passing reason is used without a further change", async () => {
  await using directory = await tempDir();
  const path = `${directory.path}/a.json`;
  writeFileSync(path, "one");
  let failures = 1;
  const { followed, seen } = follow(path, () => {
    failures -= 1;
    if (failures >= 0) throw new Error("EMFILE: too many open files");
  });
  await followed.ready;
  expect([seen, followed.problem]).toEqual([[], "EMFILE: too many open files"]);
  await eventually("the content", () => seen.length === 1);
  expect([seen, followed.problem]).toEqual([["one"], ""]);
  followed.close();
});

test("the last of thousands of renames is in force, also after more than the system reports and in a folder that replaced the first", async () => {
  await using directory = await tempDir();
  const folder = `${directory.path}/edge`;
  const path = `${folder}/plan.json`;
  const put = (text: string): void => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  await mkdir(folder);
  put("first");
  const { followed, seen } = follow(path);
  await followed.ready;
  // Each is four events or more, and the kernel keeps 16,384.
  for (let round = 1; round <= 6000; round++) put(`${round}`);
  await eventually("the last of the flood", () => seen.at(-1) === "6000");
  for (let round = 1; round <= 200; round++) {
    put(`slow ${round}`);
    await Promise.resolve();
    if (round % 50 === 0) await eventually(`slow ${round}`, () => seen.at(-1) === `slow ${round}`, 10_000, 1);
  }
  await rename(folder, `${folder}.former`);
  await mkdir(folder);
  put("another folder");
  await eventually("that of the new folder", () => seen.at(-1) === "another folder");
  put("and again");
  await eventually("its successor", () => seen.at(-1) === "and again");
  followed.close();
});
