/** The questions of `kt add`: from a context down to one port, offering what the cluster has, to the route that will be written. */

import { KtError } from "#base/errors.ts";
import type { Catalogue, CatalogueContainer, CataloguePod, CataloguePort, CatalogueService, Contexts } from "#daemon/catalogue.ts";
import type { NewForward, NewRoute } from "#profile/edit/edit.ts";
import type { TomlInline, TomlValue } from "#profile/toml/text.ts";
import { parseAddress } from "#route/address-text.ts";
import { parsePort } from "#route/port.ts";
import { parsePodSource } from "#route/pod-source-text.ts";
import { type ParsedTarget, parseTarget } from "#route/target-text.ts";
import type { Ask, Choice } from "#cli/screen/prompts.ts";
import { routeKeyOf } from "#cli/proposals/route-section.ts";
import { type ReachedPort, readPort, suggestLocal } from "#cli/proposals/suggest.ts";

export interface WizardWorld {
  readonly contexts: Contexts;
  /** Undefined is the current one. Throws KtError. */
  readonly catalogueOf: (context: string | undefined) => Catalogue;
  /** The profile's own context and namespace, which a route need not name. */
  readonly context: string | undefined;
  readonly namespace: string | undefined;
  /** What need not be asked. */
  readonly given: { readonly local: string | undefined; readonly context: string | undefined };
  /** Why a route cannot have this hostname or port; undefined when it can. */
  readonly objection: (local: string) => string | undefined;
  /** What is wrong with a target that was typed, as far as the user may see it; undefined for nothing. */
  readonly problemOf: (target: ParsedTarget, context: string | undefined) => Promise<string | undefined>;
}

/** What is reached, and what it is called. */
interface Reached {
  readonly target: string;
  readonly name: string;
  readonly port: ReachedPort;
  readonly settings: TomlInline;
}

type Source =
  | { readonly kind: "service"; readonly service: CatalogueService }
  | { readonly kind: "pod"; readonly pod: CataloguePod }
  | { readonly kind: "target"; readonly text: string; readonly target: ParsedTarget }
  | { readonly kind: "jump" | "made" | "typed" | "all" };

/** The route that the answers give, or the whole namespace; not yet checked by the loader. */
export async function askRoute(ask: Ask, world: WizardWorld): Promise<NewRoute | NewForward> {
  const context = await askContext(ask, world);
  const catalogue = world.catalogueOf(context);
  const namespace = await askNamespace(ask, catalogue, world.namespace);
  const listed = await listSources(ask, catalogue, namespace);
  const reached = await askReached(ask, listed, {
    prefix: world.namespace === namespace ? "" : `${namespace}/`,
    takesAll: world.given.local === undefined,
    problemOf: async (target) => await world.problemOf({ ...target, namespace: target.namespace ?? namespace }, context),
  });
  const elsewhere = catalogue.context === (world.context ?? world.contexts.current) ? {} : { context: catalogue.context };
  if (reached === "all") return { section: "forward", namespaces: [namespace], context: elsewhere.context };
  const local = world.given.local ?? (await askLocal(ask, reached, namespace, world.objection));
  return { ...routeKeyOf(local), target: reached.target, settings: { ...elsewhere, ...reached.settings } };
}

async function askContext(ask: Ask, { contexts, context, given }: WizardWorld): Promise<string | undefined> {
  const usual = context ?? contexts.current;
  if (given.context !== undefined) return given.context;
  if (contexts.names.length < 2) return usual;
  const whose = context === undefined ? "the current one" : "the profile's";
  const choices = contexts.names.map((name) => ({ value: name, label: name, hint: name === usual ? whose : undefined }));
  return await ask.find("Which context?", choices, { initial: usual });
}

/** Without permission to list, the name is typed. */
async function listed<T>(list: Promise<readonly T[]>): Promise<readonly T[] | undefined> {
  return await list.catch((error: unknown) => {
    if (error instanceof KtError && error.code === "forbidden") return undefined;
    throw error;
  });
}

