/** Which settings a binding has after edits, while uplinks learn of them. */

import { expect, test } from "bun:test";
import { Bindings } from "#edge/bindings.ts";
import { keyOf, tcpBinding } from "#test/support/edge-rig.ts";

const toA = tcpBinding("x", 5000, { target: keyOf("a") });
const toB = tcpBinding("x", 5000, { target: keyOf("b") });
const served =
  (...names: string[]) =>
  ({ target }: { readonly target: string }): boolean =>
    names.map(keyOf).includes(target);

function settled(bindings: Bindings, ...names: string[]): string[] {
  bindings.settle(served(...names));
  return bindings.current.map(({ hash }) => hash);
}

test("a new target waits for an uplink that serves it, and the former one is served meanwhile", () => {
  const bindings = new Bindings();
  bindings.want([toA]);
  expect(settled(bindings, "a")).toEqual([toA.hash]);
  bindings.want([toB]);
  expect(settled(bindings, "a")).toEqual([toA.hash]);
  expect(settled(bindings, "a", "b")).toEqual([toB.hash]);
  // It does not go back.
  expect(settled(bindings, "a")).toEqual([toB.hash]);
});

test("where neither is served, what is wanted waits", () => {
  const bindings = new Bindings();
  bindings.want([toA]);
  bindings.want([toB]);
  expect(settled(bindings)).toEqual([toB.hash]);
});

test("an edit that leads to the same target is in force at once", () => {
  const bindings = new Bindings();
  bindings.want([toA]);
  settled(bindings, "a");
  const edited = tcpBinding("x", 5000, { target: keyOf("a"), idleTimeoutMs: 1 });
  bindings.want([edited]);
  expect(settled(bindings, "a")).toEqual([edited.hash]);
});

test("a binding that has yet to leave a port does not keep it from the one that is wanted there", () => {
  const bindings = new Bindings();
  bindings.want([toA]);
  settled(bindings, "a");
  const moved = tcpBinding("x", 6000, { target: keyOf("b") });
  const taker = tcpBinding("y", 5000, { target: keyOf("a") });
  bindings.want([moved, taker]);
  expect(settled(bindings, "a")).toEqual([taker.hash, toA.hash]);
  expect(settled(bindings, "a", "b").toSorted()).toEqual([moved.hash, taker.hash].toSorted());
});

test("a binding that is not in the plan is gone", () => {
  const bindings = new Bindings();
  bindings.want([toA]);
  bindings.want([]);
  expect(settled(bindings, "a")).toEqual([]);
});
