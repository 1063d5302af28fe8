/** The values of a profile's `[env]`, and the routes that it refers to. */

import { portsOf } from "#profile/values/planned.ts";
import { KtError } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import type { Snapshot } from "#control/api.ts";
import { addressOf, clientScheme, urlOf } from "./urls.ts";
import { formatListen } from "#profile/values/listen.ts";
import type { Plan } from "#profile/values/plan.ts";
import { fillReferences, findReferences, type RouteReference } from "#profile/values/references.ts";

export type Variables = Readonly<Record<string, string>>;

/** Of what a profile forwards now: "db.shop:5432" → "127.1.27.1:5432". */
export type ForwardedAddresses = ReadonlyMap<string, string>;

export function forwardedIn({ profiles }: Pick<Snapshot, "profiles">, profile: string): ForwardedAddresses {
  const routes = profiles.find((each) => each.profile === profile)?.routes ?? [];
  return new Map(routes.filter(({ kind }) => kind === "forward").map(({ name, url }) => [name, url]));
}

/** Whether its values are only known while it is attached. */
export function needsForwards({ env }: Plan): boolean {
  return Object.values(env).some((text) => findReferences(text).some(({ kind }) => kind === "forward"));
}

/** `[env]` with the references to routes filled in. Throws KtError `route-unknown` for a service that is not forwarded. */
export function variablesOf(plan: Plan, forwarded: ForwardedAddresses): Variables {
  const valueFor = (reference: RouteReference): string => {
    const value = fieldsOf(plan, reference, forwarded)?.[reference.field];
    if (value === undefined && reference.kind === "forward") throw notForwarded(reference, forwarded);
    // The profile was refused if it had one that leads nowhere.
    if (value === undefined) throw new KtError("internal", `internal error: "${reference.text}" has no value`);
    return value;
  };
  return Object.fromEntries(Object.entries(plan.env).map(([name, text]) => [name, fillReferences(text, valueFor)]));
}

/** Never through the proxy: this machine itself. Go and newer curls read the network, others the addresses. */
const withoutProxy = ["localhost", ".localhost", "127.0.0.1", "127.0.0.0/8", "::1"];

/**
 * What makes a program use the profile's proxy, where that asks for it: in capitals for most, in small letters for curl, which reads no
 * HTTP_PROXY. API servers are left out, for kubectl and for kt itself, and hosts that the user's own shell leaves out stay so.
 */
export function proxyVariables({ proxy, listeners }: Plan, shell: Variables, servers: readonly string[]): Variables {
  const address = listeners.find(({ kind }) => kind === "proxy")?.listen[0];
  if (!proxy.env || address === undefined) return {};
  const place = formatListen(address);
  const left = shell["NO_PROXY"] ?? shell["no_proxy"];
  const set = {
    ALL_PROXY: `socks5h://${place}`,
    HTTP_PROXY: `http://${place}`,
    HTTPS_PROXY: `http://${place}`,
    NO_PROXY: [...new Set([...withoutProxy, ...servers]), ...(left ? [left] : [])].join(","),
  };
  return Object.fromEntries(Object.entries(set).flatMap(([name, value]) => [name, name.toLowerCase()].map((each) => [each, value])));
}

/** The routes that `[env]` refers to, by name; where it refers to none, every static route. */
export function routesOf(plan: Plan): string[] {
  const { env, routes } = plan;
  const references = Object.values(env).flatMap(findReferences);
  const isMeant = (kind: RouteReference["kind"], key: string): boolean =>
    references.length === 0 || references.some((each) => each.kind === kind && each.route === key);
  return [
    ...routes.filter(({ host }) => isMeant("routes", host)).map(({ name }) => name),
    ...portsOf(plan)
      .filter(({ name }) => isMeant("tcp", name) || isMeant("udp", name.replace(/\/udp$/, "")))
      .map(({ name }) => name),
  ];
}

function notForwarded({ text, route }: RouteReference, forwarded: ForwardedAddresses): KtError {
  const near = nearest(route, [...forwarded.keys()]);
  const hints = near === undefined ? ["kt status"] : [`did you mean "${near}"?`, "kt status"];
  return new KtError("route-unknown", `"${text}" names a port that is not forwarded`, { hints });
}

function fieldsOf(plan: Plan, { kind, route }: RouteReference, forwarded: ForwardedAddresses): Variables | undefined {
  if (kind === "forward") return partsOf(forwarded.get(route));
  if (kind === "routes") return httpFields(plan, route);
  return portFields(plan, kind === "udp" ? `${route}/udp` : route);
}

/** `host` is without the brackets of an IPv6 address, as the variables of most clients want it. */
function portFields(plan: Plan, route: string): Variables | undefined {
  const found = portsOf(plan).find(({ name }) => name === route);
  if (!found) return undefined;
  return partsOf(addressOf(found.listen, undefined));
}

function partsOf(address: string | undefined): Variables | undefined {
  if (address === undefined) return undefined;
  const colon = address.lastIndexOf(":");
  return { address, host: address.slice(0, colon).replace(/^\[|\]$/g, ""), port: address.slice(colon + 1) };
}

/** `address`, `host` and `port` are those that need no name to be resolved. */
function httpFields({ routes, http }: Plan, route: string): Variables | undefined {
  const found = routes.find(({ host }) => host === route);
  const [first] = http.listen;
  if (!found || !first) return undefined;
  const url = { url: urlOf(found.host, clientScheme(found), first.port) };
  const { address } = found;
  return address === undefined ? url : { ...url, address: formatListen(address), host: address.host, port: String(address.port) };
}
