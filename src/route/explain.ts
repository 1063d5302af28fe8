/** Says step by step why a name or a port goes where it goes. */

import { parseAuthority } from "#base/hostname.ts";
import { nearest } from "#base/nearest.ts";
import type { Found, Lookup } from "./lookup.ts";
import { type PatternTrial, type RouteTable, hostOf } from "./table.ts";
import { formatPodSource, formatTarget, isInCluster, namespaceOf, type Target, type Transport } from "./target.ts";

export interface ExplainStep {
  /** What was looked at. */
  readonly step: string;
  readonly verdict: string;
  /** `match` decides where it goes, `stop` ends the search without a route, `miss` goes on. */
  readonly outcome: "match" | "miss" | "stop" | "info";
}

function describeTarget(target: Target): string {
  const namespace = namespaceOf(target) === undefined ? ", in the context's namespace" : "";
  const context = target.cluster.context === undefined ? "the current context" : `context "${target.cluster.context}"`;
  return `${formatTarget(target)}${namespace}, in ${context}`;
}

/** How an address behind a jump host is reached. */
function explainJump(target: Target): ExplainStep[] {
  const { via } = target;
  if (via === undefined) return [];
  const program = via.method === "auto" ? "socat, else nc" : via.method;
  const container = via.container === undefined ? "" : `container "${via.container}" of `;
  const pod = via.kind === "pod" ? formatPodSource(via) : `a ready pod of ${formatPodSource(via)}`;
  const made = via.create === undefined ? "" : `, which is made from ${via.create.image} when it is not there`;
  return [{ step: "jump host", verdict: `${program}, run in ${container}${pod}${made}`, outcome: "info" }];
}

function describeTrial({ entry, match }: PatternTrial): string {
  if (match === undefined) return `"${entry.route}" does not match`;
  if (match.kind === "unclear") return `"${entry.route}" can be read in ${match.readings.length} ways`;
  const captures = Object.entries(match.captures).map(([name, text]) => `{${name}} = "${text}"`);
  return `"${entry.route}" matches with ${captures.join(", ")}`;
}

/** Only the cluster knows whether its service says otherwise. */
function schemeReason({ manner, target }: Found): string {
  if (manner?.schemeGiven !== false) return "as the profile says";
  return target.kind === "service" ? "by its port unless the service has an appProtocol" : "by its port";
}

const protocolNames = { http1: "HTTP/1 only", h2c: "HTTP/2 without TLS", grpc: "HTTP/2, for gRPC" } as const;

function explainProtocol({ manner }: Found): ExplainStep[] {
  if (manner?.protocol === undefined) return [];
  return [
    { step: "protocol", verdict: `the backend is spoken to in ${protocolNames[manner.protocol]}, as the profile says`, outcome: "info" },
  ];
}

/** The steps that a found, ambiguous or unknown name ends with. */
function conclude(lookup: Lookup): ExplainStep[] {
  if (lookup.kind === "found") {
    const { target } = lookup;
    if (!isInCluster(target)) return [{ step: "target", verdict: formatTarget(target), outcome: "info" }];
    return [
      { step: "target", verdict: describeTarget(target), outcome: "info" },
      ...explainJump(target),
      {
        step: "scheme",
        verdict: `plain HTTP from the client goes to the backend as ${lookup.scheme}, ${schemeReason(lookup)}; TLS is passed through as it is`,
        outcome: "info",
      },
      ...explainProtocol(lookup),
      { step: "profile", verdict: lookup.profile, outcome: "info" },
    ];
  }
  if (lookup.kind === "ambiguous")
    return [...lookup.readings, lookup.hint].map((verdict) => ({ step: "to write", verdict, outcome: "stop" }));
  if (lookup.kind === "refused") {
    return [
      { step: "result", verdict: lookup.reason, outcome: "stop" },
      { step: "to write", verdict: lookup.hint, outcome: "stop" },
    ];
  }
  const near = lookup.nearest === undefined ? "" : `; the nearest route is "${lookup.nearest}"`;
  const steps: ExplainStep[] = [{ step: "result", verdict: `nothing is known by the name "${lookup.host}"${near}`, outcome: "stop" }];
  return lookup.hint === undefined ? steps : [...steps, { step: "to write", verdict: lookup.hint, outcome: "stop" }];
}

function outcomeOf(lookup: Lookup | undefined): ExplainStep["outcome"] {
  if (lookup === undefined) return "miss";
  return lookup.kind === "found" ? "match" : "stop";
}

function explainPatterns(table: RouteTable, host: string, port: number | undefined): { steps: ExplainStep[]; decided: boolean } {
  const trials = table.tryPatterns(host);
  if (trials.length === 0) return { steps: [{ step: "patterns", verdict: "there are none", outcome: "miss" }], decided: false };
  const answer = table.lookupPatterns(host, port);
  const first = trials.findIndex((trial) => trial.match !== undefined);
  const steps = trials.map((trial, index): ExplainStep => {
    if (first >= 0 && index > first)
      return { step: "patterns", verdict: `${describeTrial(trial)}, but is not more specific`, outcome: "miss" };
    return { step: "patterns", verdict: describeTrial(trial), outcome: index === first ? outcomeOf(answer) : "miss" };
  });
  return {
    steps: steps.filter((_, index) => index <= first || trials[index]?.match !== undefined || first < 0),
    decided: answer !== undefined,
  };
}

