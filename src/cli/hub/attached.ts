/** Whether a profile is attached to the hub that runs, if one does. */

import { surroundings } from "#control/socket-path.ts";
import { findSnapshot } from "#daemon/process/find-hub.ts";
import type { Plan } from "#profile/values/plan.ts";

export async function isAttached({ profile }: Plan): Promise<boolean> {
  const snapshot = await findSnapshot(surroundings()).catch(() => undefined);
  return snapshot?.profiles.some((each) => each.profile === profile) === true;
}
