/** The names that the hub's DNS answers for: of every attached profile, as they are now. */

import type { ReplyOf } from "#control/api.ts";
import type { OwnNames } from "#dns/answer.ts";
import type { NameServer } from "#dns/upstream/exchange.ts";
import { type DnsEntry, DnsNames } from "#dns/names.ts";
import { zonesOf } from "#discovery/names.ts";
import { SystemResolvers } from "#host/names/resolvers.ts";
import { formatListen } from "#profile/values/listen.ts";
import type { Plan } from "#profile/values/plan.ts";
import type { ListenerState } from "#daemon/listening/listeners.ts";
import { namesIn, type Wanted, type WantedNames } from "#daemon/listening/wanted.ts";
import type { ForwardsState } from "#daemon/plans/opened-forwards.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import { ownHost } from "#daemon/status/names.ts";
import { sent } from "#daemon/status/sent.ts";

export type DnsFacts = Omit<ReplyOf<"dns">, "type">;

export interface DnsNamesOptions {
  /** In the order of their attaching: the first has a name that several have. */
  readonly profiles: () => readonly AttachedProfile[];
  readonly wanted: () => Wanted;
  readonly listener: (address: string) => ListenerState;
  readonly forwards: (profile: string) => ForwardsState;
}

interface Known {
  readonly names: DnsNames;
  /** Where hostnames are served. */
  readonly doors: readonly WantedNames[];
}

export class DnsNamesOfHub {
  readonly #options: DnsNamesOptions;
  #known: Known | undefined;

  constructor(options: DnsNamesOptions) {
    this.#options = options;
  }

  /** Something changed that names may follow from: they are read when they are asked for. */
  changed(): void {
    this.#known = undefined;
  }

  current(): OwnNames {
    this.#known ??= this.#read();
    const { names, doors } = this.#known;
    return { names, served: (name) => this.#served(name, doors) };
  }

  /** Where names are asked for, and what `kt dns status` tries. */
  facts(): DnsFacts {
    const { wanted, listener } = this.#options;
    const listeners = [...wanted().listeners].flatMap(([address, { kind }]) => {
      const { port, problem, isOptional } = listener(address);
      return kind === "dns" && !isOptional ? [{ address, open: port !== undefined, problem: sent(problem) }] : [];
    });
    const own = this.current();
    const plans = this.#plans();
    return { listeners, names: own.names.size, domains: [...new Set(plans.flatMap(domainsOf))], sample: this.#sample(plans, own) };
  }

  /** Of a service, where there is one: others may lead here without kt. */
  #sample(plans: readonly Plan[], { served }: OwnNames): DnsFacts["sample"] {
    const [entry] = plans.flatMap((plan) => this.#entries(plan));
    if (entry) return { name: entry.fullName, addresses: [...entry.addresses] };
    const [host] = plans.flatMap(({ routes }) => routes.map((route) => route.host));
    return host === undefined ? undefined : { name: host, addresses: [...served(host)] };
  }

  #plans(): Plan[] {
    return this.#options.profiles().map(({ plan }) => plan);
  }

  #read(): Known {
    const plans = this.#plans();
    const entries = plans.flatMap((plan) => this.#entries(plan));
    const zones = plans.flatMap((plan) => this.#zones(plan));
    return { names: new DnsNames(entries, zones), doors: namesIn(this.#options.wanted()).filter(isShared) };
  }

  /** A name that the profile gives to a route leads there. */
  #entries({ profile, routes }: Plan): DnsEntry[] {
    const own = new Set(routes.map(({ host }) => host));
    const { names } = this.#options.forwards(profile).all;
    return own.size === 0 ? [...names] : names.map((entry) => ({ ...entry, names: entry.names.filter((name) => !own.has(name)) }));
  }

  #zones(plan: Plan): string[] {
    const { namespaces } = this.#options.forwards(plan.profile).discovered;
    return [...domainsOf(plan), ...namespaces.flatMap(({ namespace, naming }) => zonesOf(namespace, naming))];
  }

  /** The addresses of the front door, where it knows the name. */
  #served(name: string, doors: readonly WantedNames[]): string[] {
    const leading = doors.filter(({ leadsTo }) => leadsTo.serves(name));
    const present = leading.filter(({ address }) => !this.#options.listener(formatListen(address)).isOptional);
    return [...new Set(present.map(({ address }) => ownHost(address)))];
  }
}

/** The domains that a profile itself names. Names under .localhost lead to this machine anyway. */
export function domainsOf({ clusterDomain, forwards, http: { suffix } }: Plan): string[] {
  return [clusterDomain, ...forwards.flatMap(({ domain }) => domain ?? []), suffix].filter((domain) => !domain.endsWith(".localhost"));
}

/** As against the address of one route alone. */
function isShared({ address, plans }: WantedNames): boolean {
  return plans.some(({ http }) => http.listen.some((each) => formatListen(each) === formatListen(address)));
}

/** Where programs of this machine ask for names (RFC 1035 §4.2). */
export function systemNameServers(): () => readonly NameServer[] {
  const resolvers = new SystemResolvers();
  return () => resolvers.current().map((host) => ({ host, port: 53 }));
}
