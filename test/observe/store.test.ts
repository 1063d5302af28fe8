/** What readers put together from the changes that they get is what the writer has put, however they read; memory is bounded. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { type StatusReader, StatusStore } from "#observe/store.ts";

const equal = (one: number, other: number): boolean => one === other;

/** A reader and what it knows. */
class Mirror {
  readonly #reader: StatusReader<number>;
  readonly values = new Map<number, number>();
  begins = 0;

  constructor(store: StatusStore<number>) {
    this.#reader = store.reader();
  }

  /** False where there was nothing to read. */
  read(limit: number): boolean {
    const changes = this.#reader.next(limit);
    if (changes?.isAnew) {
      this.values.clear();
      this.begins += 1;
    }
    for (const { id, value } of changes?.changes ?? []) {
      if (value === undefined) this.values.delete(id);
      else this.values.set(id, value);
    }
    return changes !== undefined && !changes.isComplete;
  }

  sorted(): number[] {
    return [...this.values.values()].sort((one, other) => one - other);
  }
}

const key = fc.integer({ min: 0, max: 11 });
const step = fc.oneof(
  fc.record({ do: fc.constant("put" as const), key, value: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ do: fc.constant("remove" as const), key }),
  fc.record({ do: fc.constant("read" as const), who: fc.integer({ min: 0, max: 2 }), limit: fc.integer({ min: 1, max: 5 }) }),
);

test("any readers at any pace end up with what is true", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 0, max: 4 }), (steps, kept) => {
      const store = new StatusStore(equal, kept);
      const readers = [new Mirror(store), new Mirror(store), new Mirror(store)];
      const truth = new Map<number, number>();
      for (const each of steps) {
        if (each.do === "read") readers[each.who]?.read(each.limit);
        else if (each.do === "remove") {
          truth.delete(each.key);
          store.remove(String(each.key));
        } else {
          // Values of two keys differ, so that they cannot stand for one another.
          truth.set(each.key, each.key * 10 + each.value);
          store.put(String(each.key), each.key * 10 + each.value);
        }
      }
      const wanted = [...truth.values()].sort((one, other) => one - other);
      for (const reader of readers) {
        for (let turns = 0; reader.read(2); turns++) expect(turns).toBeLessThan(100);
        expect(reader.sorted()).toEqual(wanted);
      }
    }),
    { numRuns: 500 },
  );
});

test("a reader that is up to date gets what changed and nothing else", () => {
  const store = new StatusStore(equal);
  for (let index = 0; index < 1000; index++) store.put(`r${index}`, index);
  const reader = store.reader();
  expect(reader.next(1000)).toMatchObject({ isAnew: true, isComplete: true });
  expect(reader.next(1000)).toBeUndefined();
  store.put("r7", 7);
  expect(reader.next(1000)).toBeUndefined();
  store.put("r7", 70);
  store.remove("r9");
  store.remove("nothing");
  expect(reader.next(1000)).toEqual({
    isAnew: false,
    changes: [
      { id: 8, value: 70 },
      { id: 10, value: undefined },
    ],
    isComplete: true,
  });
});

test("of many changes to one entry a slow reader gets the last", () => {
  const store = new StatusStore(equal);
  const reader = store.reader();
  for (let index = 0; index < 1000; index++) store.put("r", index);
  expect(reader.next(10)?.changes).toEqual([{ id: 1, value: 999 }]);
});

test("removals are kept up to the limit, and who missed one begins anew", () => {
  const store = new StatusStore(equal, 2);
  for (let index = 0; index < 4; index++) store.put(`r${index}`, index);
  const [quick, slow] = [new Mirror(store), new Mirror(store)];
  quick.read(10);
  slow.read(10);
  for (let index = 0; index < 2; index++) store.remove(`r${index}`);
  quick.read(10);
  expect([quick.sorted(), quick.begins]).toEqual([[2, 3], 1]);
  store.remove("r2");
  quick.read(10);
  slow.read(10);
  expect([quick.sorted(), quick.begins]).toEqual([[3], 1]);
  expect([slow.sorted(), slow.begins]).toEqual([[3], 2]);
});

test("names that come and go leave nothing behind", () => {
  const store = new StatusStore(equal, 8);
  for (let index = 0; index < 10_000; index++) {
    store.put(`r${index}`, index);
    store.remove(`r${index}`);
  }
  expect(store.after(0, 100_000).length).toBe(8);
});
