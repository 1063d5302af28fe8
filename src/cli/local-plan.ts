/** Loads a profile in this process, for commands that need no hub. */

import { type LoadedPlan, loadPlan } from "#profile/load.ts";
import { surroundings } from "#control/socket-path.ts";
import { shellEnvironment } from "./profile-file.ts";

export function loadHere(file: string): Promise<LoadedPlan> {
  return loadPlan({ file, environment: shellEnvironment(), home: surroundings().home });
}
