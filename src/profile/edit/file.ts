/** Edits a profile's file. The loader reads the new text before it is written; it may differ from the old one in the one route only. */

import { dirname, resolve } from "node:path";
import { KtError } from "#base/errors.ts";
import { normaliseHostname } from "#base/hostname.ts";
import { nearest } from "#base/nearest.ts";
import { command } from "#base/shell.ts";
import {
  addForward,
  addRoute,
  type NewForward,
  type NewRoute,
  removeRoute,
  type RouteKey,
  routeKeys,
  type RouteSection,
  shownName,
} from "./edit.ts";
import { localOverrideOf } from "#profile/read/extends.ts";
import type { Layer } from "#profile/read/layer.ts";
import { type LayerEntry, portEntries } from "#profile/sections/section.ts";
import type { Placed } from "#profile/values/placed.ts";
import { overlaps, parseListen } from "#profile/values/listen.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import { type LoadedPlan, loadLayer, type LoadOptions, loadPlan, readProfileFile, unreadable } from "#profile/load.ts";
import { formatPlace, ProfileError } from "#profile/values/problems.ts";
import { replaceFile } from "./replace-file.ts";

/** A text with its byte order mark, which the loader does not see. */
const mark = "\uFEFF";

/** Undefined when there is no such file. Bytes that are not valid UTF-8 would not survive being written back. */
async function readExactly(path: string): Promise<string | undefined> {
  const bytes = readProfileFile(path)?.bytes;
  if (bytes === undefined) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
}

/** The same profile, as if its file had this text. */
function withText(options: LoadOptions, text: string): LoadOptions {
  const file = resolve(options.file);
  return { ...options, readText: async (path) => (path === file ? text : (await readExactly(path))?.replace(mark, "")) };
}

/** A route that the profile can have, in the file's text but not yet in the file. */
export interface PreparedRoute extends LoadedPlan {
  /** There is no such file yet. */
  readonly isNew: boolean;
  /** The lines that come into the file, or change. */
  readonly written: readonly string[];
  /** Into the file as it is then: what came in since stays. Throws as `prepareRoute`, and KtError `profile-unwritable`. */
  write(): Promise<void>;
}

/**
 * One more route for the file; where there is none, for `fresh`. Throws KtError `route-conflict` for one that is routed already,
 * and as `loadPlan` does for a profile that is wrong as it stands, or would be with the route.
 */
export async function prepareRoute(options: LoadOptions, route: NewRoute, fresh: string): Promise<PreparedRoute> {
  return await prepare(options, fresh, (text, layer) => {
    refuseConflict(layer, route, resolve(options.file));
    return addRoute(text, route);
  });
}

/** The same for whole namespaces. Throws KtError `profile-invalid` where one of them is forwarded already. */
export async function prepareForward(options: LoadOptions, forward: NewForward, fresh: string): Promise<PreparedRoute> {
  return await prepare(options, fresh, (text) => addForward(text, forward));
}

/** The new text of a profile. */
type Edit = (text: string, layer: Layer) => string;

async function prepare(options: LoadOptions, fresh: string, edit: Edit): Promise<PreparedRoute> {
  const add = async (found: string | undefined): Promise<Added> => await addTo(found ?? fresh, edit, options);
  const found = await readExactly(options.file);
  const { loaded, text, written } = await add(found);
  return { ...loaded, isNew: found === undefined, written, write: () => writeBack(options.file, { found, text }, add) };
}

/** A file's text as it was found, and the new one. */
interface Edited {
  readonly found: string | undefined;
  readonly text: string;
}

/** The edit is made once more where the file is another by now. */
async function writeBack(
  file: string,
  { found, text }: Edited,
  again: (found: string | undefined) => Promise<Pick<Edited, "text">>,
): Promise<void> {
  await replaceFile(file, async () => {
    const now = await readExactly(file);
    return now === found ? text : (await again(now)).text;
  });
}

interface Added {
  readonly loaded: LoadedPlan;
  readonly text: string;
  readonly written: readonly string[];
}

async function addTo(whole: string, edit: Edit, options: LoadOptions): Promise<Added> {
  const text = whole.replace(mark, "");
  const { layer } = await loadLayer(withText(options, text));
  const after = edit(text, layer);
  const loaded = await edited(loadPlan(withText(options, after)));
  return { loaded, text: markOf(whole) + after, written: newLines(text, after) };
}

const markOf = (text: string): string => (text.startsWith(mark) ? mark : "");

/** The lines between those that both texts begin and end with. */
function newLines(before: string, after: string): readonly string[] {
  const [old, now] = [before.split(/\r?\n/), after.split(/\r?\n/)];
  const most = Math.min(old.length, now.length);
  let first = 0;
  while (first < most && old[first] === now[first]) first++;
  let last = 0;
  while (last < most - first && old.at(-1 - last) === now.at(-1 - last)) last++;
  return now.slice(first, now.length - last).filter((line) => line.trim() !== "");
}

/** Of a profile that is not written yet, places would lead nowhere. */
async function edited<T>(loading: Promise<T>): Promise<T> {
  try {
    return await loading;
  } catch (thrown) {
    const [first] = thrown instanceof ProfileError ? thrown.problems : [];
    if (first === undefined) throw thrown;
    throw new KtError(first.code, first.message, { hints: first.hint === undefined ? [] : [first.hint] });
  }
}

function refuseConflict(layer: Layer, route: RouteKey, file: string): void {
  const earlier = findRoute(layer, route);
  if (earlier === undefined) return;
  throw new KtError("route-conflict", describeConflict(route, earlier, file), { hints: [conflictHint(earlier, file)] });
}