async function askNamespace(ask: Ask, catalogue: Catalogue, usual = catalogue.namespace): Promise<string> {
  const names = await ask.wait(`asking "${catalogue.context}" for its namespaces`, listed(catalogue.namespaces()));
  if (names !== undefined && names.length > 0) {
    return await ask.find(
      "Which namespace?",
      names.map((name) => ({ value: name, label: name })),
      { initial: usual },
    );
  }
  const check = (answer: string): string | undefined => refusal(() => parsePodSource(`${answer}/pod/x`, "namespace"));
  return await ask.text("Which namespace? (they may not be listed here)", { initial: usual, check });
}

interface Sources {
  readonly services: readonly CatalogueService[];
  readonly pods: readonly CataloguePod[];
  /** What may not be listed here. */
  readonly hidden: readonly string[];
}

/** What a target in this namespace is written with, and what is wrong with one. */
interface Place {
  readonly prefix: string;
  /** The namespace may be had as a whole. */
  readonly takesAll: boolean;
  readonly problemOf: (target: ParsedTarget) => Promise<string | undefined>;
}

async function listSources(ask: Ask, catalogue: Catalogue, namespace: string): Promise<Sources> {
  const both = Promise.all([listed(catalogue.services(namespace)), listed(catalogue.pods(namespace))]);
  const [services, pods] = await ask.wait(`asking "${catalogue.context}" for services and pods`, both);
  const hidden = [...(services === undefined ? ["services"] : []), ...(pods === undefined ? ["pods"] : [])];
  return { services: services ?? [], pods: pods ?? [], hidden };
}

function sourceChoices({ services, pods }: Sources): Choice<Source>[] {
  return [
    ...services.map((service) => ({
      value: { kind: "service", service } as const,
      label: `svc/${service.name}`,
      hint: service.ports.map(portLabel).join(", "),
    })),
    ...pods.map((pod) => ({ value: { kind: "pod", pod } as const, label: `pod/${pod.name}`, hint: pod.ready ? undefined : "not ready" })),
  ];
}

async function askReached(ask: Ask, sources: Sources, place: Place): Promise<Reached | "all"> {
  const { prefix } = place;
  const all: Choice<Source> = { value: { kind: "all" }, label: "every service of the namespace", hint: "each at an address of its own" };
  const jump = {
    value: { kind: "jump" } as const,
    label: "an address through a jump host",
    hint: "what the cluster reaches and we do not",
  };
  const typed = { value: { kind: "typed" } as const, label: "something else, by name" };
  const note = sources.hidden.length === 0 ? "" : ` (${sources.hidden.join(" and ")} may not be listed here: type svc/NAME:PORT)`;
  const choices = [...sourceChoices(sources), ...(place.takesAll ? [all] : []), jump, typed];
  const source = await ask.find<Source>(`What should kt reach?${note}`, choices, { typed: typedTarget });
  if (source.kind === "all") return "all";
  if (source.kind === "target") return await askTarget(ask, source, place);
  if (source.kind === "jump") return await askJump(ask, sources, prefix);
  if (source.kind === "service") return await askServicePort(ask, source.service, prefix);
  if (source.kind === "pod") return await askPodPort(ask, source.pod, prefix);
  return await askTyped(ask, prefix);
}

/** A whole target needs no more questions. */
function typedTarget(text: string): Choice<Source> | undefined {
  try {
    return { value: { kind: "target", text, target: parseTarget(text) }, label: text, hint: "as typed" };
  } catch {
    return undefined;
  }
}

/** A route that does not work now is written too: its service may come later. */
async function askTarget(ask: Ask, { text, target }: Extract<Source, { kind: "target" }>, { prefix, problemOf }: Place): Promise<Reached> {
  const problem = await ask.wait(`trying ${text}`, problemOf(target));
  if (problem !== undefined) ask.tell(problem, `${text} does not answer now`);
  const written = target.namespace === undefined ? `${prefix}${text}` : text;
  return { target: written, name: target.name, port: readPort(String(target.port)), settings: {} };
}

async function askServicePort(ask: Ask, { name, ports }: CatalogueService, prefix: string): Promise<Reached> {
  const port = await askPort(ask, ports);
  return { target: `${prefix}svc/${name}:${port.name || port.port}`, name, port, settings: {} };
}

