/** The profile that a command is about: the one of this folder, or one of kt's own for the namespaces that are asked for. */

import { KtError } from "#base/errors.ts";
import type { CommandContext } from "#cli/command.ts";
import { profileFile } from "#cli/profile/profile-file.ts";

export interface AskedProfile {
  /** Absolute path. */
  readonly file: string;
  /** It serves namespaces, and stands in no project. */
  readonly isAdHoc: boolean;
}

export async function askedProfile({ options, output }: CommandContext): Promise<AskedProfile> {
  const [namespaces, kubeContext] = [options.texts("namespace"), options.text("context")];
  if (namespaces.length === 0 && kubeContext === undefined) return { file: await profileFile(options), isAdHoc: false };
  if (options.text("file") !== undefined)
    throw new KtError("usage", "-n and --context are for namespaces without a profile, and -f names one", { hints: ["kt up --help"] });
  // It asks the cluster, which takes much that no other command of this needs.
  const { writeAdHocProfile } = await import("./ad-hoc.ts");
  return { file: await writeAdHocProfile({ namespaces, context: kubeContext, output }), isAdHoc: true };
}
