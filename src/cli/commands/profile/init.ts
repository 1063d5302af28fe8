/** `kt init`: writes a commented tunnels.toml for the kubeconfig's current context, with the shipped profiles that fit its cluster. */

import { file } from "bun";
import { KtError, toKtError } from "#base/errors.ts";
import { cliLimits } from "#cli/limits.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { type FittingProfile, findFitting } from "#cli/wizard/fitting-profiles.ts";
import { loadOrEmpty } from "#cli/profile/local-plan.ts";
import type { Output } from "#cli/screen/output.ts";
import { convertFile } from "#cli/convert/convert.ts";
import { isFree } from "#cli/proposals/free-port.ts";
import { command } from "#base/shell.ts";
import { absolutePath, fileWords, namedFile, shellEnvironment } from "#cli/profile/profile-file.ts";
import { type Ask, canAsk, type Choice, converse, Declined } from "#cli/screen/prompts.ts";
import { type Proposal, proposeRoutes } from "#cli/proposals/proposals.ts";
import { sectionOf } from "#cli/proposals/route-section.ts";
import { writeSchema } from "#cli/profile/schema-file.ts";
import { type Catalogue, type CatalogueService, catalogueOf } from "#daemon/catalogue.ts";
import { profileFileName } from "#profile/read/find.ts";
import { parseListen } from "#profile/values/listen.ts";
import { loadPlan } from "#profile/load.ts";
import { profileTemplate, type TemplateRoute, type TemplateTcp } from "#profile/edit/template.ts";
import { replaceFile } from "#profile/edit/replace-file.ts";

export async function init({ options, output }: CommandContext): Promise<number> {
  const path = await newFile(options);
  await refuseExisting(path);
  const from = options.text("from");
  if (from !== undefined) return await convert(path, absolutePath(from), output);
  const catalogue = await currentCatalogue(path, output);
  const [fitting, services] = catalogue
    ? await Promise.all([findFitting(catalogue, shellEnvironment()), servicesOf(catalogue, output)])
    : [[], []];
  const proposals = proposeRoutes(services, isTaken);
  // The question is drawn by itself.
  await output.flush();
  const offers: Offers = { fitting, proposals, forward: [] };
  const chosen = await choose(offers, options.flag("yes"), catalogue?.namespace);
  if (chosen === undefined) return exitCodes.interrupted;
  await writeProfile(path, catalogue, chosen, offers);
  tellWritten(path, catalogue, chosen, output);
  const left = fitting.filter((profile) => !chosen.fitting.includes(profile)).map(({ name }) => name);
  if (left.length > 0) output.advice([`extends in the file names what fits this cluster, commented out: ${left.join(", ")}`]);
  if (canAsk() && !options.flag("yes")) await askForMore(path, output);
  output.advice([command`kt up ${fileWords(path)}`]);
  return exitCodes.done;
}

/** What cannot be converted is listed, line by line. */
async function convert(path: string, from: string, output: Output): Promise<number> {
  const { text, left } = await convertFile(from);
  const schema = await writeSchema(path.slice(0, path.lastIndexOf("/")));
  await replaceFile(path, async () => {
    await refuseExisting(path);
    return `${schema === undefined ? "" : `#:schema ${schema}\n`}${text}`;
  });
  output.note(`wrote ${path} from ${from}`);
  for (const { place, why } of left) output.warning(`${place}: ${why}`);
  output.advice(waysOn(path));
  return exitCodes.done;
}

/** What the cluster has to offer, or what of it was taken. */
interface Offers {
  readonly fitting: readonly FittingProfile[];
  readonly proposals: readonly Proposal[];
  /** Namespaces to be had as a whole. */
  readonly forward: readonly string[];
}

/** A list that may not be had, or does not come, is as good as none: the rest can be written all the same. */
async function servicesOf(catalogue: Catalogue, output: Output): Promise<readonly CatalogueService[]> {
  const { namespace } = catalogue;
  const listed = await catalogue.services(namespace).catch((error: unknown) => {
    if (error instanceof KtError && error.code === "forbidden") {
      output.advice([`services of namespace "${namespace}" may not be listed: name one with kt add web.localhost svc/web:80`]);
    }
    return [];
  });
  return listed.filter(({ name }) => !isApiServer(namespace, name));
}

/** Every cluster has it there, and a user of this has the API server already. */
function isApiServer(namespace: string, name: string): boolean {
  return namespace === "default" && name === "kubernetes";
}

function isTaken(local: string): boolean {
  return sectionOf(local) === "tcp" && !parseListen(local).every(isFree);
}

async function writeProfile(path: string, catalogue: Catalogue | undefined, chosen: Offers, offers: Offers): Promise<void> {
  const { context, namespace } = catalogue ?? {};
  const left = <T>(all: readonly T[], taken: readonly T[]): readonly T[] => all.filter((each) => !taken.includes(each));
  const names = (profiles: readonly FittingProfile[]): readonly string[] => profiles.map(({ name }) => name);
  const { forward } = chosen;
  const facts = { context, namespace, forward, extends: names(chosen.fitting), fitting: names(left(offers.fitting, chosen.fitting)) };
  const offered = routesOf(left(offers.proposals, chosen.proposals));
  const schema = await writeSchema(path.slice(0, path.lastIndexOf("/")));
  await replaceFile(path, async () => {
    // It may have come while the question was open.
    await refuseExisting(path);
    return profileTemplate({ ...facts, ...routesOf(chosen.proposals), offered, schema });
  });
}

