/** The cluster that --kubeconfig and --context name, else that of kubectl or of the pod. */

import { systemClock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Options } from "#cli/command.ts";
import { absolutePath, shellEnvironment } from "#cli/profile/profile-file.ts";
import { surroundings } from "#control/socket-path.ts";
import type { RunOptions } from "#operator/run-operator.ts";
import { defaultKubeconfig } from "#profile/load.ts";

export async function clusterSource(options: Options, log: Log): Promise<RunOptions["source"]> {
  const environment = shellEnvironment();
  const given = options.text("kubeconfig");
  const kubeconfig =
    given === undefined
      ? await defaultKubeconfig({ environment, home: surroundings().home, directory: process.cwd() })
      : [absolutePath(given)];
  return { kubeconfig, context: options.text("context"), environment, clock: systemClock, log };
}
