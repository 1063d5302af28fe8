/** `kt edge manifests`: the kinds EdgeNode and PortBinding, and with an image the operator that serves them, for kubectl apply. */

import { KtError } from "#base/errors.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { operatorManifests } from "#cli/manifests/operator-manifests.ts";
import { printManifests } from "#cli/manifests/printed-manifests.ts";
import { edgeCrds } from "#expose/resources/crds.ts";
import { isImage } from "#profile/values/image.ts";

export async function edgeManifests({ options, output }: CommandContext): Promise<number> {
  const image = options.text("image");
  printManifests([...edgeCrds(), ...(image === undefined ? [] : operatorOf(image, options))], options, output);
  return exitCodes.done;
}

function operatorOf(image: string, options: Options): ReturnType<typeof operatorManifests> {
  const hints = ["kt edge manifests --image registry.example.com/kt:0.1.0 -n kt-operator"];
  if (!isImage(image)) throw new KtError("usage", `"${image}" is not a name of an image`, { hints });
  const name = options.text("name") ?? "kt-operator";
  const namespace = options.text("namespace") ?? "kt-operator";
  for (const each of [name, namespace]) {
    if (!/^[a-z]([-a-z0-9]{0,51}[a-z0-9])?$/.test(each))
      throw new KtError("usage", `"${each}" cannot name an object: small letters, digits and hyphens, a letter first`, { hints });
  }
  const replicas = options.text("replicas") ?? "1";
  if (!/^[1-9]\d?$/.test(replicas)) throw new KtError("usage", `--replicas "${replicas}" is not a number from 1 to 99`, { hints });
  return operatorManifests({ name, namespace, image, replicas: Number(replicas) });
}
