/** Tests when things are read one by one and when the whole collection is, and what becomes of names that it has not. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { Together } from "#kube/follow/together.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";

const never = new AbortController().signal;

/** Three at once, a list for four more; every answer comes when the test says so. */
function rig(names: readonly string[]) {
  const clock = new ManualClock();
  const ones: { readonly name: string; readonly answer: PromiseWithResolvers<string> }[] = [];
  const lists: PromiseWithResolvers<ReadonlyMap<string, string>>[] = [];
  const together = new Together<string>({
    one: (name) => {
      const answer = Promise.withResolvers<string>();
      ones.push({ name, answer });
      return answer.promise;
    },
    all: () => {
      const answer = Promise.withResolvers<ReadonlyMap<string, string>>();
      lists.push(answer);
      return answer.promise;
    },
    atOnce: 3,
    worthAll: 4,
    freshMs: 1000,
    clock,
  });
  const collection = new Map(names.map((name) => [name, `listed ${name}`]));
  const read = (...wanted: string[]): Promise<string>[] => wanted.map((name) => together.read(name, never));
  return { clock, together, ones, lists, collection, read, asked: () => ones.map(({ name }) => name) };
}

describe("things that are read together", () => {
  test("are read one by one while few are wanted", async () => {
    const { ones, lists, read, asked } = rig([]);
    const answers = read("a", "b", "c", "d", "e");
    expect(asked()).toEqual(["a", "b", "c"]);
    ones[1]?.answer.resolve("b");
    await settle();
    expect(asked()).toEqual(["a", "b", "c", "d"]);
    for (const { answer } of ones) answer.resolve("x");
    await settle();
    for (const { answer } of ones) answer.resolve("x");
    expect(await Promise.all(answers)).toEqual(["x", "b", "x", "x", "x"]);
    expect(lists).toEqual([]);
  });

  test("are listed once when many wait, for all of these and for those that come soon after", async () => {
    const { clock, ones, lists, collection, read } = rig(["d", "e", "f", "g", "h"]);
    const answers = read("a", "b", "c", "d", "e", "f", "g");
    expect([ones.length, lists.length]).toEqual([3, 1]);
    lists[0]?.resolve(collection);
    expect(await Promise.all(answers.slice(3))).toEqual(["listed d", "listed e", "listed f", "listed g"]);
    expect(await Promise.all(read("h"))).toEqual(["listed h"]);
    for (const { answer } of ones) answer.resolve("x");
    await settle();
    await clock.advance(1000);
    read("h");
    expect([ones.length, lists.length]).toEqual([4, 1]);
  });

  test("that the list has not are asked for by themselves, however many, and never listed again for it", async () => {
    const { ones, lists, collection, read } = rig([]);
    const answers = read(..."abcdefghijkl").map((answer) => answer.catch((error: unknown) => error));
    lists[0]?.resolve(collection);
    for (let at = 0; at < 12; at++) {
      await settle();
      ones[at]?.answer.reject(`no ${ones[at]?.name}`);
    }
    expect(await Promise.all(answers)).toEqual([..."abcdefghijkl"].map((name) => `no ${name}`));
    expect([ones.length, lists.length]).toEqual([12, 1]);
  });

  test("are read one by one for good where they may not be listed, and fail where the list fails", async () => {
    const { ones, lists, read } = rig([]);
    const failed = read(..."abcdefgh").map((answer) => answer.catch((error: KtError) => error.message));
    lists[0]?.reject(new KtError("cluster-unreachable", "away"));
    expect(await Promise.all(failed.slice(3))).toEqual(["away", "away", "away", "away", "away"]);
    const forbidden = read(..."ijkl");
    expect(lists.length).toBe(2);
    lists[1]?.reject(new KtError("forbidden", "no list for you"));
    for (let at = 0; at < 7; at++) {
      await settle();
      ones[at]?.answer.resolve("x");
    }
    expect(await Promise.all(forbidden)).toEqual(["x", "x", "x", "x"]);
    read(..."mnopqrstuv");
    expect(lists.length).toBe(2);
  });

  test("whose reader has left are not asked for", async () => {
    const { ones, read, together, asked } = rig([]);
    const left = new AbortController();
    const before = read("a", "b", "c");
    const given = together.read("d", left.signal).catch((error: unknown) => error);
    left.abort("left");
    for (const { answer } of ones) answer.resolve("x");
    await Promise.all(before);
    expect([await given, asked()]).toEqual(["left", ["a", "b", "c"]]);
  });
});
