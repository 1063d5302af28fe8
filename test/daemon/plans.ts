/** Plans for tests, loaded from profile texts as the real ones are. */

import { type LoadedPlan, loadPlan } from "#profile/load.ts";
import type { ForwardsState } from "#daemon/plans/opened-forwards.ts";
import type { Plan } from "#profile/values/plan.ts";

/** `file` is an absolute path that need not exist. */
export function loadText(file: string, text: string): Promise<LoadedPlan> {
  const readText = async (path: string): Promise<string | undefined> => (path === file ? text : undefined);
  return loadPlan({ file, environment: {}, home: "/home/me", readText });
}

export async function planOf(file: string, text: string): Promise<Plan> {
  return (await loadText(file, text)).plan;
}

/** What is known of the [[forward]]s of a profile without any. */
export const noForwards: ForwardsState = {
  discovered: { namespaces: [], problems: [] },
  all: { forwarded: [], names: [], clashes: [] },
  unopened: [],
};
