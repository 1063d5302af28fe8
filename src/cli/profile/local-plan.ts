/** Loads a profile in this process, for commands that need no hub. */

import { file as openFile } from "bun";
import { type LoadedPlan, type LoadOptions, loadPlan } from "#profile/load.ts";
import { surroundings } from "#control/socket-path.ts";
import { loadAllowed } from "#daemon/plans/consent.ts";
import { shellEnvironment } from "./profile-file.ts";

export function loadOptions(file: string): LoadOptions {
  return { file, environment: shellEnvironment(), home: surroundings().home };
}

export function loadHere(file: string): Promise<LoadedPlan> {
  return loadPlan(loadOptions(file));
}

/** The same, where nothing in it needs consent or it has that. Throws NotAllowedError besides. */
export function loadAllowedHere(file: string): Promise<LoadedPlan> {
  return loadAllowed(loadOptions(file));
}

/** Where there is no such file yet: what an empty one would mean, which tells the kubeconfig that counts. */
export async function loadOrEmpty(file: string): Promise<LoadOptions> {
  if (await openFile(file).exists()) return loadOptions(file);
  return { ...loadOptions(file), readText: async (asked) => (asked === file ? "" : undefined) };
}
