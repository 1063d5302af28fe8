/** File watching: written in place, replaced by rename, removed and made again, with and without the system's events. */

import { expect, test } from "bun:test";
import { rename, rm, writeFile } from "node:fs/promises";
import { write } from "bun";
import { type Clock, systemClock } from "#base/clock.ts";
import { FileWatch } from "#native/file-watch.ts";
import { tempDir } from "#test/support/temp-dir.ts";

/** The next report of a change. */
function watched(files: readonly string[], clock: Clock = systemClock) {
  let next = Promise.withResolvers<readonly string[]>();
  const watch = new FileWatch(files, clock, (changed) => {
    next.resolve(changed);
    next = Promise.withResolvers();
  });
  return {
    watch,
    change: () => next.promise,
    [Symbol.dispose]: () => watch.close(),
  };
}

test("in place, by rename, removed, made again", async () => {
  await using directory = await tempDir();
  const file = `${directory.path}/tunnels.toml`;
  await writeFile(file, "a");
  using it = watched([file, `${directory.path}/other`]);
  await it.watch.ready;
  const ways = [
    () => writeFile(file, "changed"),
    async () => {
      await writeFile(`${file}.tmp`, "renamed");
      await rename(`${file}.tmp`, file);
    },
    () => rm(file),
    () => writeFile(file, "again"),
  ];
  for (const change of ways) {
    const heard = it.change();
    await change();
    expect(await heard).toEqual([file]);
  }
});

test("a file in a folder that does not exist yet is found by looking", async () => {
  await using directory = await tempDir();
  const file = `${directory.path}/later/tunnels.toml`;
  const timers: (() => void)[] = [];
  const scheduled: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    after(_delay, callback) {
      timers.push(callback);
      scheduled.shift()?.();
      return () => {};
    },
  };
  const first = new Promise<void>((resolve) => scheduled.push(resolve));
  using it = watched([file], clock);
  await first;
  await write(file, "there");
  const heard = it.change();
  timers.shift()?.();
  expect(await heard).toEqual([file]);
});
