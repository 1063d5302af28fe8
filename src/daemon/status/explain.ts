/** Explains a hostname or port from the route tables down to the pods that would answer. */

import { namedRoutes } from "#profile/values/planned.ts";
import type { Step } from "#control/api.ts";
import type { Problem } from "#observe/events.ts";
import { settingText } from "#control/setting-text.ts";
import type { SaidSetting } from "#profile/tuned-settings.ts";
import { type Clock, sleep } from "#base/clock.ts";
import { toKtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { maskSecrets } from "#base/mask.ts";
import type { Cluster, FollowRequest, Resolution } from "#kube/objects/types.ts";
import { schemeOfAppProtocol } from "#route/app-protocol.ts";
import { explainHost, explainPort, findPort, type PortEntry } from "#route/explain.ts";
import type { Found } from "#route/lookup.ts";
import type { RouteTable } from "#route/table.ts";
import { looksLikeTarget, parseTarget } from "#route/target-text.ts";
import { carriersOf, type ClusterRef, formatTarget, isInCluster, namespaceOf, type Target, targetKey } from "#route/target.ts";
import { type ExplainedReverse, explainReverse } from "./explain-reverse.ts";
import { checkContext } from "#daemon/plans/derived-targets.ts";
import type { FoundForward } from "#daemon/plans/forwards.ts";
import { namesIn, portsIn, type Wanted } from "#daemon/listening/wanted.ts";

export interface ExplainContext {
  readonly wanted: Wanted;
  readonly clusterFor: (ref: ClusterRef) => Cluster;
  /** The pod that the last connection to a target went to. */
  readonly podOf: (target: Target) => string | undefined;
  /** What the latest request to a route showed to be wrong with it; absent where no hub serves it. */
  readonly mismatchOf?: (route: Pick<Found, "profile" | "route">) => Problem | undefined;
  /** The service of a [[forward]] that has this name. */
  readonly forwardOf?: (hostname: string) => FoundForward | undefined;
  /** Where a name leads through the proxy, with its port; absent where no hub has one. */
  readonly proxied?: (authority: string) => ExplainedProxy | undefined;
  /** The [[reverse]] of this name. */
  readonly reverseOf?: (subject: string) => ExplainedReverse | undefined;
  /** What a profile says of the settings that tune it. */
  readonly settingsOf: (profile: string) => readonly SaidSetting[];
  readonly clock: Clock;
}

export interface ExplainedProxy {
  /** Of the proxy. */
  readonly address: string;
  readonly target: Target;
}

const portForm = /^(?:(?:\[[0-9a-f:.]+\]|[0-9.]+):)?[0-9]{1,5}(?:\/(?:tcp|udp))?$/i;

/** `subject` is a hostname, with or without port, a URL, a port, `address:port`, a target, or the service of a [[reverse]]. Rejects for one that is not a target. */
export async function explain(subject: string, context: ExplainContext): Promise<Step[]> {
  const reverse = context.reverseOf?.(subject);
  if (reverse) return await explainReverse(reverse);
  if (looksLikeTarget(subject)) return await explainTargetText(subject, context);
  const forward = explainForward(hostIn(subject), context);
  if (forward) return forward.target === undefined ? forward.steps : [...forward.steps, ...(await explainTarget(forward.target, context))];
  const port = portIn(subject, context.wanted);
  const { steps, target, found } = port === undefined ? explainName(hostIn(subject), context) : explainListener(port, context);
  if (target === undefined) return steps;
  const further = await explainTarget(target, context, found);
  return [...steps, ...further, ...(further.some(({ outcome }) => outcome === "stop") ? [] : explainMismatch(found, context))];
}

/** Pods are ready, and yet no request can succeed. */
function explainMismatch(found: Found | undefined, { mismatchOf }: ExplainContext): Step[] {
  const problem = found && mismatchOf?.(found);
  if (!problem) return [];
  return [{ step: "request", verdict: problem.message, outcome: "stop", code: problem.code }, ...problem.hints.map(hintStep)];
}

/** As if it stood in a route of the first profile, and which of its routes lead there. */
async function explainTargetText(subject: string, context: ExplainContext): Promise<Step[]> {
  const [plan] = namesIn(context.wanted).flatMap(({ plans }) => plans);
  if (!plan) return [{ step: "profiles", verdict: "no profile is attached", outcome: "stop" }];
  const parsed = parseTarget(subject);
  const cluster = { profile: plan.profile, context: plan.context };
  const target: Target = { ...parsed, cluster, namespace: parsed.namespace ?? plan.namespace };
  const key = targetKey(target);
  const names = namedRoutes(plan)
    .filter((route) => targetKey(route.target) === key)
    .map(({ name }) => `"${name}"`);
  const verdict = names.length === 0 ? "none of the profile leads there" : `${names.join(", ")} lead${names.length === 1 ? "s" : ""} there`;
  const steps: Step[] = [
    { step: "target", verdict: formatTarget(target), outcome: "info" },
    { step: "routes", verdict, outcome: "info" },
  ];
  return [...steps, ...(await explainTarget(target, context))];
}

/** `localhost:5432` is how the route of a port is shown; on another port, `localhost` is a name like others. */
function portIn(subject: string, wanted: Wanted): string | undefined {
  if (portForm.test(subject)) return subject;
  const port = /^localhost:([0-9]{1,5}(?:\/(?:tcp|udp))?)$/i.exec(subject)?.[1];
  return port !== undefined && portsIn(wanted).some(({ address }) => address.port === Number.parseInt(port, 10)) ? port : undefined;
}

/** People paste what the browser shows. */
function hostIn(subject: string): string {
  return subject.replace(/^[a-z]+:\/\//i, "").replace(/[/?#].*$/, "");
}

interface Explained {
  readonly steps: Step[];
  readonly target: Target | undefined;
  /** Of a name that leads somewhere. */
  readonly found?: Found;
}

const isOnLinux = process.platform === "linux";

/** A name without a port is of all of them, and the first shows what is behind it. */
function explainForward(text: string, { forwardOf }: ExplainContext): Explained | undefined {
  const [, host = "", asked] = /^([^:]+)(?::([0-9]+))?$/.exec(text) ?? [];
  const found = forwardOf?.(host);
  if (!found) return undefined;
  const { place, routes } = found;
  const what = place.pod === undefined ? `service "${place.service}"` : `pod "${place.pod}" of service "${place.service}"`;
  const where = `"${host}" is ${what} of namespace "${place.namespace}" in context "${place.context}"`;
  const notes = place.notes.map((note): Step => ({ step: "note", verdict: note, outcome: place.address === "" ? "stop" : "info" }));
  if (place.address === "") return { steps: [{ step: "forward", verdict: where, outcome: "match" }, ...notes], target: undefined };
  const ports = place.ports.map(({ port, localPort, lowPort, transport }) => {
    const declared = transport === undefined ? String(port) : `${port}/${transport}`;
    if (port === localPort) return declared;
    const why = lowPort === undefined ? "" : ` (${lowPort} needs a privilege)`;
    return `${declared} by local port ${localPort}${why}`;
  });
  const steps: Step[] = [
    { step: "forward", verdict: `${where}, at ${place.address}`, outcome: "match" },
    { step: "ports", verdict: ports.join(", "), outcome: "info" },
    ...(isOnLinux && place.ports.some(({ lowPort }) => lowPort !== undefined) ? [hintStep("kt setup ports")] : []),
    ...notes,
  ];
  const wanted = Number(asked);
  const local = place.ports.find(({ lowPort }) => lowPort === wanted)?.localPort ?? wanted;
  const route = asked === undefined ? routes[0] : routes.find(({ listen }) => listen.some(({ port }) => port === local));
  if (route) return { steps, target: route.target };
  return { steps: [...steps, { step: "port", verdict: `nothing listens on port ${asked} there`, outcome: "stop" }], target: undefined };
}

/** No route has the name, and clients of the proxy reach it. */
function explainProxied(authority: string, proxied: ExplainContext["proxied"]): Explained | undefined {
  const found = proxied?.(authority);
  if (!found) return undefined;
  const verdict = `"${authority}" leads to ${formatTarget(found.target)} through the proxy at ${found.address}, for clients that use it`;
  return { steps: [{ step: "proxy", verdict, outcome: "match" }], target: found.target };
}

function explainName(host: string, { wanted, proxied }: ExplainContext): Explained {
  const tables = [...new Set(namesIn(wanted).map(({ leadsTo }) => leadsTo))];
  const knows = (table: RouteTable): boolean => table.lookup(host).kind === "found";
  const table = tables.find(knows) ?? tables[0];
  if (!table) return { steps: [{ step: "profiles", verdict: "no profile is attached", outcome: "stop" }], target: undefined };
  const lookup = table.lookup(host);
  const byProxy = lookup.kind === "found" ? undefined : explainProxied(host, proxied);
  if (byProxy) return byProxy;
  const steps = [...explainHost(table, host)];
  if (lookup.kind === "found") steps.push(...tlsSteps(lookup));
  if (lookup.kind !== "found" || !isInCluster(lookup.target)) return { steps, target: undefined };
  return { steps, target: lookup.target, found: lookup };
}

/** What is passed through needs no word. */
function tlsSteps({ tls }: Found): Step[] {
  if (tls === undefined) return [];
  const certificate = tls.pair === undefined ? "a certificate of kt's CA" : "the certificate that the profile names";
  const clients = tls.clientCa === undefined ? "" : ", to clients with one of client_ca";
  const plain = tls.redirects ? "; http:// is sent on to it" : "";
  return [{ step: "tls", verdict: `spoken by kt, with ${certificate}${clients}${plain}`, outcome: "info" }];
}

function explainListener(subject: string, { wanted }: ExplainContext): Explained {
  const entries = portsIn(wanted).map(({ address, leadsTo }): PortEntry => ({ ...leadsTo, listen: [address] }));
  return { steps: [...explainPort(entries, subject)], target: findPort(entries, subject)?.target };
}

async function explainTarget(target: Target, context: ExplainContext, found?: Found): Promise<Step[]> {
  try {
    checkContext(target, context.clusterFor);
    const cluster = context.clusterFor(target.cluster);
    const namespace = namespaceOf(target) ?? cluster.namespace;
    const where: Step = {
      step: "cluster",
      verdict: `context "${cluster.context}" at ${maskSecrets(cluster.server)}, namespace "${namespace}"`,
      outcome: "info",
    };
    const settings = context.settingsOf(target.cluster.profile).map(settingStep);
    if (target.kind === "relayed") return [where, ...settings, relayStep(target)];
    const { kind, name, port, transport } = carriersOf(target);
    const protocol = transport === "udp" ? "UDP" : "TCP";
    const resolution = await resolveOnce(cluster, { kind, namespace, name, port, protocol }, context.clock);
    if (isMadeLater(target, resolution)) return [where, ...settings, { step: "pods", verdict: madeLater, outcome: "info" }];
    return [
      where,
      ...settings,
      ...(transport === undefined ? [] : [relayStep(target)]),
      ...describeAppProtocol(resolution, found),
      ...describeResolution(resolution, context.podOf(target)),
    ];
  } catch (error) {
    const { code, message, hints } = toKtError(error, "cluster-error", "open the cluster");
    return [{ step: "cluster", verdict: message, outcome: "stop", code }, ...hints.map(hintStep)];
  }
}

const relayStep = ({ transport }: Target): Step => ({
  step: "relay",
  verdict: `carried by the relay, since port-forward ${transport === "udp" ? "carries no UDP" : "reaches pods only"}`,
  outcome: "info",
});

const madeLater = "the jump pod is not there: it is made with the first connection";

function isMadeLater(target: Target, resolution: Resolution | undefined): boolean {
  const makes = target.via?.create !== undefined;
  return makes && resolution?.kind === "none" && resolution.problem.code === "pod-not-found";
}

/** The first answer, or undefined when none came in time. */
async function resolveOnce(cluster: Cluster, request: FollowRequest, clock: Clock): Promise<Resolution | undefined> {
  const first = Promise.withResolvers<Resolution>();
  const following = cluster.follow(request, first.resolve);
  const current = following.current();
  if (current) first.resolve(current);
  const late = new AbortController();
  const timeout = sleep(clock, sharedLimits.apiRequestTimeoutMs, late.signal).then(() => undefined);
  try {
    return await Promise.race([first.promise, timeout]);
  } finally {
    late.abort();
    following.close();
  }
}

/** What the service says of its port, and what comes of that. */
function describeAppProtocol(resolution: Resolution | undefined, found: Found | undefined): Step[] {
  const said = resolution?.kind === "ready" ? resolution.endpoints[0]?.appProtocol : undefined;
  if (said === undefined || found === undefined) return [];
  const says = `appProtocol ${JSON.stringify(said)} of the service's port`;
  return [{ step: "scheme", verdict: `${says}: ${followed(found, said)}`, outcome: "info" }];
}

function followed(found: Found, said: string): string {
  if (found.manner?.schemeGiven !== false) return `the profile says ${found.scheme}, which counts more`;
  const scheme = schemeOfAppProtocol(said);
  return scheme === undefined
    ? `not one that kt knows; ${found.scheme}, by the port`
    : `plain HTTP from the client goes to the backend as ${scheme}`;
}

function describeResolution(resolution: Resolution | undefined, lastPod: string | undefined): Step[] {
  if (resolution === undefined) {
    return [{ step: "pods", verdict: "the cluster did not answer in time", outcome: "stop", code: "cluster-unreachable" }];
  }
  if (resolution.kind !== "ready") {
    const { code, message, hints } = resolution.problem;
    return [{ step: "pods", verdict: message, outcome: "stop", code }, ...hints.map(hintStep)];
  }
  const ready = resolution.endpoints.map(({ pod, port }) => `${pod}:${port}`);
  const shown =
    lastPod === undefined
      ? "the one with the fewest open connections"
      : `${lastPod} had the last connection; each new one goes to the pod with the fewest`;
  return [
    { step: "pods", verdict: `${ready.length} ready: ${ready.join(", ")}`, outcome: "info" },
    { step: "pod", verdict: ready.length === 1 ? (ready[0] ?? "") : shown, outcome: "match" },
  ];
}

function settingStep(setting: SaidSetting): Step {
  return { step: "setting", verdict: settingText(setting), outcome: "info" };
}

function hintStep(hint: string): Step {
  return { step: "hint", verdict: hint, outcome: "info" };
}
