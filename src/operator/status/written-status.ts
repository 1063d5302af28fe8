/** A status as a merge patch: only what differs from the one that is there, and times that change with what they are about. Pure. */

import { deepEquals } from "bun";
import type { Condition } from "#expose/conditions.ts";
import { isRecord } from "#expose/schema/problem.ts";

type Status = Readonly<Record<string, unknown>>;

/** Undefined where there is nothing to write. What is undefined in `wanted` is removed. */
export function statusPatch(before: Status, wanted: Status): Status | undefined {
  const changed = Object.entries(wanted).filter(([field, value]) => !deepEquals(before[field] ?? undefined, value));
  if (changed.length === 0) return undefined;
  return Object.fromEntries(changed.map(([field, value]) => [field, value ?? null]));
}

/** As `metav1.Condition`: those of other types are kept, and a condition whose status is as before keeps its time. */
export function datedConditions(before: unknown, conditions: readonly Condition[], generation: number, now: string): object[] {
  const all: readonly unknown[] = Array.isArray(before) ? before : [];
  const previous = all.filter(isRecord);
  const types = new Set(conditions.map(({ type }) => type));
  const dated = conditions.map((condition) => {
    const same = previous.find(({ type, status }) => type === condition.type && status === condition.status);
    const since = same?.["lastTransitionTime"];
    return { ...condition, lastTransitionTime: typeof since === "string" ? since : now, observedGeneration: generation };
  });
  return [...previous.filter(({ type }) => typeof type !== "string" || !types.has(type)), ...dated];
}
