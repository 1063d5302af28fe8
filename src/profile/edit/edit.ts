/** Adds a route to the text of a profile, or takes one out, and leaves every other line as it is. */

import { deepEquals } from "bun";
import { parse } from "smol-toml";
import { KtError } from "#base/errors.ts";
import { addInline, removeInline } from "./inline.ts";
import { addLines, removeLines } from "./lines.ts";
import { type KeyPath, statementsOf } from "#profile/toml/scan.ts";
import { type TomlInline, tomlKey, tomlPair, tomlString, tomlValue } from "#profile/toml/text.ts";

export type RouteSection = (typeof routeSections)[number];

/** Those whose entries are routes by their keys. */
const routeSections = ["routes", "tcp", "udp"] as const;

/** Which entry of the file a route is. */
export interface RouteKey {
  readonly section: RouteSection | "reverse";
  /** As written in the file: a hostname, a port, an address with a port, the service of a [[reverse]]. */
  readonly name: string;
}

/** One that is an entry by its key. */
export interface KeyedRoute extends RouteKey {
  readonly section: RouteSection;
}

/** The name by which kt shows it and is asked for it: one number is a port of TCP and of UDP. */
export function shownName({ section, name }: RouteKey): string {
  return section === "udp" ? `${name}/udp` : name;
}

export interface NewRoute extends KeyedRoute {
  readonly target: string;
  /** What else it says: via, context, scheme, …; with anything in it the route gets a table of its own. */
  readonly settings: TomlInline;
}

/** One more [[forward]]. */
export interface NewForward {
  readonly section: "forward";
  readonly namespaces: readonly string[];
  /** Undefined is the profile's. */
  readonly context: string | undefined;
}

type Table = Readonly<Record<string, unknown>>;

/** Throws KtError `profile-invalid` where the text has no place for it. The text must be TOML, without that route. */
export function addRoute(text: string, route: NewRoute): string {
  const after = insert(text, route);
  if (differsOnlyIn(route, text, after, { target: route.target, ...route.settings })) return after;
  throw new KtError("profile-invalid", `"${route.name}" cannot be added to the file without changing more of it`, {
    hints: [`write it yourself: ${inlinePair(route)}`],
  });
}

/** Below the others that the file has. Throws KtError `profile-invalid` where they are written as one list. The text must be TOML. */
export function addForward(text: string, { section, namespaces, context }: NewForward): string {
  const settings: TomlInline = { namespaces: [...namespaces], ...(context === undefined ? {} : { context }) };
  const pairs = Object.entries(settings).map(([name, value]) => tomlPair(name, value));
  const last = statementsOf(text).findLast(({ path }) => path[0] === section);
  const after = addLines(text, { after: last, block: true, lines: [`[[${section}]]`, ...pairs] });
  const [old, now] = [parseToml(text), parseToml(after)];
  const earlier: unknown = old?.[section] ?? [];
  if (Array.isArray(earlier) && deepEquals(now, { ...old, [section]: [...earlier, settings] })) return after;
  throw new KtError("profile-invalid", "a [[forward]] cannot be added to the file without changing more of it", {
    hints: [`write it yourself: [[forward]] with ${pairs.join(", ")}`],
  });
}

/** Throws KtError `profile-invalid` where more would go than the route. The text must be TOML. */
export function removeRoute(text: string, route: RouteKey): string {
  const after = route.section === "reverse" ? removeReverse(text, route.name) : removeEntry(text, [route.section, route.name]);
  if (differsOnlyIn(route, text, after, undefined)) return after;
  throw new KtError("profile-invalid", `"${route.name}" cannot be taken out of the file without changing more of it`, {
    hints: ["take it out with an editor, then kt check"],
  });
}

function removeEntry(text: string, path: KeyPath): string {
  return removeLines(removeInline(text, path), path);
}

/** Each of the tables that name the service; those behind one move up by one when it goes. */
function removeReverse(text: string, service: string): string {
  for (let rest = text; ; ) {
    const index = reversesIn(parseToml(rest) ?? {}).findIndex((entry) => serviceOf(entry) === service);
    const after = index < 0 ? rest : removeEntry(rest, ["reverse", String(index)]);
    if (after === rest) return rest;
    rest = after;
  }
}

