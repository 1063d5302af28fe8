/** What the hub's proxies lead to: names of the clusters of the profiles that share an address, and what is dialled for them besides. */

import { normaliseHostname, parseAuthority } from "#base/hostname.ts";
import { parseIpv4 } from "#base/ipv4.ts";
import type { ForwardsState } from "#daemon/plans/opened-forwards.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { isWithin } from "#net/connect-outside.ts";
import type { Plan } from "#profile/values/plan.ts";
import type { AskedNames } from "#proxy/clients/proxy-visit.ts";
import type { Found, Lookup, Refused } from "#route/lookup.ts";
import { routeLimits } from "#route/limits.ts";
import { AllowedOrigins } from "#route/origins.ts";
import type { ClusterRef, ProxiedTarget } from "#route/target.ts";
import { ProfileNames } from "./profile-names.ts";

export interface AskedNamesOptions {
  /** In the order of their attaching. */
  readonly profiles: () => readonly AttachedProfile[];
  readonly forwards: (profile: string) => ForwardsState;
  /** Throws KtError. */
  readonly clusterFor: (ref: ClusterRef) => Pick<Cluster, "context" | "namespace">;
}

/** Names per profile, made anew when something changed that they follow from. */
export class AskedNamesOfHub {
  readonly #options: AskedNamesOptions;
  readonly #known = new Map<string, ProfileNames>();
  /** Services that were found, by the profiles and the authority: each connection asks. */
  readonly #recent = new Map<string, Lookup>();

  constructor(options: AskedNamesOptions) {
    this.#options = options;
  }

  changed(): void {
    this.#known.clear();
    this.#recent.clear();
  }

  /** Of an address that these profiles share; the first has a name that several have. */
  of(profiles: readonly string[]): AskedNames {
    const place = profiles.join("\0");
    return {
      lookup: (authority) => this.#recent.get(`${place}\0${authority}`) ?? this.#remembered(place, authority, profiles),
      allowedOrigins: (lookup) => this.#allowedOrigins(lookup, profiles),
    };
  }

  /** What one profile reaches; undefined where it has no such name. */
  find(profile: string, authority: string): Found | undefined {
    const found = this.#lookup(authority, [profile]);
    return found.kind === "found" ? found : undefined;
  }

  /** Undefined of a profile that is not attached. */
  namesOf(profile: string): ProfileNames | undefined {
    const known = this.#known.get(profile);
    if (known) return known;
    const plan = this.#plan(profile);
    if (!plan) return undefined;
    const names = new ProfileNames(plan, this.#options.forwards(profile), (context) => this.#cluster({ profile, context }));
    // Without its clusters it is not complete: it is read again for the next.
    if (names.clusters.every(({ context }) => context !== "")) this.#known.set(profile, names);
    return names;
  }

  #remembered(place: string, authority: string, profiles: readonly string[]): Lookup {
    const lookup = this.#lookup(authority, profiles);
    if (lookup.kind !== "found" || lookup.target.kind === "proxied" || authority.length > routeLimits.recentNameLength) return lookup;
    if (this.#recent.size >= routeLimits.recentNames) this.#recent.clear();
    this.#recent.set(`${place}\0${authority}`, lookup);
    return lookup;
  }

  #plan(profile: string): Plan | undefined {
    return this.#options.profiles().find(({ plan }) => plan.profile === profile)?.plan;
  }

  #cluster(ref: ClusterRef): Pick<Cluster, "context" | "namespace"> | undefined {
    try {
      return this.#options.clusterFor(ref);
    } catch {
      return undefined;
    }
  }

  #lookup(sent: string, profiles: readonly string[]): Lookup {
    const { host: text = sent, port = 80 } = parseAuthority(sent) ?? {};
    const ip = ipOf(text);
    const host = ip ?? normaliseHostname(text);
    if (host === undefined) return refused(text, "is neither a valid name nor an IP address", "kt logs");
    if (host === "localhost" || host.endsWith(".localhost") || (ip !== undefined && isWithin(ip))) return refused(host, ...thisMachine);
    const names = profiles.map((profile) => this.namesOf(profile));
    for (const each of ip === undefined ? names : []) {
      const found = each?.find(host, port);
      if (found) return found;
    }
    const direct = profiles.some((profile) => this.#plan(profile)?.proxy.direct === true);
    if (ip !== undefined || direct) return proxied({ host, port, direct, profiles });
    return refused(host, ...notReached(names.flatMap((each) => each ?? [])));
  }

  #allowedOrigins(lookup: Lookup, profiles: readonly string[]): AllowedOrigins {
    const asked = lookup.kind === "found" && lookup.target.kind !== "proxied" ? [lookup.profile] : profiles;
    return new AllowedOrigins(asked.flatMap((profile) => this.#plan(profile)?.http.allowOrigins ?? []));
  }
}

/** In its usual form; IPv6 without brackets. */
function ipOf(text: string): string | undefined {
  if (parseIpv4(text) !== undefined) return text;
  return text.includes(":") ? URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1) : undefined;
}

const thisMachine = [
  "is this machine itself or its own link, which needs no proxy",
  "leave it out of the proxy: NO_PROXY=localhost,.localhost",
] as const;

function refused(host: string, why: string, hint: string): Refused {
  return { kind: "refused", host, reason: `"${host}" ${why}`, hint };
}

function proxied(target: Omit<ProxiedTarget, "kind" | "cluster">): Found {
  const [profile = ""] = target.profiles;
  const route = target.host.includes(":") ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
  return {
    kind: "found",
    profile,
    route,
    via: "dynamic",
    target: { kind: "proxied", cluster: { profile, context: undefined }, ...target },
    scheme: "http",
    manner: { forwarded: false, schemeGiven: true },
  };
}

/** Namespaces that a refusal lists at most. */
const shownNamespaces = 20;

/** Why a name is not reached, and what is. */
export function notReached(names: readonly ProfileNames[]): readonly [why: string, hint: string] {
  const all = names.flatMap(({ clusters }) =>
    clusters.flatMap(({ namespaces, label }) => namespaces.map((each) => (label === undefined ? each : `${each}.${label}`))),
  );
  const more = all.length > shownNamespaces ? `, and ${all.length - shownNamespaces} more` : "";
  const listed = `${all.slice(0, shownNamespaces).join(", ")}${more}`;
  return [
    "is not a service of a namespace that the profile speaks of, and the proxy leads nowhere else",
    `it reaches SERVICE.NAMESPACE in ${listed === "" ? "no namespace yet" : listed}; for all else from this machine: [proxy] direct = true`,
  ];
}
