/** Looks up what completions offer: settings, routes in the profile, contexts in the kubeconfig, the rest in the cluster. */

import { systemClock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { Options } from "#cli/command.ts";
import { clusterSource } from "#cli/edge/cluster-source.ts";
import { reportedEdge } from "#operator/listed-edge.ts";
import { namedRoutes } from "#profile/values/planned.ts";
import { cliLimits } from "#cli/limits.ts";
import { kubeconfigFiles } from "#cli/profile/kubeconfig-files.ts";
import { loadOrEmpty } from "#cli/profile/local-plan.ts";
import { absolutePath, namedFile, shellEnvironment } from "#cli/profile/profile-file.ts";
import type { Snapshot } from "#control/api.ts";
import { surroundings } from "#control/socket-path.ts";
import { type Catalogue, type CataloguePort, catalogueOf, contextsOf } from "#daemon/catalogue.ts";
import { loadAllowed } from "#daemon/plans/consent.ts";
import { findSnapshot } from "#daemon/process/find-hub.ts";
import { findProfile, profileFileName } from "#profile/read/find.ts";
import { type LoadOptions, loadPlan } from "#profile/load.ts";
import { formatListen } from "#profile/values/listen.ts";
import type { Plan } from "#profile/values/plan.ts";
import { kindOfWord, parsePodSource } from "#route/pod-source-text.ts";
import { formatTarget, type PodSourceKind } from "#route/target.ts";
import type { Offer, TypedLine } from "./offers.ts";
import { settingOffers } from "./setting-offers.ts";

/** Rejects with the error of what was asked. */
export async function lookUp(kind: string, typed: string, line: TypedLine): Promise<readonly Offer[]> {
  switch (kind) {
    case "ROUTE":
    case "ROUTES":
      return await askedOffers(line);
    case "HOST|PORT":
      // What is there already is looked at by kt explain, and of no use to kt add.
      return [...(await askedOffers(line)), ...(line.spec?.name === "explain" ? await forwardedOffers() : [])];
    case "PROFILE":
      return await profileOffers();
    case "PROFILE|ROUTE":
      return [...(await profileOffers()), ...routeOffers(await planFor(line)), ...(await forwardedOffers())];
    case "CONTEXT":
      return await contextOffers(line);
    case "NODE":
      return await nodeOffers(line);
    case "NAMESPACE":
      return named((await place(line)).catalogue.namespaces());
    case "TARGET":
      return await sourceOffers(typed, await place(line), { withNamespace: true, withPort: true });
    case "VIA":
      return await sourceOffers(typed, await place(line), { withNamespace: true, withPort: false });
    case "TYPE/NAME":
      return await sourceOffers(typed, await place(line), { withNamespace: false, withPort: false });
    case "KEY=VALUE":
      return settingOffers(typed);
    case "PORTS":
      return await portOffers(typed, line.args[0] ?? "", await place(line));
    default:
      return [];
  }
}

/** Nothing of a profile that is not allowed is asked or read any further. */
async function allowedPlanFor(line: TypedLine): Promise<Plan> {
  return (await loadAllowed(await optionsFor(line))).plan;
}

async function planFor(line: TypedLine): Promise<Plan> {
  return (await loadPlan(await optionsFor(line))).plan;
}

async function optionsFor({ options }: TypedLine): Promise<LoadOptions> {
  const given = options.get("--file");
  const file = given === undefined ? await findProfile(process.cwd()).catch(() => absolutePath(profileFileName)) : await namedFile(given);
  return await loadOrEmpty(file);
}

async function attachedProfiles(): Promise<Snapshot["profiles"]> {
  return (await findSnapshot(surroundings(), cliLimits.completionMs).catch(() => undefined))?.profiles ?? [];
}

async function profileOffers(): Promise<Offer[]> {
  return (await attachedProfiles()).map(({ name, profile }) => ({ value: name, about: profile }));
}

/** Services and pods that are forwarded now, whichever of their ports: "db.shop". */
async function forwardedOffers(): Promise<Offer[]> {
  const routes = (await attachedProfiles()).flatMap((profile) => profile.routes.filter(({ kind }) => kind === "forward"));
  const places = new Map(routes.map(({ name, url }) => [name.slice(0, name.lastIndexOf(":")), url.slice(0, url.lastIndexOf(":"))]));
  return Array.from(places, ([value, about]) => ({ value, about }));
}

function routeOffers(plan: Plan): Offer[] {
  return namedRoutes(plan).map(({ name, target }) => ({ value: name, about: formatTarget(target) }));
}

/** Of the file's own. What leads the other way has no URL for this machine. */
async function askedOffers(line: TypedLine): Promise<Offer[]> {
  const plan = await planFor(line);
  const reverses = ["rm", "logs", "explain"].includes(line.spec?.name ?? "") ? plan.reverses : [];
  return [...routeOffers(plan), ...reverses.map(({ name, local }) => ({ value: name, about: local.map(formatListen).join(" or ") }))];
}

async function contextOffers(line: TypedLine): Promise<Offer[]> {
  const { kubeconfig, strangers, contexts } = await viewFor(line);
  const { names, current } = contextsOf({ kubeconfig, strangers, environment: shellEnvironment() });
  return [
    ...Object.entries(contexts).map(([value, about]) => ({ value, about })),
    ...names.map((value) => ({ value, about: value === current ? "current" : "" })),
  ];
}

type View = Pick<Plan, "kubeconfig" | "strangers" | "contexts" | "context" | "namespace">;

/** Commands with `--kubeconfig` work as kubectl does, without the profile. */
async function viewFor(line: TypedLine): Promise<View> {
  if (line.spec?.options.some(([flags]) => flags.includes("--kubeconfig")) !== true) return await allowedPlanFor(line);
  const kubeconfig = await kubeconfigFiles(line.options.get("--kubeconfig"));
  return { kubeconfig, strangers: {}, contexts: {}, context: undefined, namespace: undefined };
}

/** EdgeNodes, each by its name; of several with one name the namespace is asked for. */
async function nodeOffers({ options }: TypedLine): Promise<Offer[]> {
  const given = new Options({ context: options.get("--context"), kubeconfig: options.get("--kubeconfig") });
  const source = { ...(await clusterSource(given, silentLog)), mayLogIn: false };
  const late = (): KtError => new KtError("cluster-unreachable", "the cluster did not answer in time");
  const { nodes } = await withDeadline(systemClock, cliLimits.completionMs, undefined, late, async () => {
    return await reportedEdge(source, options.get("--namespace"));
  });
  return nodes.map(({ name, namespace, address = "" }) => ({ value: name, about: `${namespace}, ${address}` }));
}

interface Place {
  readonly catalogue: Catalogue;
  readonly namespace: string;
}

async function place(line: TypedLine): Promise<Place> {
  const view = await viewFor(line);
  const named = line.options.get("--context") ?? view.context;
  const context = named === undefined ? undefined : (view.contexts[named] ?? named);
  const { kubeconfig, strangers } = view;
  const catalogue = catalogueOf({ kubeconfig, strangers, environment: shellEnvironment() }, context, {
    timeoutMs: cliLimits.completionMs,
    // A Tab must not run a program, let alone start a login.
    mayLogIn: false,
  });
  return { catalogue, namespace: line.options.get("--namespace") ?? view.namespace ?? catalogue.namespace };
}

async function named(list: Promise<readonly string[]>): Promise<Offer[]> {
  return (await list).map((value) => ({ value, about: "" }));
}

interface SourceForm {
  readonly withNamespace: boolean;
  readonly withPort: boolean;
}

/** Part by part: `[NAMESPACE/]KIND/NAME[:PORT]`. */
async function sourceOffers(typed: string, { catalogue, namespace }: Place, form: SourceForm): Promise<Offer[]> {
  const parts = typed.split("/");
  const [first = "", second = ""] = parts;
  if (parts.length === 1) return [...kindOffers(""), ...(form.withNamespace ? await namespaceOffers(catalogue) : [])];
  if (kindOfWord(first) !== undefined) return await nameOffers(`${first}/`, parts.slice(1).join("/"), namespace, catalogue, form);
  if (!form.withNamespace) return [];
  if (parts.length === 2) return kindOffers(`${first}/`);
  return await nameOffers(`${first}/${second}/`, parts.slice(2).join("/"), first, catalogue, form);
}

function kindOffers(prefix: string): Offer[] {
  return ["svc", "pod", "deploy", "sts", "ds", "job"].map((kind) => ({ value: `${prefix}${kind}/`, about: "" }));
}

/** Without the permission to list them, there are still kinds to offer. */
async function namespaceOffers(catalogue: Catalogue): Promise<Offer[]> {
  const names = await catalogue.namespaces().catch(() => []);
  return names.map((name) => ({ value: `${name}/`, about: "namespace" }));
}

interface Source {
  readonly name: string;
  readonly ports: readonly CataloguePort[];
}

/** `start` is all before the name. */
async function nameOffers(
  start: string,
  rest: string,
  namespace: string,
  catalogue: Catalogue,
  { withPort }: SourceForm,
): Promise<Offer[]> {
  const kind = kindOfWord(start.split("/").at(-2) ?? "");
  const sources = kind === undefined ? [] : await sourcesOf(kind, namespace, catalogue);
  const colon = rest.indexOf(":");
  if (!withPort) return sources.map(({ name, ports }) => ({ value: start + name, about: ports.map(portText).join(", ") }));
  if (colon >= 0) {
    const chosen = sources.filter(({ name }) => name === rest.slice(0, colon));
    return chosen.flatMap((source) => source.ports.map((port) => portOffer(start, source.name, port)));
  }
  return sources.map(({ name, ports }) => {
    const [only, ...others] = ports;
    if (only && others.length === 0) return portOffer(start, name, only);
    return { value: `${start}${name}:`, about: ports.map(portText).join(", ") };
  });
}

function portOffer(start: string, name: string, port: CataloguePort): Offer {
  return { value: `${start}${name}:${port.name || port.port}`, about: portText(port) };
}

function portText({ name, port }: CataloguePort): string {
  return name === "" ? String(port) : `${name} ${port}`;
}

async function sourcesOf(kind: PodSourceKind, namespace: string, catalogue: Catalogue): Promise<readonly Source[]> {
  if (kind === "service") return await catalogue.services(namespace);
  if (kind !== "pod") return await catalogue.workloads(kind, namespace);
  const pods = await catalogue.pods(namespace);
  return pods.map(({ name, containers }) => ({ name, ports: containers.flatMap(({ ports }) => ports) }));
}

/** After a colon the remote port; else the same number for both. */
async function portOffers(typed: string, target: string, { catalogue, namespace }: Place): Promise<Offer[]> {
  const source = parsePodSource(target, "target", target.includes("/") ? undefined : "pod");
  const sources = await sourcesOf(source.kind, source.namespace ?? namespace, catalogue);
  const ports = sources.find(({ name }) => name === source.name)?.ports ?? [];
  const local = typed.slice(0, typed.lastIndexOf(":") + 1);
  return ports.map((port) => ({ value: `${local}${port.port}`, about: port.name }));
}
