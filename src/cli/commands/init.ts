/** `kt init`: writes a commented tunnels.toml for the kubeconfig's current context, with the shipped profiles that fit its cluster. */

import { file } from "bun";
import { KtError, toKtError } from "#base/errors.ts";
import { limits } from "#base/limits.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { type FittingProfile, findFitting } from "#cli/fitting-profiles.ts";
import { loadOrEmpty } from "#cli/local-plan.ts";
import type { Output } from "#cli/output.ts";
import { absolutePath, namedFile, shellEnvironment } from "#cli/profile-file.ts";
import { canAsk, converse } from "#cli/prompts.ts";
import { type Catalogue, catalogueOf } from "#daemon/catalogue.ts";
import { profileFileName } from "#profile/find.ts";
import { loadPlan } from "#profile/load.ts";
import { profileTemplate } from "#profile/template.ts";
import { replaceFile } from "#profile/write.ts";

export async function init({ options, output }: CommandContext): Promise<number> {
  const path = await newFile(options);
  await refuseExisting(path);
  const catalogue = await currentCatalogue(path, output);
  const fitting = catalogue ? await findFitting(catalogue, shellEnvironment()) : [];
  // The question is drawn by itself.
  await output.flush();
  const taken = await choose(fitting, options.flag("yes"));
  if (taken === undefined) return exitCodes.interrupted;
  const left = fitting.filter((profile) => !taken.includes(profile)).map(({ name }) => name);
  const { context, namespace } = catalogue ?? {};
  await replaceFile(path, async () => {
    // It may have come while the question was open.
    await refuseExisting(path);
    return profileTemplate({ context, namespace, extends: taken.map(({ name }) => name), fitting: left });
  });
  output.note(`wrote ${path}${context === undefined ? "" : ` for context "${context}"`}`);
  for (const { name, locals } of taken) output.note(`  with ${name}: ${locals.join(", ")}`);
  if (left.length > 0) output.advice([`extends in the file names what fits this cluster, commented out: ${left.join(", ")}`]);
  output.advice(["kt up"]);
  return exitCodes.done;
}

async function newFile(options: Options): Promise<string> {
  const given = options.text("file");
  return given === undefined ? absolutePath(profileFileName) : await namedFile(given);
}

async function refuseExisting(path: string): Promise<void> {
  if (await file(path).exists()) throw new KtError("profile-exists", `"${path}" exists already`, { hints: ["kt check", "kt up"] });
}

/** Which to build on; undefined when the user left the question. */
async function choose(fitting: readonly FittingProfile[], all: boolean): Promise<readonly FittingProfile[] | undefined> {
  if (all || fitting.length === 0) return all ? fitting : [];
  if (!canAsk()) return [];
  const choices = fitting.map((profile) => ({ value: profile, label: profile.name, hint: profile.locals.join(", ") }));
  return await converse("a new tunnels.toml", (ask) => ask.several("The cluster has what these reach. Which ones to add?", choices, "all"));
}

/** Undefined, with a warning, where the kubeconfig leads nowhere. */
async function currentCatalogue(path: string, output: Output): Promise<Catalogue | undefined> {
  try {
    const { plan } = await loadPlan(await loadOrEmpty(path));
    const view = { kubeconfig: plan.kubeconfig, strangers: plan.strangers, environment: shellEnvironment() };
    return catalogueOf(view, undefined, { timeoutMs: limits.clusterLookMs, mayLogIn: true });
  } catch (error) {
    const { message, hints } = toKtError(error, "kubeconfig-unreadable", "read the kubeconfig");
    output.warning(`${message}; write the context yourself`);
    output.hints(hints);
    return undefined;
  }
}
