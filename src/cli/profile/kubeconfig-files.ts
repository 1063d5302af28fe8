/** The kubeconfig of a command that works as kubectl does, without a profile. */

import { absolutePath, shellEnvironment } from "./profile-file.ts";
import { surroundings } from "#control/socket-path.ts";
import { defaultKubeconfig } from "#profile/load.ts";

/** The file that `--kubeconfig` names, else kubectl's own. Empty in a pod without either: then its service account counts. */
export async function kubeconfigFiles(given: string | undefined): Promise<readonly string[]> {
  if (given !== undefined) return [absolutePath(given)];
  return await defaultKubeconfig({ environment: shellEnvironment(), home: surroundings().home, directory: process.cwd() });
}
