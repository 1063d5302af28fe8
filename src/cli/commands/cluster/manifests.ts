/** `kt manifests`: the objects that run kt in a cluster with this profile, for kubectl apply. */

import { file as openFile } from "bun";
import { KtError } from "#base/errors.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { loadOptions } from "#cli/profile/local-plan.ts";
import { manifestsOf } from "#cli/manifests/manifests.ts";
import { printManifests } from "#cli/manifests/printed-manifests.ts";
import { profileFile } from "#cli/profile/profile-file.ts";
import { loadPlan } from "#profile/load.ts";
import type { Plan } from "#profile/values/plan.ts";

export async function manifests({ options, output, build }: CommandContext): Promise<number> {
  const file = await profileFile(options);
  const text = await openFile(file).text();
  const plan = await loadAlone(file, text);
  const image = options.text("image") ?? plan.relay.image;
  if (image === undefined) {
    throw new KtError("usage", "which image holds kt is not said", { hints: [`--image registry.example.com/kt:${build.version}`] });
  }
  const objects = manifestsOf({
    plan,
    text,
    name: nameOf(options),
    namespace: options.text("namespace") ?? plan.namespace ?? "default",
    image,
    replicas: replicasOf(options),
    metricsPort: metricsPortOf(options),
  });
  printManifests(objects, options, output);
  return exitCodes.done;
}

/** Without what lies over it for one person. What it is laid over itself would not be there in a pod. */
async function loadAlone(file: string, text: string): Promise<Plan> {
  const others: string[] = [];
  const readText = async (path: string): Promise<string | undefined> => {
    if (path === file) return text;
    if (!path.endsWith(".local.toml")) others.push(path);
    return undefined;
  };
  try {
    return (await loadPlan({ ...loadOptions(file), readText, isInside: true })).plan;
  } catch (error) {
    if (others[0] === undefined) throw error;
    const hints = ["say all of it in one file; shipped profiles, as kt:argocd, may stay"];
    throw new KtError("usage", `the profile is laid over "${others[0]}", which a pod would not have`, { hints });
  }
}

/** Objects of Kubernetes are named by DNS labels (RFC 1123). */
function nameOf(options: Options): string {
  const name = options.text("name") ?? "kt";
  if (/^[a-z]([-a-z0-9]{0,51}[a-z0-9])?$/.test(name)) return name;
  throw new KtError("usage", `--name "${name}" cannot name an object: small letters, digits and hyphens, a letter first`);
}

function metricsPortOf(options: Options): number | undefined {
  const text = options.text("metrics");
  if (text === undefined) return undefined;
  if (/^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536) return Number(text);
  throw new KtError("usage", `--metrics "${text}" is not a port`, { hints: ["--metrics 9464"] });
}

function replicasOf(options: Options): number {
  const text = options.text("replicas") ?? "2";
  const replicas = Number(text);
  if (/^\d{1,3}$/.test(text) && replicas > 0) return replicas;
  throw new KtError("usage", `--replicas "${text}" is not a number from 1 to 999`);
}
