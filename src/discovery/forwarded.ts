/** Services and slices as the cluster has them → what is listened on, at which address and under which names. Pure. */

import type { Service, Slice } from "#kube/objects/objects.ts";
import { globMatcher } from "#base/glob.ts";
import { localPortsOf } from "./local-ports.ts";
import {
  fullNameOf,
  hostnamesOf,
  nameIn,
  type NameClash,
  type NamedPort,
  type DiscoveredName,
  type Naming,
  withoutClashes,
} from "./names.ts";

/** What a [[forward]] asks for in every namespace of its own. */
export interface Rules {
  /** Names and globs; none is all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** From service ports to local ports. */
  readonly ports: ReadonlyMap<number, number>;
}

/** A namespace as it is known now. */
export interface SeenNamespace {
  readonly context: string;
  readonly namespace: string;
  readonly rules: Rules;
  readonly naming: Naming;
  /** Undefined until they are listed. */
  readonly services: readonly Service[] | undefined;
  /** Of headless services. */
  readonly slices: readonly Slice[];
}

export interface ForwardedPort extends NamedPort {
  /** Of the service, or of the pod. */
  readonly targetPort: number;
}

/** A service, or one ready pod of a headless one, with an address of its own. */
export interface Forwarded {
  readonly context: string;
  /** Unlike that of any other: "db.shop", "db-0.db.shop", of another cluster "db.shop.prod". */
  readonly name: string;
  readonly namespace: string;
  readonly service: string;
  /** Undefined where any ready pod will do. */
  readonly pod: string | undefined;
  /** "" where nothing of it can be listened on. */
  readonly address: string;
  /** As in the cluster; of two places with one name it leads to the first. */
  readonly hostnames: readonly string[];
  readonly fullName: string;
  readonly ports: readonly ForwardedPort[];
  /** What is not as the cluster has it; one sentence each. */
  readonly notes: readonly string[];
}

export interface ForwardedAll {
  readonly forwarded: readonly Forwarded[];
  readonly names: readonly DiscoveredName[];
  readonly clashes: readonly NameClash[];
}

export interface Claimant {
  readonly context: string;
  readonly namespace: string;
  readonly service: string;
  readonly pod: string | undefined;
}

export interface ForwardedOptions {
  /** Gives an address, the same one each time; undefined where none is left. */
  readonly addressOf: (claimant: Claimant) => string | undefined;
  /** The address is not needed any more. */
  readonly onGone: (claimant: Claimant) => void;
  /** Ports below need a privilege that kt does not have. */
  readonly firstFreePort: number;
  /** A relay carries UDP, and reaches what leads to no pod. */
  readonly hasRelay: boolean;
}

/** What one service came to, and of what. */
interface Known {
  readonly service: Service;
  readonly seen: SeenNamespace;
  readonly places: readonly Forwarded[];
  readonly entries: readonly DiscoveredName[];
}

/** Of thousands of services one changes at a time, so what each came to is remembered. */
export class ForwardedServices {
  readonly #options: ForwardedOptions;
  #known = new Map<string, Known>();
  /** Keys of services that will be read anew. */
  readonly #stale = new Set<string>();

  constructor(options: ForwardedOptions) {
    this.#options = options;
  }

  /** In the order of the namespaces, services by name, pods after their service. What did not change is the same object as before. */
  update(namespaces: readonly SeenNamespace[]): ForwardedAll {
    const before = this.#known;
    this.#known = new Map();
    for (const seen of namespaces) {
      for (const service of selected(seen)) {
        const key = keyOf({ ...seen, service: service.name });
        const old = before.get(key);
        const isKept = old && !this.#stale.has(key) && isSame(old, service, seen);
        this.#known.set(key, isKept ? old : this.#read(service, seen));
      }
    }
    this.#stale.clear();
    this.#release(before);
    const all = [...this.#known.values()];
    const { entries: names, clashes } = withoutClashes(all.flatMap(({ entries }) => entries));
    return { forwarded: all.flatMap(({ places }) => places), names, clashes };
  }

  /** Its address, or that of a pod of its, may be another one by the next update. */
  forget(claimant: Omit<Claimant, "pod">): void {
    this.#stale.add(keyOf(claimant));
  }

  #read(service: Service, seen: SeenNamespace): Known {
    const places = placesOf(service, seen, this.#options);
    return { service, seen, places, entries: places.flatMap((place) => entryOf(place, places)) };
  }

  #release(previous: ReadonlyMap<string, Known>): void {
    for (const [key, { places }] of previous) {
      const now = this.#known.get(key)?.places ?? [];
      if (now === places) continue;
      const kept = new Set(now.map(({ name }) => name));
      for (const place of places) if (place.address !== "" && !kept.has(place.name)) this.#options.onGone(place);
    }
  }
}

