/** Which profile `kt url` and `kt open` are about: this folder's, or one of the namespace of a target where there is none. */

import { KtError } from "#base/errors.ts";
import type { Plan } from "#profile/values/plan.ts";
import { looksLikeTarget, parseTarget } from "#route/target-text.ts";
import type { Options } from "#cli/command.ts";
import { loadHere } from "#cli/profile/local-plan.ts";
import { profileFile } from "#cli/profile/profile-file.ts";

export interface AskedRoute {
  readonly plan: Plan;
  readonly isTarget: boolean;
  /** Made for this question: it was not attached on purpose. */
  readonly isAdHoc: boolean;
}

export async function findAsked(route: string, options: Options): Promise<AskedRoute> {
  const isTarget = looksLikeTarget(route);
  try {
    return { plan: (await loadHere(await profileFile(options))).plan, isTarget, isAdHoc: false };
  } catch (error) {
    if (!isTarget || !(error instanceof KtError) || error.code !== "profile-not-found" || options.text("file") !== undefined) throw error;
    const { namespace } = parseTarget(route);
    const { writeAdHocProfile } = await import("./ad-hoc.ts");
    return {
      plan: (await loadHere(await writeAdHocProfile({ namespaces: namespace === undefined ? [] : [namespace], context: undefined }))).plan,
      isTarget,
      isAdHoc: true,
    };
  }
}
