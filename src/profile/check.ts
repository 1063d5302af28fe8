/** Finds what is wrong between the entries of a merged layer, rather than in one. */

import { Completion } from "./completion.ts";
import type { Layer } from "#profile/read/layer.ts";
import { frontDoorAddresses } from "#profile/sections/http.ts";
import { portEntries, type SettingAddresses } from "#profile/sections/section.ts";
import { tomlKey } from "#profile/toml/text.ts";
import { formatListen, isLoopback, isWildcard, overlaps } from "#profile/values/listen.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import { checkTls } from "./tls.ts";

interface Claim {
  readonly name: string;
  readonly address: ListenAddress;
}

/** Who listens where. By port, since a profile may have thousands. */
class Claims {
  readonly #wildcards = new Map<number, Claim[]>();
  readonly #byAddress = new Map<string, Claim>();
  readonly #byPort = new Map<number, Claim[]>();

  add(claim: Claim): void {
    const { address } = claim;
    const place = formatListen(address);
    if (!this.#byAddress.has(place)) this.#byAddress.set(place, claim);
    for (const group of isWildcard(address) ? [this.#byPort, this.#wildcards] : [this.#byPort]) {
      const claims = group.get(address.port) ?? [];
      claims.push(claim);
      group.set(address.port, claims);
    }
  }

  /** The first that cannot listen beside the address. */
  against(address: ListenAddress): Claim | undefined {
    const sure = this.#byAddress.get(formatListen(address));
    const among = (isWildcard(address) ? this.#byPort : this.#wildcards).get(address.port);
    return sure ?? among?.find((claim) => overlaps(claim.address, address));
  }
}

/** No two routes can listen in one place, and none where [http] does. */
function checkOverlaps(layer: Layer, http: readonly ListenAddress[]): void {
  const claims = new Claims();
  for (const address of http) claims.add({ name: "[http] listen", address });
  for (const setting of layer.listens) checkSetting(setting, claims);
  for (const { value: route, source, path } of portEntries(layer.entries)) {
    const [clash] = route.listen.flatMap((mine) => claims.against(mine) ?? []);
    if (clash !== undefined) {
      const message = `"${route.name}" is taken by ${clash.name}, which listens on ${formatListen(clash.address)}`;
      source.problem(path, message, { at: "key", hint: "choose another local port" });
    }
    for (const address of route.listen) claims.add({ name: `"${route.name}"`, address });
  }
}

function checkSetting({ name, listen }: SettingAddresses, claims: Claims): void {
  const [clash] = listen.value.flatMap((mine) => claims.against(mine) ?? []);
  if (clash) {
    const message = `${name} is taken by ${clash.name}, which listens on ${formatListen(clash.address)}`;
    listen.source.problem(listen.path, message, { hint: "choose another port" });
  }
  for (const address of listen.value) claims.add({ name, address });
}

function refuseWide(place: Placed<unknown>, address: ListenAddress, where: string): void {
  const message = `${formatListen(address)} can be reached from other machines, and so would the cluster`;
  place.source.problem(place.path, message, { hint: `listen on 127.0.0.1, or allow it with expose = true ${where}` });
}

/** Others could neither use the addresses that it answers with, nor be kept from asking the name servers of this machine. */
function checkDnsExposure({ dns: { listen } }: Layer): void {
  keepOnThisMachine(listen, "the names lead to addresses of this one alone");
}

/** It asks for no password, and whole namespaces are behind it. */
function checkProxyExposure({ proxy: { listen } }: Layer): void {
  keepOnThisMachine(listen, "the proxy is for programs of this one alone");
}

function keepOnThisMachine(listen: Placed<readonly ListenAddress[]> | undefined, why: string): void {
  const wide = listen?.value.find((address) => !isLoopback(address));
  if (listen === undefined || wide === undefined) return;
  const message = `${formatListen(wide)} can be reached from other machines, and ${why}`;
  listen.source.problem(listen.path, message, { hint: `for example listen = "127.0.0.1:${wide.port}"` });
}

/** Nothing would listen there. */
function checkProxyUse({ proxy: { listen, env, direct } }: Layer): void {
  for (const [name, setting] of Object.entries({ env, direct })) {
    if (setting?.value !== true || (listen?.value.length ?? 0) > 0) continue;
    setting.source.problem(setting.path, `${name} = true is for a proxy, and none listens`, { hint: '[proxy] listen = "127.0.0.1:8988"' });
  }
}

function checkExposure({ settings, http, entries }: Layer): void {
  if (settings.expose?.value === true) return;
  const { listen, expose } = http;
  const wide = expose?.value === true ? undefined : listen?.value.find((address) => !isLoopback(address));
  if (listen !== undefined && wide !== undefined) refuseWide(listen, wide, "under [http]");
  for (const route of portEntries(entries)) {
    const address = route.value.listen.find((each) => !isLoopback(each));
    if (address !== undefined && !route.value.expose) refuseWide(route, address, `under [${route.path.map(tomlKey).join(".")}]`);
  }
}

/** Which namespace the kubeconfig chooses is not known before a cluster is opened. */
function checkClusterNames({ http: { clusterNames }, settings, entries }: Layer): void {
  if (clusterNames?.value !== true || settings.namespace !== undefined) return;
  const namespaces = entries.flatMap(({ value }) => namespacesIn(value));
  if (namespaces.length > 0) return;
  const message = "cluster_names = true is for the namespaces that the profile speaks of, and it names none";
  clusterNames.source.problem(clusterNames.path, message, {
    hint: 'name them: namespace = "shop" at the top, or cluster_names = ["shop"]',
  });
}

function namespacesIn(entry: object): readonly string[] {
  if ("namespaces" in entry && Array.isArray(entry.namespaces)) return entry.namespaces;
  const place = "target" in entry ? entry.target : "template" in entry ? entry.template : undefined;
  if (typeof place !== "object" || place === null || !("namespace" in place)) return [];
  return typeof place.namespace === "string" && !place.namespace.includes("{") ? [place.namespace] : [];
}

/** Reports what clashes, and what is open to other machines. */
export function checkLayer(file: string, layer: Layer): void {
  checkOverlaps(layer, frontDoorAddresses(layer));
  checkExposure(layer);
  checkDnsExposure(layer);
  checkProxyExposure(layer);
  checkProxyUse(layer);
  checkTls(layer);
  checkClusterNames(layer);
  new Completion(file, layer).jumpPods.reportClashes();
}