async function askPodPort(ask: Ask, { name, containers }: CataloguePod, prefix: string): Promise<Reached> {
  const ports = containers.flatMap((container) => container.ports);
  const port = ports.length > 0 ? await askPort(ask, ports) : await askPortText(ask);
  return { target: `${prefix}pod/${name}:${port.name || port.port}`, name, port, settings: {} };
}

function portLabel({ name, port }: CataloguePort): string {
  return name === "" ? String(port) : `${name} ${port}`;
}

async function askPort(ask: Ask, ports: readonly CataloguePort[]): Promise<CataloguePort> {
  const [only, ...others] = ports;
  if (only !== undefined && others.length === 0) return only;
  return await ask.choose(
    "Which port?",
    ports.map((port) => ({ value: port, label: portLabel(port) })),
  );
}

async function askPortText(ask: Ask): Promise<ReachedPort> {
  const check = (answer: string): string | undefined =>
    parsePort(answer) === undefined ? "a number from 1 to 65535, or a name" : undefined;
  return readPort(await ask.text("Which port?", { placeholder: "8080", check }));
}

/** A deployment, or what may not be listed. */
async function askTyped(ask: Ask, prefix: string): Promise<Reached> {
  const source = await askSourceText(ask, "What should kt reach?");
  const port = await askPortText(ask);
  return { target: `${prefix}${source}:${port.name || port.port}`, name: source.split("/").at(-1) ?? "", port, settings: {} };
}

async function askSourceText(ask: Ask, message: string): Promise<string> {
  const check = (answer: string): string | undefined =>
    answer.split("/").length > 2 ? "KIND/NAME: the namespace is chosen already" : refusal(() => parsePodSource(answer, "the text"));
  return await ask.text(message, { placeholder: "svc/web, pod/web-0 or deploy/web", check });
}

/** What reaches an address: a pod that is there, or one that kt makes. */
async function askJump(ask: Ask, sources: Sources, prefix: string): Promise<Reached> {
  const target = await ask.text("Which address, as the cluster sees it?", {
    placeholder: "db.internal:3306",
    check: (answer) => refusal(() => parseAddress(answer)),
  });
  const made = {
    value: { kind: "made" } as const,
    label: "a pod that kt makes for this",
    hint: "pod/kt-jump, deleted when it is not used",
  };
  const typed = { value: { kind: "typed" } as const, label: "something else, by name" };
  const source = await ask.find<Source>("Through what?", [...sourceChoices(sources), made, typed]);
  const { host, port } = parseAddress(target);
  const settings = await jumpSettings(ask, source, prefix);
  return { target, name: nameOf(host), port: { name: "", port }, settings };
}

/** What a hostname may begin with: the first label of another, or an address in dashes. */
function nameOf(host: string): string {
  const isAddress = host.includes(":") || /^[\d.]+$/.test(host);
  return (isAddress ? host.split(/[.:]+/).join("-") : host.split(".")[0]) ?? host;
}

async function jumpSettings(ask: Ask, source: Source, prefix: string): Promise<TomlInline> {
  if (source.kind === "service") return { via: `${prefix}svc/${source.service.name}` };
  if (source.kind === "pod") return { via: `${prefix}pod/${source.pod.name}`, ...(await askContainer(ask, source.pod.containers)) };
  if (source.kind === "made") return { via: { pod: `${prefix}kt-jump`, create: {} } };
  return { via: `${prefix}${await askSourceText(ask, "Through what?")}` };
}

async function askContainer(ask: Ask, containers: readonly CatalogueContainer[]): Promise<Record<string, TomlValue>> {
  if (containers.length < 2) return {};
  const choices = containers.map(({ name }) => ({ value: name, label: name }));
  return { container: await ask.choose("In which container? It needs socat or nc", choices) };
}

async function askLocal(ask: Ask, { name, port }: Reached, namespace: string, objection: WizardWorld["objection"]): Promise<string> {
  const initial = suggestLocal(port, { name, namespace }, (local) => objection(local) !== undefined);
  return await ask.text("Where do you want to reach it? (a hostname, or a local port)", { initial, check: objection });
}

/** What a parser says against a text. */
export function refusal(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (!(error instanceof KtError)) throw error;
    return [error.message, ...error.hints.slice(0, 1)].join("; ");
  }
}
