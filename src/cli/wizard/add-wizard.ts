/** Connects the questions of `kt add` with the profile, the kubeconfig and this machine, and writes the route that they give. */

import { file as openFile } from "bun";
import { KtError, withHints } from "#base/errors.ts";
import { normaliseHostname } from "#base/hostname.ts";
import { catalogueOf, contextsOf } from "#daemon/catalogue.ts";
import type { ClusterView } from "#daemon/plans/clusters.ts";
import { loadAllowed } from "#daemon/plans/consent.ts";
import { realProviders } from "#daemon/providers.ts";
import { tryRoutes } from "#doctor/try-routes.ts";
import type { NewForward, NewRoute } from "#profile/edit/edit.ts";
import { describeConflict, findRoute, type PreparedRoute, prepareForward, prepareRoute } from "#profile/edit/file.ts";
import { overlaps, parseListen } from "#profile/values/listen.ts";
import { loadLayer } from "#profile/load.ts";
import type { Plan, PlannedPort } from "#profile/values/plan.ts";
import { profileTemplate } from "#profile/edit/template.ts";
import type { TomlInline } from "#profile/toml/text.ts";
import type { ParsedTarget } from "#route/target-text.ts";
import { exitCodeFor, exitCodes } from "#cli/exit.ts";
import { isFree } from "#cli/proposals/free-port.ts";
import { loadOptions, loadOrEmpty } from "#cli/profile/local-plan.ts";
import { shellEnvironment } from "#cli/profile/profile-file.ts";
import { type Ask, converse } from "#cli/screen/prompts.ts";
import { routeKeyOf } from "#cli/proposals/route-section.ts";
import { askRoute, refusal, type WizardWorld } from "./wizard.ts";

export interface AddRequest {
  /** Absolute path; may not be there yet. */
  readonly file: string;
  /** Hostname or port, when it was given. */
  readonly local: string | undefined;
  /** Settings that were given as options. */
  readonly given: TomlInline;
}

export interface Answered {
  readonly route: NewRoute | NewForward;
  readonly prepared: PreparedRoute;
}

/**
 * Undefined when the user left the questions: then nothing is written. Throws KtError before the first question for a profile that
 * is invalid, and for a hostname or port that is not available.
 */
export async function askToAdd(request: AddRequest): Promise<Answered | undefined> {
  const options = await loadOrEmpty(request.file);
  const [{ plan }, { layer }] = [await loadAllowed(options), await loadLayer(options)];
  const objection = (local: string): string | undefined => {
    const key = routeKeyOf(local);
    const earlier = findRoute(layer, key);
    if (earlier) return describeConflict(key, earlier, request.file);
    return key.section !== "routes" ? portObjection(local, plan) : hostObjection(local);
  };
  const refused = request.local === undefined ? undefined : objection(request.local);
  if (refused !== undefined) throw new KtError("usage", refused, { hints: ["kt add, without it, proposes another"] });
  return await converse(`a new route for ${request.file}`, (ask) => answer(ask, request, plan, objection).catch(nameForm));
}

async function answer(ask: Ask, request: AddRequest, plan: Plan, objection: (local: string) => string | undefined): Promise<Answered> {
  const { file, local, given } = request;
  const view = { kubeconfig: plan.kubeconfig, strangers: plan.strangers, environment: shellEnvironment() };
  const contexts = contextsOf(view);
  const world: WizardWorld = {
    contexts,
    catalogueOf: (context) => catalogueOf(view, context === undefined ? undefined : (plan.contexts[context] ?? context)),
    context: plan.context,
    namespace: plan.namespace,
    given: { local, context: typeof given["context"] === "string" ? given["context"] : undefined },
    objection,
    problemOf: (target, context) => problemOf(target, context, plan, view),
  };
  const asked = await askRoute(ask, world);
  const { route, prepared } = await prepareAsked(asked, request, contexts.current);
  ask.tell(prepared.written.join("\n"), prepared.isNew ? `will be in the new ${file}` : `will be written to ${file}`);
  await ask.confirm("Write it?");
  await prepared.write();
  return { route, prepared };
}

/** A new profile names its context once, for what is asked for now and what is to come. */
async function prepareAsked(asked: NewRoute | NewForward, { file, given }: AddRequest, current: string | undefined): Promise<Answered> {
  const isNew = !(await openFile(file).exists());
  const settings = { ...(asked.section === "forward" ? { context: asked.context } : asked.settings), ...given };
  const { context = current, ...rest } = settings;
  const fresh = profileTemplate({ context: typeof context === "string" ? context : undefined });
  if (asked.section === "forward") {
    const route = isNew ? { ...asked, context: undefined } : asked;
    return { route, prepared: await prepareForward(loadOptions(file), route, fresh) };
  }
  const route: NewRoute = { ...asked, settings: isNew ? rest : { ...asked.settings, ...given } };
  return { route, prepared: await prepareRoute(loadOptions(file), route, fresh) };
}

/** Tries it as a route of the profile would. */
async function problemOf(target: ParsedTarget, context: string | undefined, plan: Plan, view: ClusterView): Promise<string | undefined> {
  const cluster = { profile: plan.profile, context: context === undefined ? plan.context : (plan.contexts[context] ?? context) };
  const route: PlannedPort = { kind: "port", door: "tcp", name: "", listen: [], target: { ...target, cluster } };
  const [tried] = await tryRoutes({ ...plan, routes: [], listeners: [route] }, { view, providers: realProviders() });
  return tried !== undefined && "problem" in tried.result ? tried.result.problem.message : undefined;
}

/** Without a terminal, or without a cluster at hand, the route can be written as well. */
function nameForm(error: unknown): never {
  if (!(error instanceof KtError) || exitCodeFor(error.code) !== exitCodes.cluster) throw error;
  throw withHints(error, [...error.hints, "kt add HOST|PORT TARGET needs no cluster: kt add --help"]);
}

function hostObjection(local: string): string | undefined {
  return normaliseHostname(local) === undefined ? "letters, digits and dashes between dots, such as grafana.localhost" : undefined;
}

function portObjection(local: string, { http }: Plan): string | undefined {
  const refused = refusal(() => parseListen(local));
  if (refused !== undefined) return refused;
  const wanted = parseListen(local);
  if (wanted.some((address) => http.listen.some((other) => overlaps(address, other)))) return `"${local}" is where [http] listens`;
  return wanted.every(isFree) ? undefined : `another program listens on ${local}`;
}
