/** What a profile would open to others, the network, pages of the web, names that any program may make up, as facts that need consent. */

import { isLocalOrigin, parseOrigin } from "#route/origins.ts";
import type { ConsentFact } from "./consent-fact.ts";
import type { Layer } from "#profile/read/layer.ts";
import { portEntries } from "#profile/sections/section.ts";
import { formatListen, isLoopback } from "#profile/values/listen.ts";

/** One rule for each way in. */
export function openings(layer: Layer): readonly ConsentFact[] {
  return [exposure, pages, publicNames, clusterNames, contexts, capturedContexts].flatMap((rule) => rule(layer));
}

function fact(kind: string, what: string, why: string, names: readonly string[]): readonly ConsentFact[] {
  return [{ what, why, content: JSON.stringify([kind, ...names]) }];
}

function exposure({ settings, http, entries }: Layer): readonly ConsentFact[] {
  const wholeProfile = [settings.expose, http.expose].some((said) => said?.value === true);
  const ports = portEntries(entries);
  if (!wholeProfile && !ports.some(({ value }) => value.expose)) return [];
  const all = [...(http.listen?.value ?? []), ...ports.flatMap(({ value }) => value.listen)];
  const wide = [...new Set(all.filter((address) => !isLoopback(address)).map(formatListen))].sort();
  const where = wide.length === 0 ? "" : ` on ${wide.join(", ")}`;
  return fact("expose", `lets other machines in${where} (expose = true)`, "the network could use the cluster as you", wide);
}

function pages({ http }: Layer): readonly ConsentFact[] {
  const foreign = (http.allowOrigins?.value ?? []).filter((origin) => !isOfThisMachine(origin)).toSorted();
  if (foreign.length === 0) return [];
  const what = `lets in pages of ${foreign.map((origin) => `"${origin}"`).join(", ")} (allow_origins)`;
  return fact("origins", what, "these pages could use the cluster as you, while you have them open", foreign);
}

function isOfThisMachine(origin: string): boolean {
  const parsed = parseOrigin(origin);
  return parsed !== undefined && isLocalOrigin(parsed);
}

/** A page counts as the user's own by its name: under one that the web gives away, the profile's author may have pages. */
function publicNames({ http, routes, patterns, forward }: Layer): readonly ConsentFact[] {
  const domains = [...forward.values()].flatMap(({ value: { domain } }) => (domain === undefined ? [] : [`{service}.${domain}`]));
  const texts = [...patterns.values()].map(({ value }) => value.pattern.text);
  const hosts = [...routes.keys(), ...texts, ...domains, http.suffix?.value ?? ""];
  const zones = [...new Set(hosts.filter(isPublic).map(zoneOf))].sort();
  return zones.flatMap((zone) => {
    const what = zone === "" ? "serves names of the whole web" : `serves names of "${zone}", which may be a site of the web`;
    return fact("name", what, "its pages would count as yours, and could use the cluster as you", [zone]);
  });
}

/** Ends that lead nowhere in the public DNS (RFC 6761, RFC 2606, ICANN's `internal`), and names without a dot. */
const privateEnds = /^[^.{]*$|\.(?:localhost|test|example|invalid|internal)$/;
const loopbackIp = /^127(?:\.\d+){3}$/;

function isPublic(host: string): boolean {
  return !privateEnds.test(host) && !loopbackIp.test(host);
}

/** The zone that the name belongs to: a second name in it needs no second consent. */
function zoneOf(host: string): string {
  const labels = host.split(".");
  const captured = labels.findLastIndex((label) => label.includes("{"));
  if (captured >= 0) return labels.slice(captured + 1).join(".");
  return labels.length > 2 && !/^[\d.]+$/.test(host) ? labels.slice(1).join(".") : host;
}

/** A name of two labels may be one of the web, and its pages would be asked for at the front door by themselves. */
function clusterNames({ http }: Layer): readonly ConsentFact[] {
  const said = http.clusterNames?.value ?? false;
  if (said === false || (said !== true && said.length === 0)) return [];
  const where = said === true ? "" : ` of ${said.map((each) => `"${each}"`).join(", ")}`;
  const why = "a site of the web that is called like a service would count as yours, and could use the cluster as you";
  return fact(
    "cluster-names",
    `serves SERVICE.NAMESPACE${where} by the cluster's own names (cluster_names)`,
    why,
    said === true ? [] : said,
  );
}

/** Contexts that the profile speaks of elsewhere are reached by dynamic names without it. */
function contexts(layer: Layer): readonly ConsentFact[] {
  const dynamic = layer.http.dynamic?.value;
  if (dynamic === undefined || dynamic === false) return [];
  if (dynamic === true) return fact("dynamic", "lets dynamic names reach every context (dynamic = true)", anyContext, []);
  const named = namedContexts(layer);
  const unnamed = [...new Set(dynamic.filter((context) => !named.has(context)))].sort();
  if (unnamed.length === 0) return [];
  const list = unnamed.map((context) => `"${context}"`).join(", ");
  return fact("dynamic", `lets dynamic names reach ${list}, which it does not name otherwise`, anyContext, unnamed);
}

const anyContext = "every service in them can be reached by a name that any program on this machine may make up";

function namedContexts({ settings, contexts: short, entries }: Layer): ReadonlySet<string | undefined> {
  const used = entries.map(({ value }) => value.context);
  return new Set([settings.context?.value, ...short.keys(), ...[...short.values()].map(({ value }) => value), ...used]);
}

function capturedContexts({ patterns }: Layer): readonly ConsentFact[] {
  return [...patterns.values()].flatMap(({ value: { name, context } }) =>
    context?.includes("{") ? fact("pattern", `lets the pattern "${name}" reach every context`, anyContext, [name, context]) : [],
  );
}
