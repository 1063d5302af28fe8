/** Names of a cluster at the front door: which profile has one, and the port that is meant by it. */

import { globMatcher } from "#base/glob.ts";
import { isOtherPeoples } from "#base/other-peoples.ts";
import { readClusterName } from "./cluster-names.ts";
import type { ClusterEntry, Found, Manner, Refused } from "./lookup.ts";
import { schemeForPort } from "./port.ts";
import { refusedApiServer } from "./reach.ts";
import { formatTarget, type OtherPorts, type PodTarget } from "./target.ts";

interface Known {
  readonly entry: ClusterEntry;
  readonly isMeant: (namespace: string) => boolean;
}

/** No profile says how the backend speaks. */
const manner: Manner = { forwarded: true, schemeGiven: false };

/** The port of a URL that names none. */
const defaultPort = 80;
const tlsPort = 443;

export class ClusterRoutes {
  readonly #known: readonly Known[];

  /** In the order in which the profiles were attached: the first has a name that several have. */
  constructor(entries: readonly ClusterEntry[]) {
    this.#known = entries.map((entry) => ({ entry, isMeant: globMatcher(entry.namespaces) }));
  }

  /** Which namespaces there are, for `kt explain`; none where no profile serves such names. */
  get namespaces(): readonly string[] {
    return [...new Set(this.#known.flatMap(({ entry }) => entry.namespaces))];
  }

  /** Of a normalised name and the port sent with it; undefined when it is not one of a namespace that is served. */
  lookup(host: string, sentPort: number | undefined): Found | Refused | undefined {
    for (const { entry, isMeant } of this.#known) {
      const read = isOtherPeoples(host) ? undefined : readClusterName(host, entry.clusterDomain);
      if (read === undefined || !isMeant(read.namespace)) continue;
      const { profile, context, tls } = entry;
      const port = sentPort ?? defaultPort;
      const { pod, service, namespace } = read;
      const source = pod === undefined ? { kind: "service" as const, name: service } : { kind: "pod" as const, name: pod };
      const derived = { mustBeCurrent: false, ...(pod === undefined && { otherwise: otherPorts(entry, service, namespace, port) }) };
      const target: PodTarget = { ...source, cluster: { profile, context }, namespace, port, derived };
      const route = sentPort === undefined ? host : `${host}:${port}`;
      const refused = refusedApiServer(host, target, `[routes] "NAME.localhost" = "${formatTarget(target)}"`);
      return refused ?? { kind: "found", profile, route, via: "dynamic", target, scheme: schemeForPort(port), manner, ...(tls && { tls }) };
    }
    return undefined;
  }

  /** For a name that ends like one of a cluster, where none is served. */
  hintFor(host: string): string | undefined {
    if (!/\.svc(\.|$)/.test(host)) return undefined;
    if (this.#known.length === 0) return "names of the cluster are served with [http] cluster_names = true, and by a proxy: [proxy] listen";
    return `names of the cluster are served in ${this.namespaces.join(", ")}; in others with [http] cluster_names = ["NAMESPACE"]`;
  }
}

/** The name under which a client of TLS would look for it is another. */
function otherPorts({ label, suffix }: ClusterEntry, service: string, namespace: string, port: number): OtherPorts {
  const nameOf = suffix === undefined ? {} : { nameOf: { service: `${service}.svc.${namespace}.ns`, context: label, suffix } };
  return { called: port === tlsPort ? "https" : "http", ...nameOf };
}