function routesOf(proposals: readonly Proposal[]): { routes: TemplateRoute[]; tcp: TemplateTcp[] } {
  const of = (wanted: Proposal["section"]): readonly Proposal[] => proposals.filter(({ section }) => section === wanted);
  return {
    routes: of("routes").map(({ local, target }) => ({ host: local, target })),
    tcp: of("tcp").map(({ local, target }) => ({ port: Number(local), target })),
  };
}

function tellWritten(path: string, catalogue: Catalogue | undefined, { fitting, proposals, forward }: Offers, output: Output): void {
  output.note(`wrote ${path}${catalogue === undefined ? "" : ` for context "${catalogue.context}"`}`);
  for (const { name, locals } of fitting) output.note(`  with ${name}: ${locals.join(", ")}`);
  for (const namespace of forward) output.note(`  every service of ${namespace}`);
  for (const { local, target } of proposals) output.note(`  ${local}: ${target}`);
}

/** The questions of kt add, as often as the user wants. */
async function askForMore(path: string, output: Output): Promise<void> {
  const choices = [
    { value: false, label: "no, that is all" },
    { value: true, label: "yes, another service, a pod or an address through a jump host" },
  ];
  for (;;) {
    await output.flush();
    if ((await converse(path, (ask) => ask.choose("Another route?", choices), "the profile stays as it is")) !== true) return;
    if (!(await addOne(path))) return;
  }
}

/** False when the user left the questions; a no at their end is about that route alone. */
async function addOne(path: string): Promise<boolean> {
  const { askToAdd } = await import("#cli/wizard/add-wizard.ts");
  try {
    return (await askToAdd({ file: path, local: undefined, given: {} })) !== undefined;
  } catch (error) {
    if (error instanceof Declined) return true;
    throw error;
  }
}

async function newFile(options: Options): Promise<string> {
  const given = options.text("file");
  return given === undefined ? absolutePath(profileFileName) : await namedFile(given);
}

async function refuseExisting(path: string): Promise<void> {
  if (await file(path).exists()) throw new KtError("profile-exists", `"${path}" exists already`, { hints: waysOn(path) });
}

function waysOn(path: string): readonly string[] {
  return [command`kt check ${fileWords(path)}`, command`kt up ${fileWords(path)}`];
}

/** What to take; undefined when the user left the questions. */
async function choose(offers: Offers, all: boolean, namespace = ""): Promise<Offers | undefined> {
  if (all) return offers;
  const nothing: Offers = { fitting: [], proposals: [], forward: [] };
  if (!canAsk() || offers.fitting.length + offers.proposals.length === 0) return nothing;
  return await converse("a new tunnels.toml", async (ask) => ({
    fitting: await askProfiles(ask, offers.fitting),
    ...(await askServices(ask, offers.proposals, namespace)),
  }));
}

async function askProfiles(ask: Ask, fitting: Offers["fitting"]): Promise<Offers["fitting"]> {
  if (fitting.length === 0) return [];
  const choices = fitting.map((profile) => ({ value: profile, label: profile.name, hint: profile.locals.join(", ") }));
  return await ask.several("The cluster has what these reach. Which ones to add?", choices, "all");
}

/** The whole namespace is one choice among its services. */
async function askServices(ask: Ask, proposals: Offers["proposals"], namespace: string): Promise<Pick<Offers, "proposals" | "forward">> {
  if (proposals.length === 0) return { proposals: [], forward: [] };
  const all: Choice<Proposal | "all"> = {
    value: "all",
    label: "every service, each at an address of its own",
    hint: "[[forward]], names as in the cluster",
  };
  const single = proposals.map(
    (each): Choice<Proposal | "all"> => ({
      value: each,
      label: each.target,
      hint: each.section === "tcp" ? `localhost:${each.local}` : each.local,
    }),
  );
  const question = `Which services of namespace "${namespace}" do you want here? Space takes one, Enter goes on`;
  const taken = await ask.several(question, [all, ...single], "none");
  return { proposals: taken.filter((each) => each !== "all"), forward: taken.includes("all") ? [namespace] : [] };
}

/** Undefined, with a warning, where the kubeconfig leads nowhere. */
async function currentCatalogue(path: string, output: Output): Promise<Catalogue | undefined> {
  try {
    const { plan } = await loadPlan(await loadOrEmpty(path));
    const view = { kubeconfig: plan.kubeconfig, strangers: plan.strangers, environment: shellEnvironment() };
    return catalogueOf(view, undefined, { timeoutMs: cliLimits.clusterLookMs, mayLogIn: true });
  } catch (error) {
    const { message, hints } = toKtError(error, "kubeconfig-unreadable", "read the kubeconfig");
    output.warning(`${message}; write the context yourself`);
    output.hints(hints);
    return undefined;
  }
}