const dynamicVerdicts = { found: "matches", ambiguous: "can be read in more than one way", refused: "matches, and is refused" } as const;

function explainDynamic(table: RouteTable, host: string): ExplainStep {
  const answer = table.lookupDynamic(host);
  const outcome = outcomeOf(answer);
  const suffixes = table.suffixes.join(", ") || "none";
  if (answer === undefined) return { step: "dynamic names", verdict: `not a dynamic name under ${suffixes}`, outcome };
  return { step: "dynamic names", verdict: dynamicVerdicts[answer.kind], outcome };
}

function explainCluster(table: RouteTable, host: string, port: number | undefined): ExplainStep {
  const answer = table.lookupCluster(host, port);
  const verdict = answer === undefined ? `not a name of a service in ${table.clusterNamespaces.join(", ")}` : dynamicVerdicts[answer.kind];
  return { step: "cluster names", verdict, outcome: outcomeOf(answer) };
}

/** Why a hostname goes where it goes. */
export function explainHost(table: RouteTable, sent: string): readonly ExplainStep[] {
  const host = hostOf(sent);
  if (host === undefined) return [{ step: "name", verdict: `"${sent}" is not a valid hostname`, outcome: "stop" }];
  const steps: ExplainStep[] = [
    { step: "name", verdict: host === sent ? `"${host}"` : `"${sent}" is looked up as "${host}"`, outcome: "info" },
  ];
  const end = (): readonly ExplainStep[] => [...steps, ...conclude(table.lookup(sent))];
  const fixed = table.lookupStatic(host);
  steps.push({ step: "routes", verdict: fixed === undefined ? "no route of this name" : `"${fixed.route}"`, outcome: outcomeOf(fixed) });
  if (fixed !== undefined) return end();
  const patterns = explainPatterns(table, host, parseAuthority(sent)?.port);
  steps.push(...patterns.steps);
  if (patterns.decided) return end();
  const dynamic = explainDynamic(table, host);
  steps.push(dynamic);
  if (dynamic.outcome === "miss" && table.clusterNamespaces.length > 0) steps.push(explainCluster(table, host, parseAuthority(sent)?.port));
  return end();
}

/** A route of a port, as far as explaining goes. */
export interface PortEntry {
  readonly profile: string;
  readonly route: string;
  readonly listen: readonly { readonly host: string; readonly port: number; readonly transport?: Transport }[];
  readonly target: Target;
}

interface PortQuestion {
  readonly host: string | undefined;
  readonly port: number;
  /** "tcp" or "udp" where it says so. */
  readonly transport: string | undefined;
}

/** `5432`, `127.0.0.1:5432`, `[::1]:5432`, each perhaps with `/udp` or `/tcp` behind it. */
function parseQuestion(sent: string): PortQuestion {
  const [address = "", transport] = sent.toLowerCase().split("/");
  const colon = address.lastIndexOf(":");
  const host = colon < 0 ? undefined : address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(address.slice(colon + 1)), transport };
}

/** The route of a port; where its number is one of both, that of TCP unless the question says otherwise. */
export function findPort(entries: readonly PortEntry[], sent: string): PortEntry | undefined {
  const { host, port, transport } = parseQuestion(sent);
  const isMeant = (wanted: string) => (entry: PortEntry) =>
    entry.listen.some((at) => at.port === port && (at.transport ?? "tcp") === wanted && (host === undefined || at.host === host));
  const transports = transport === undefined ? ["tcp", "udp"] : [transport];
  return transports.map((wanted) => entries.find(isMeant(wanted))).find((entry) => entry !== undefined);
}

/** Why a port (`5432`, `127.0.0.1:5432` or `5353/udp`) goes where it goes. */
export function explainPort(entries: readonly PortEntry[], sent: string): readonly ExplainStep[] {
  const { host, port, transport } = parseQuestion(sent);
  const shown = transport === undefined ? String(port) : `${port}/${transport}`;
  const name: ExplainStep = { step: "port", verdict: `${shown}${host === undefined ? "" : ` on ${host}`}`, outcome: "info" };
  const entry = findPort(entries, sent);
  if (entry === undefined) {
    const known = entries.flatMap(({ listen }) => listen.map((at) => String(at.port)));
    const near = nearest(String(port), known);
    const verdict = `no ${transport === undefined ? "[tcp] or [udp]" : `[${transport}]`} route listens there`;
    return [name, { step: "ports", verdict: `${verdict}${near === undefined ? "" : `; the nearest is ${near}`}`, outcome: "stop" }];
  }
  return [
    name,
    { step: "ports", verdict: `"${entry.route}"`, outcome: "match" },
    { step: "target", verdict: describeTarget(entry.target), outcome: "info" },
    ...explainJump(entry.target),
    { step: "profile", verdict: entry.profile, outcome: "info" },
  ];
}
