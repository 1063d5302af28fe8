/** The immutable route table of one listen address: finds the route of a hostname. */

import { normaliseHostname, parseAuthority } from "#base/hostname.ts";
import { routeLimits } from "./limits.ts";
import { nearest } from "#base/nearest.ts";
import { ClusterRoutes } from "./cluster-routes.ts";
import { DynamicNames } from "./dynamic.ts";
import type { Ambiguous, Conflict, Found, Lookup, PatternEntry, Refused, RouteEntries, Unknown } from "./lookup.ts";
import { AllowedOrigins } from "./origins.ts";
import type { PatternMatch } from "./pattern.ts";
import { schemeForPort } from "./port.ts";
import { refusedApiServer } from "./reach.ts";
import type { Termination } from "./route-tls.ts";
import { formatTarget, targetKey } from "./target.ts";
import { fillTarget } from "./template.ts";

/** How one pattern met a name, for `kt explain`. */
export interface PatternTrial {
  readonly entry: PatternEntry;
  readonly match: PatternMatch | undefined;
}

/** The hostname in a Host header, `:authority` or SNI, normalised; undefined when there is none. */
export function hostOf(text: string): string | undefined {
  const authority = parseAuthority(text);
  return authority === undefined ? undefined : normaliseHostname(authority.host);
}

const noOrigins = new AllowedOrigins([]);

/** Built once from all attached profiles and replaced whole. Precedence: static, then pattern, then built-in dynamic names, then names of clusters. */
export class RouteTable {
  readonly conflicts: readonly Conflict[];
  /** See RouteEntries. */
  readonly ownTls: Termination | undefined;
  readonly #static: ReadonlyMap<string, Found>;
  /** Most specific first. */
  readonly #patterns: readonly PatternEntry[];
  readonly #dynamic: DynamicNames;
  readonly #cluster: ClusterRoutes;
  readonly #known: readonly string[];
  readonly #origins: ReadonlyMap<string, AllowedOrigins>;
  /** Those of every profile, for what no profile has. */
  readonly #anyOrigins: AllowedOrigins;
  /** Answers that took more than one map lookup, by the name as sent. */
  readonly #recent = new Map<string, Lookup>();

  private constructor(
    hosts: ReadonlyMap<string, Found>,
    patterns: readonly PatternEntry[],
    { dynamic, cluster }: { readonly dynamic: DynamicNames; readonly cluster: ClusterRoutes },
    conflicts: readonly Conflict[],
    { origins = [], ownTls }: Pick<RouteEntries, "origins" | "ownTls">,
  ) {
    this.#static = hosts;
    this.#patterns = patterns;
    this.#dynamic = dynamic;
    this.#cluster = cluster;
    this.#known = [...[...hosts.keys()].sort(), ...patterns.map((entry) => entry.pattern.text)];
    this.conflicts = conflicts;
    this.ownTls = ownTls;
    this.#origins = new Map(origins.map(({ profile, allowed }) => [profile, new AllowedOrigins(allowed)]));
    this.#anyOrigins = new AllowedOrigins(origins.flatMap(({ allowed }) => allowed));
  }

  static build(entries: RouteEntries): RouteTable {
    const conflicts: Conflict[] = [];
    const hosts = new Map<string, Found>();
    for (const { host, ...entry } of entries.static) {
      const holder = hosts.get(host);
      if (holder === undefined) hosts.set(host, { kind: "found", via: "static", ...entry });
      else conflicts.push({ kind: "host", profile: entry.profile, route: entry.route, holder: holder.profile });
    }
    const patterns = new Map<string, PatternEntry>();
    for (const entry of entries.patterns) {
      const holder = patterns.get(entry.pattern.shape);
      if (holder === undefined) patterns.set(entry.pattern.shape, entry);
      else conflicts.push({ kind: "pattern", profile: entry.profile, route: entry.route, holder: holder.profile });
    }
    const sorted = [...patterns.values()].sort((a, b) => a.pattern.compare(b.pattern));
    const dynamic = new DynamicNames(entries.dynamic);
    const cluster = new ClusterRoutes(entries.cluster ?? []);
    return new RouteTable(hosts, sorted, { dynamic, cluster }, [...conflicts, ...dynamic.conflicts], entries);
  }

