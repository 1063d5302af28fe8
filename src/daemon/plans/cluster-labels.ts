/** Short names of clusters, for the ends of hostnames. Pure. */

import { isLabel } from "#route/pod-source-text.ts";

/**
 * Of the contexts after the first one, which needs none: the profile's own short name, else the context itself, else what of it can stand
 * in a hostname. No two are the same.
 */
export function clusterLabels(contexts: readonly string[], short: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  const [first, ...others] = new Set(contexts);
  for (const context of others) {
    const own = Object.keys(short).find((name) => short[name] === context);
    const label = own ?? labelIn(context);
    const taken = new Set(labels.values());
    let number = 1;
    const numbered = (): string => (number === 1 ? label : `${label}-${number}`);
    while (taken.has(numbered())) number++;
    if (context !== first) labels.set(context, numbered());
  }
  return labels;
}

/** The end of an ARN says the most. */
function labelIn(context: string): string {
  const plain = context
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  const label = plain.slice(-40).replace(/^-+/, "");
  return isLabel(label) ? label : "cluster";
}