function conflictHint({ value, at }: PlacedRoute, file: string): string {
  if (at.file === file) return command`kt rm ${value.name}`;
  return at.file === localOverrideOf(file) ? removeFrom(at.file, value.name) : overrideHint;
}

const removeFrom = (file: string, name: string): string => command`kt rm -f ${file} ${name}`;

/** Why the route cannot be there too. */
export function describeConflict(key: RouteKey, { value, at }: PlacedRoute, file: string): string {
  return `"${shownName(key)}" is routed already: "${value.name}" in ${formatPlace(at, dirname(file))}`;
}

const overrideHint = "a route that you write into the profile by hand wins over those of the files it extends";

export type PlacedRoute = Placed<LayerEntry>;

/** The route of that hostname, or one that listens where this one would, or the service of that name. */
export function findRoute({ routes, reverse, entries }: Layer, { section, name }: RouteKey): PlacedRoute | undefined {
  if (section === "reverse") return reverse.get(name);
  if (section === "routes") return routes.get(normaliseHostname(name) ?? "");
  return portEntries(entries).find(({ value }) => clash(value.listen, addressesOf(section, name)));
}

function clash(some: readonly ListenAddress[], others: readonly ListenAddress[]): boolean {
  return some.some((address) => others.some((other) => overlaps(address, other)));
}

/** None for what is not a valid address: the loader reports it. */
function addressesOf(section: RouteSection, name: string): readonly ListenAddress[] {
  try {
    const addresses = parseListen(name);
    return section === "udp" ? addresses.map((address) => ({ ...address, transport: "udp" })) : addresses;
  } catch {
    return [];
  }
}

export interface RemovedRoute {
  readonly name: string;
  /** Where another file of the profile routes it still. */
  readonly remains: string | undefined;
}

/**
 * Takes routes out of the file, all of them or none. Throws KtError `route-unknown`, and as `loadPlan` does for a file that is not
 * TOML, or a profile that would be wrong without them; one that is wrong as it stands may be repaired this way.
 */
export async function removeFromProfile(options: LoadOptions, names: readonly string[]): Promise<readonly RemovedRoute[]> {
  const take = async (found: string | undefined): Promise<Removal> => await takeOutOf(found, names, options);
  const found = await readExactly(options.file);
  const { text, removed } = await take(found);
  await writeBack(options.file, { found, text }, take);
  return removed;
}

interface Removal {
  readonly text: string;
  readonly removed: readonly RemovedRoute[];
}

async function takeOutOf(found: string | undefined, names: readonly string[], options: LoadOptions): Promise<Removal> {
  if (found === undefined)
    throw new KtError("profile-not-found", `there is no file "${options.file}"`, { hints: [command`kt init -f ${options.file}`] });
  const text = found.replace(mark, "");
  const before = await loadIfRight(withText(options, text));
  const present = routeKeys(text);
  const namespace = before?.settings.namespace?.value;
  const keys = new Set(names.map((name) => findKey(present, name, namespace) ?? refuseUnknown(present, before, name)));
  const after = [...keys].reduce(removeRoute, text);
  const left = before && (await edited(loadLayer(withText(options, after)))).layer;
  const removed = [...keys].map((key) => {
    const other = left && findRoute(left, key);
    return { name: shownName(key), remains: other && formatPlace(other.at, dirname(resolve(options.file))) };
  });
  return { text: markOf(found) + after, removed };
}

/** Undefined for a profile that is TOML and wrong. */
async function loadIfRight(options: LoadOptions): Promise<Layer | undefined> {
  try {
    return (await loadLayer(options)).layer;
  } catch (thrown) {
    if (thrown instanceof ProfileError && thrown.problems.every(({ code }) => code !== "profile-syntax")) return undefined;
    throw thrown;
  }
}

/**
 * As written, else by what it means. A port is of TCP, or of UDP where it is written so, or where no route of TCP has it. A service without
 * a namespace is in `namespace`, the profile's.
 */
function findKey(keys: readonly RouteKey[], asked: string, namespace: string | undefined): RouteKey | undefined {
  const host = normaliseHostname(asked);
  const name = asked.replace(/\/(tcp|udp)$/i, "");
  const transport = asked.slice(name.length + 1).toLowerCase();
  const inNamespace = (service: string): string => (service.includes("/") ? service : `${namespace ?? ""}/${service}`);
  const means = ({ section, name: key }: RouteKey): boolean => {
    if (section === "routes") return host !== undefined && normaliseHostname(key) === host;
    if (section === "reverse") return inNamespace(key) === inNamespace(name);
    return clash(addressesOf(section, key), addressesOf(section, name));
  };
  const among = keys.filter(({ section }) => transport === "" || section === transport);
  return among.find((key) => key.name === name) ?? among.find(means);
}

function refuseUnknown(keys: readonly RouteKey[], layer: Layer | undefined, name: string): never {
  const bare = name.replace(/\/udp$/i, "");
  const tried: readonly RouteKey[] = [
    { section: "routes", name },
    { section: "tcp", name },
    { section: "udp", name: bare },
    { section: "reverse", name },
  ];
  const elsewhere = layer && tried.map((key) => findRoute(layer, key)).find((route) => route !== undefined);
  if (elsewhere === undefined) {
    const near = nearest(name, keys.map(shownName));
    throw new KtError("route-unknown", `there is no route "${name}" in the profile`, {
      hints: [near === undefined ? "kt check" : command`kt rm ${near}`],
    });
  }
  const { file, line, column } = elsewhere.at;
  const hints = file.startsWith("kt:") ? [`take "${file}" out of extends`, overrideHint] : [removeFrom(file, name)];
  throw new KtError("route-unknown", `"${name}" does not stand in the profile itself but in ${file}:${line}:${column}`, { hints });
}