  /** The route of a name as sent: case and a trailing dot do not count, and its port only where a pattern leaves that open. */
  lookup(host: string): Lookup {
    const known = this.#static.get(host) ?? this.#recent.get(host);
    if (known !== undefined) return known;
    const answer = this.#find(host);
    if (host.length > routeLimits.recentNameLength) return answer;
    if (this.#recent.size >= routeLimits.recentNames) this.#recent.clear();
    this.#recent.set(host, answer);
    return answer;
  }

  #find(sent: string): Lookup {
    const authority = parseAuthority(sent);
    const host = authority && normaliseHostname(authority.host);
    if (host === undefined) return { kind: "unknown", host: sent, nearest: undefined, known: this.#known, hint: undefined };
    const port = authority?.port;
    return (
      this.lookupStatic(host) ??
      this.lookupPatterns(host, port) ??
      this.#dynamic.lookup(host) ??
      this.#cluster.lookup(host, port) ??
      this.#unknown(host)
    );
  }

  /** Whether a normalised name has a route, or a page that says why not. */
  serves(host: string): boolean {
    if (this.#static.has(host) || this.#dynamic.lookup(host) !== undefined || this.#cluster.lookup(host, undefined)) return true;
    return this.tryPatterns(host).some(({ match }) => match !== undefined);
  }

  /** The origins of pages that may ask for what was looked up: those that its profile allows, or any where it has none. */
  allowedOrigins(lookup: Lookup): AllowedOrigins {
    return lookup.kind === "found" ? (this.#origins.get(lookup.profile) ?? noOrigins) : this.#anyOrigins;
  }

  /** Of a normalised name, by [routes] alone. */
  lookupStatic(host: string): Found | undefined {
    return this.#static.get(host);
  }

  /** Of a normalised name and the port sent with it, by [[patterns]] alone. Two that match, neither more specific, make it ambiguous. */
  lookupPatterns(host: string, port?: number): Found | Ambiguous | Refused | undefined {
    const trials = this.tryPatterns(host).filter((trial) => trial.match !== undefined);
    const [first] = trials;
    if (first === undefined) return undefined;
    const equals = trials.filter((trial) => trial.entry.pattern.compare(first.entry.pattern) === 0);
    const answers = equals.map((trial) => answerOf(trial, host, port)).filter((answer) => answer !== undefined);
    const [only] = answers;
    const targets = new Set(answers.map((answer) => (answer.kind === "found" ? targetKey(answer.target) : answer)));
    return targets.size <= 1 ? only : overlap(host, equals, port);
  }

  /** Of a normalised name, by the built-in suffixes alone. */
  lookupDynamic(host: string): Found | Ambiguous | Refused | undefined {
    return this.#dynamic.lookup(host);
  }

  /** Of a normalised name and the port sent with it, by names of clusters alone. */
  lookupCluster(host: string, port?: number): Found | Refused | undefined {
    return this.#cluster.lookup(host, port);
  }

  /** The namespaces whose names are served, for `kt explain`. */
  get clusterNamespaces(): readonly string[] {
    return this.#cluster.namespaces;
  }

  /** How each pattern, most specific first, meets a normalised name. */
  tryPatterns(host: string): readonly PatternTrial[] {
    return this.#patterns.map((entry) => ({ entry, match: entry.pattern.match(host) }));
  }

  /** The built-in suffixes, for `kt explain`. */
  get suffixes(): readonly string[] {
    return this.#dynamic.suffixes;
  }

  #unknown(host: string): Unknown {
    return {
      kind: "unknown",
      host,
      nearest: nearest(host, this.#static.keys()),
      known: this.#known,
      hint: this.#dynamic.hintFor(host) ?? this.#cluster.hintFor(host),
    };
  }
}

function answerOf({ entry, match }: PatternTrial, host: string, port: number | undefined): Found | Ambiguous | Refused | undefined {
  if (match === undefined) return undefined;
  if (match.kind === "unclear") {
    const readings = match.readings.map((captures) =>
      Object.entries(captures)
        .map(([name, text]) => `{${name}} is "${text}"`)
        .join(", "),
    );
    const hint = `the pattern "${entry.route}" can read this name in several ways: put a dot between its captures, with {port} first`;
    return { kind: "ambiguous", host, readings, hint };
  }
  const target = fillTarget(entry.target, match.captures, port);
  if (target === undefined) return undefined;
  const { profile, route, manner, tls } = entry;
  const refused = refusedApiServer(host, target, `[routes] "${host}" = "${formatTarget(target)}"`);
  if (refused) return refused;
  const scheme = entry.scheme ?? schemeForPort(target.port);
  return { kind: "found", profile, route, via: "pattern", target, scheme, ...(manner && { manner }), ...(tls && { tls }) };
}

function overlap(host: string, trials: readonly PatternTrial[], port: number | undefined): Ambiguous {
  const readings = trials.map(({ entry, match }) => {
    const target = match?.kind === "match" ? fillTarget(entry.target, match.captures, port) : undefined;
    return `pattern "${entry.route}"${target === undefined ? "" : `: ${formatTarget(target)}`}`;
  });
  return { kind: "ambiguous", host, readings, hint: `add a route for this name: "${host}" = "NAMESPACE/svc/NAME:PORT" under [routes]` };
}
