/** Tests that so many run at once, that the others have their turn in order, and that who leaves the line is not waited for. */

import { expect, test } from "bun:test";
import { Semaphore } from "#base/semaphore.ts";
import { settle } from "#test/support/manual-clock.ts";

const never = new AbortController().signal;

test("two places, five tasks, one of which gives up and one of which fails", async () => {
  const gate = new Semaphore(2);
  const log: string[] = [];
  const tasks = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const giveUp = new AbortController();
  const results = tasks.map((task, at) =>
    gate.run(at === 2 ? giveUp.signal : never, async () => {
      log.push(`begin ${at}`);
      await task.promise;
    }),
  );
  const settled = Promise.allSettled(results);
  await settle();
  expect(log).toEqual(["begin 0", "begin 1"]);
  giveUp.abort("enough");
  tasks[1]?.reject("broken");
  await settle();
  expect(log).toEqual(["begin 0", "begin 1", "begin 3"]);
  for (const task of tasks) task.resolve();
  expect((await settled).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled", "fulfilled"]);
  await expect(gate.run(AbortSignal.abort("late"), async () => {})).rejects.toBe("late");
  // Every place is free again.
  const busy = Promise.withResolvers<void>();
  let running = 0;
  const again = [1, 2].map(() =>
    gate.run(never, () => {
      running += 1;
      return busy.promise;
    }),
  );
  await settle();
  expect(running).toBe(2);
  busy.resolve();
  await Promise.all(again);
});