function keyOf({ context, namespace, service }: Omit<Claimant, "pod">): string {
  return `${context}\0${namespace}\0${service}`;
}

/** Slices concern headless services alone. */
function isSame(known: Known, service: Service, seen: SeenNamespace): boolean {
  const { rules, naming, slices } = known.seen;
  return known.service === service && rules === seen.rules && naming === seen.naming && (!service.headless || slices === seen.slices);
}

function selected({ rules: { include, exclude }, services = [] }: SeenNamespace): readonly Service[] {
  const isIncluded = include.length === 0 ? () => true : globMatcher(include);
  const isExcluded = globMatcher(exclude);
  return services.filter(({ name }) => isIncluded(name) && !isExcluded(name)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function placesOf(service: Service, seen: SeenNamespace, options: ForwardedOptions): readonly Forwarded[] {
  const { context, namespace, rules, naming, slices } = seen;
  const local = localPortsOf(service, { mapped: rules.ports, firstFree: options.firstFreePort, udp: options.hasRelay });
  const claim = (pod: string | undefined, ports: readonly ForwardedPort[], notes: readonly string[]): Forwarded[] => {
    const claimant = { context, namespace, service: service.name, pod };
    const place = { ...claimant, name: nameIn(claimant, naming), ...namesAt(claimant, naming) };
    const address = ports.length === 0 ? "" : options.addressOf(claimant);
    return address === undefined ? [{ ...place, address: "", ports: [], notes: [noAddress] }] : [{ ...place, address, ports, notes }];
  };
  const lacking = whatLacks(service, options.hasRelay);
  if (service.type === "ExternalName" && lacking !== undefined) return claim(undefined, [], [lacking]);
  const notes = lacking === undefined ? local.notes : [...local.notes, lacking];
  const own = claim(
    undefined,
    local.ports.map((each) => ({ ...each, targetPort: each.port })),
    notes,
  );
  if (!service.headless || local.ports.length === 0) return own;
  return [...own, ...readyPods(service, slices).flatMap(({ pod, portOf }) => claim(pod, podPorts(local.ports, portOf), []))];
}

const noAddress = "no loopback address is left for it; on macOS kt setup addresses makes some";

/** Port-forward reaches pods alone. */
function whatLacks({ ports, type, externalName, selector }: Service, hasRelay: boolean): string | undefined {
  const alias = type === "ExternalName" ? `an alias of ${externalName ?? "another name"}` : undefined;
  if (ports.length === 0) return `${alias === undefined ? "" : `${alias}, which `}declares no ports, so there is nothing to listen on`;
  if (hasRelay) return undefined;
  if (alias !== undefined) return `${alias}: it leads to no pod, which needs the relay: give it an image in [relay]`;
  return selector === undefined
    ? "has no selector: where its endpoints are not pods, it needs the relay: give it an image in [relay]"
    : undefined;
}

function podPorts(ports: readonly NamedPort[], portOf: (name: string) => number | undefined): ForwardedPort[] {
  return ports.flatMap((each) => {
    const targetPort = portOf(each.name);
    return targetPort === undefined ? [] : [{ ...each, targetPort }];
  });
}

interface ReadyPod {
  readonly pod: string;
  /** The pod's port by the name of the service's. */
  readonly portOf: (name: string) => number | undefined;
}

/** Each once, by name: a pod with an address of each family is in two slices. */
function readyPods({ name }: Service, slices: readonly Slice[]): ReadyPod[] {
  const pods = new Map<string, ReadyPod>();
  for (const slice of slices.filter(({ service }) => service === name)) {
    const portOf = (port: string): number | undefined => slice.ports.find((each) => each.name === port)?.port;
    for (const { pod, ready, terminating } of slice.endpoints)
      if (pod !== undefined && ready && !terminating) pods.set(pod, { pod, portOf });
  }
  return [...pods.values()].toSorted((a, b) => a.pod.localeCompare(b.pod, "en", { numeric: true }));
}

function namesAt(place: Claimant, naming: Naming): Pick<Forwarded, "hostnames" | "fullName"> {
  return { hostnames: hostnamesOf(place, naming), fullName: fullNameOf(place, naming) };
}

/** The name of a headless service is answered with all of its pods, as the cluster does. */
function entryOf({ address, hostnames, fullName, pod, ports }: Forwarded, places: readonly Forwarded[]): DiscoveredName[] {
  if (address === "") return [];
  const pods = places.filter((each) => each.pod !== undefined && each.address !== "").map((each) => each.address);
  const addresses = pod === undefined && pods.length > 0 ? pods : [address];
  const named = ports.map(({ targetPort: _targetPort, ...port }) => port);
  return [{ names: hostnames, fullName, address, addresses, ports: named }];
}
