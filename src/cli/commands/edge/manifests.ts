/** `kt edge manifests`: the kinds EdgeNode and PortBinding, for kubectl apply. */

import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { printManifests } from "#cli/manifests/printed-manifests.ts";
import { edgeCrds } from "#expose/resources/crds.ts";

export async function edgeManifests({ options, output }: CommandContext): Promise<number> {
  printManifests(edgeCrds(), options, output);
  return exitCodes.done;
}
