/** The cluster that --kubeconfig and --context name, else that of kubectl or of the pod. */

import { systemClock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Options } from "#cli/command.ts";
import { kubeconfigFiles } from "#cli/profile/kubeconfig-files.ts";
import { shellEnvironment } from "#cli/profile/profile-file.ts";
import type { RunOptions } from "#operator/run-operator.ts";

export async function clusterSource(options: Options, log: Log): Promise<RunOptions["source"]> {
  const kubeconfig = await kubeconfigFiles(options.text("kubeconfig"));
  return { kubeconfig, context: options.text("context"), environment: shellEnvironment(), clock: systemClock, log };
}
