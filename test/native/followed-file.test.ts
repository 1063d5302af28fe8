/** Files that others replace: in the volume of a ConfigMap, and with content that cannot be used. */

import { expect, test } from "bun:test";
import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { FollowedFile } from "#native/followed-file.ts";
import { MountedFile } from "#test/support/mounted-file.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually, within } from "#test/support/wait.ts";

function follow(path: string) {
  const seen: string[] = [];
  const logged: string[] = [];
  const followed = new FollowedFile({
    path,
    mostBytes: 64,
    parse(text) {
      if (text.startsWith("bad")) throw new KtError("protocol", `${text} cannot be read`);
      return { text };
    },
    onContent: ({ text }) => void seen.push(text),
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
