/** The labels of metrics: names that people gave, made harmless, and one word for each profile. Pure. */

import { printable } from "#base/printable.ts";
import type { MetricLabels } from "#wire/openmetrics.ts";

export type Label = MetricLabels[number];

export function label(name: string, value: string): Label {
  return [name, printable(value)];
}

/** By their files: the name, or where two have the same name, the path. */
export function profileLabels(profiles: readonly { readonly profile: string; readonly name: string }[]): ReadonlyMap<string, Label> {
  const alike = Map.groupBy(profiles, ({ name }) => name);
  return new Map(
    profiles.map(({ profile, name }) => [profile, label("profile", (alike.get(name)?.length ?? 0) > 1 ? profile : name)] as const),
  );
}