/** The routes that stand in a text; none where it is not TOML. */
export function routeKeys(text: string): readonly RouteKey[] {
  const table = parseToml(text) ?? {};
  const keyed = routeSections.flatMap((section) => {
    const entries = table[section];
    return isTable(entries) ? Object.keys(entries).map((name) => ({ section, name })) : [];
  });
  const services = reversesIn(table)
    .map(serviceOf)
    .filter((name) => name !== undefined);
  return [...keyed, ...services.map((name) => ({ section: "reverse" as const, name }))];
}

function reversesIn({ reverse }: Table): readonly unknown[] {
  return Array.isArray(reverse) ? reverse : [];
}

function serviceOf(entry: unknown): string | undefined {
  const { service } = isTable(entry) ? entry : {};
  return typeof service === "string" ? service : undefined;
}

/** Whether the new text says of the route what is wanted, and of everything else what the old one said. */
function differsOnlyIn(route: RouteKey, before: string, after: string, wanted: TomlInline | undefined): boolean {
  const [old, now] = [takeOut(before, route), takeOut(after, route)];
  if (old === undefined || now === undefined) return false;
  const entry = typeof now.entry === "string" ? { target: now.entry } : now.entry;
  return deepEquals(entry, wanted) && deepEquals(old.rest, now.rest);
}

/** The route's entry, and the rest without it; an empty section counts as none. Undefined for what is not TOML. */
function takeOut(text: string, { section, name }: RouteKey): { readonly entry: unknown; readonly rest: Table } | undefined {
  const table = parseToml(text);
  if (table && section === "reverse") return takeOutReverse(table, name);
  const routes = table?.[section];
  if (table === undefined || !isTable(routes)) return table && { entry: undefined, rest: table };
  const { [name]: entry, ...others } = routes;
  const { [section]: _, ...rest } = table;
  return { entry, rest: Object.keys(others).length === 0 ? rest : { ...rest, [section]: others } };
}

function takeOutReverse(table: Table, service: string): { readonly entry: unknown; readonly rest: Table } {
  const { reverse: _, ...rest } = table;
  const entries = reversesIn(table);
  const others = entries.filter((each) => serviceOf(each) !== service);
  const entry = entries.find((each) => serviceOf(each) === service);
  return { entry, rest: others.length === 0 ? rest : { ...rest, reverse: others } };
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function parseToml(text: string): Table | undefined {
  try {
    return parse(text, { unsafeKeyBehaviour: "throw" });
  } catch {
    return undefined;
  }
}

/** In the form that the section has in the file already. */
function insert(text: string, route: NewRoute): string {
  const { section } = route;
  const others = statementsOf(text).filter(({ path }) => path[0] === section);
  const inline = others.find(({ path, entries }) => path.length === 1 && entries !== undefined);
  if (inline) return addInline(text, inline, inlinePair(route));
  const dotted = others.findLast(({ table }) => table.length === 0);
  if (dotted) return addLines(text, { after: dotted, lines: [`${section}.${inlinePair(route)}`] });
  const isLong = Object.keys(route.settings).length > 0;
  const underHeader = others.findLast(({ table }) => table.length === 1);
  if (underHeader && !isLong) return addLines(text, { after: underHeader, lines: [inlinePair(route)] });
  const opened = isLong || others.length > 0 ? blockOf(route) : [`[${section}]`, inlinePair(route)];
  return addLines(text, { after: others.at(-1), block: true, lines: opened });
}

function blockOf({ target, settings, ...key }: NewRoute): readonly string[] {
  const pairs = Object.entries({ target, ...settings }).map(([name, value]) => tomlPair(name, value));
  return [`[${key.section}.${keyOf(key)}]`, ...pairs];
}

function inlinePair({ target, settings, ...key }: NewRoute): string {
  const isLong = Object.keys(settings).length > 0;
  return `${keyOf(key)} = ${tomlValue(isLong ? { target, ...settings } : target)}`;
}

/** Hostnames stand in quotes in every example, ports do not. */
function keyOf({ section, name }: KeyedRoute): string {
  return section === "routes" ? tomlString(name) : tomlKey(name);
}
