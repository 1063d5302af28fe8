/** The hostnames of forwarded services and pods, as the cluster's own DNS has them, each with its loopback address. Pure. */

import { normaliseHostname } from "#base/hostname.ts";
import { isOtherPeoples } from "#base/other-peoples.ts";

/** A declared port, and the local port that it listens on. */
export interface NamedPort {
  /** "" for the unnamed one. */
  readonly name: string;
  /** As the service declares it. */
  readonly port: number;
  /** Another one where `ports` maps it, and where low ports need a privilege. */
  readonly localPort: number;
  /** The port in whose place it is, where that one needs a privilege which kt does not have. */
  readonly lowPort?: number;
  /** Absent: TCP. */
  readonly transport?: "udp";
}

/** What a hosts file and a DNS server need to know of one service or pod. */
export interface DiscoveredName {
  /** Lower case, without a final dot, the shortest first. Of all entries of a profile, each name stands in one only. */
  readonly names: readonly string[];
  /** As the cluster itself has it. */
  readonly fullName: string;
  /** Of 127.0.0.0/8. */
  readonly address: string;
  /** What DNS answers with instead of `address`: of a headless service its ready pods, of others `address` alone. */
  readonly addresses: readonly string[];
  readonly ports: readonly NamedPort[];
}

/** Where names of one [[forward]] end. */
export interface Naming {
  /** Of the first [[forward]] of a profile the bare names lead there as well. */
  readonly isFirst: boolean;
  /** The short name of a cluster that is not the profile's first. */
  readonly cluster: string | undefined;
  /** As `[dns] cluster_domain`. */
  readonly clusterDomain: string;
  /** `domain` of the [[forward]]. */
  readonly domain: string | undefined;
}

/** A service, or one pod of a headless one. */
export interface Place {
  readonly namespace: string;
  readonly service: string;
  readonly pod: string | undefined;
}

/** The shortest name that no other place of the profile has. */
export function nameIn({ namespace, service, pod }: Place, { cluster }: Pick<Naming, "cluster">): string {
  return [pod, service, namespace, cluster].filter((part) => part !== undefined).join(".");
}

/** As the cluster's own DNS has it; of another cluster than the first, with that one's short name behind. */
export function fullNameOf({ namespace, service, pod }: Place, { cluster, clusterDomain }: Naming): string {
  return [pod, service, namespace, "svc", clusterDomain, cluster].filter((part) => part !== undefined).join(".");
}

/**
 * The domains in which only kt has names: of the cluster, of the namespace as it is called within the cluster, and of the [[forward]].
 */
export function zonesOf(namespace: string, { cluster, clusterDomain, domain }: Naming): string[] {
  const end = cluster === undefined ? "" : `.${cluster}`;
  return [`${clusterDomain}${end}`, `${namespace}.svc${end}`, ...(domain === undefined ? [] : [domain])];
}

/** The names that lead to a place, the shortest first; none that is not a hostname, or not the cluster's to give. */
export function hostnamesOf(place: Place, naming: Naming): string[] {
  const { inCluster, inDomain } = allNames(place, naming);
  return [...inCluster.filter((name) => !isOtherPeoples(name)), ...inDomain];
}

/** The names that a place would have, were they not taken from what others have by them. */
export function refusedNames(place: Place, naming: Naming): string[] {
  return allNames(place, naming).inCluster.filter(isOtherPeoples);
}

/** The profile itself says what those in its domains end with. */
function allNames(place: Place, naming: Naming): { readonly inCluster: string[]; readonly inDomain: string[] } {
  const { namespace, service, pod } = place;
  const { isFirst, cluster, domain } = naming;
  const short = pod === undefined ? service : `${pod}.${service}`;
  const end = cluster === undefined ? "" : `.${cluster}`;
  const inNamespace = `${short}.${namespace}`;
  const full = fullNameOf(place, naming);
  const inCluster = [
    ...(isFirst ? [short] : []),
    `${inNamespace}${end}`,
    `${inNamespace}.svc${end}`,
    ...(cluster === undefined ? [] : [full]),
  ];
  const inDomain = [...(cluster === undefined ? [full] : []), ...(domain === undefined ? [] : [`${inNamespace}.${domain}`])];
  const valid = (name: string): string[] => [normaliseHostname(name)].filter((each) => each !== undefined);
  return { inCluster: inCluster.flatMap(valid), inDomain: inDomain.flatMap(valid) };
}

/** A name that two places would have: it leads to the first. */
export interface NameClash {
  readonly name: string;
  /** Addresses. */
  readonly kept: string;
  readonly refused: string;
}

/** Each name once, at the first entry that has it. An entry without any name of its own is left out. */
export function withoutClashes(entries: readonly DiscoveredName[]): {
  readonly entries: readonly DiscoveredName[];
  readonly clashes: readonly NameClash[];
} {
  const holders = new Map<string, string>();
  const clashes: NameClash[] = [];
  const kept = entries.map((entry) => {
    const { address } = entry;
    const names = entry.names.filter((name) => {
      const holder = holders.get(name);
      if (holder === undefined) holders.set(name, address);
      else if (holder !== address) clashes.push({ name, kept: holder, refused: address });
      return holder === undefined;
    });
    return { ...entry, names };
  });
  return { entries: kept.filter(({ names }) => names.length > 0), clashes };
}
