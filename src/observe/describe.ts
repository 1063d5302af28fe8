/** Says an event in one line, and how much it matters. */

import type { Log, LogLevel } from "#base/log.ts";
import { formatBytes } from "#base/bytes-text.ts";
import type { JumpPodChange, KtEvent, Problem, RequestEvent } from "./events.ts";

type EventOf<Type extends KtEvent["type"]> = Extract<KtEvent, { type: Type }>;

/** How much an event matters: single connections are for `-v`, problems are for everyone. */
export function eventLevel(event: KtEvent): LogLevel {
  switch (event.type) {
    case "refused":
      return "warn";
    case "connection-opened":
    case "request":
      return "debug";
    case "connection-closed":
      return event.problem ? "warn" : "debug";
    case "hub":
    case "forward":
    case "pod-changed":
      return "info";
    default:
      return event.problem ? "warn" : "info";
  }
}

/** Writes the event to a log. Its text is not composed for one that leaves it out, as most do with those of single connections. */
export function logEvent(log: Log, event: KtEvent): void {
  log(eventLevel(event), event.type, {
    get route() {
      return eventRoute(event);
    },
    get text() {
      return describeEvent(event);
    },
  });
}

/** What the event did, in one line for people; which route it is about stands before it. */
export function describeEvent(event: KtEvent): string {
  switch (event.type) {
    case "request":
      return describeRequest(event);
    case "pod-changed":
      return `pod ${event.from} → ${event.to}`;
    case "tunnel-phase":
      return withProblem(describePhase(event), event.problem);
    case "health":
      return event.problem ? event.problem.message : "health checks succeed";
    case "connection-opened":
      return "connection opened";
    case "connection-closed":
      return describeClosed(event);
    case "refused":
      return `refused: ${event.problem.message}`;
    case "jump-pod":
      return withProblem(`jump pod ${event.pod} ${jumpPodChanges[event.change]}`, event.problem);
    case "cluster":
      return withProblem(`context "${event.context}" ${event.reachable ? "answers" : "does not answer"}`, event.problem);
    case "profile":
      return withProblem(`profile "${event.profile}" ${event.change}`, event.problem);
    case "listener":
      return withProblem(describeListener(event), event.problem);
    case "forward":
      return describeForward(event);
    case "reverse":
      return describeReverse(event);
    case "overload":
      return event.problem
        ? withProblem("connections are refused", event.problem)
        : `connections are taken again; ${event.refused} were refused`;
    case "hub":
      return `the hub ${hubChanges[event.change]}${event.detail === undefined ? "" : `: ${event.detail}`}`;
  }
}

function describeReverse({ change, pod, problem }: EventOf<"reverse">): string {
  if (problem) return problem.message;
  return change === "running" ? `leads to this machine by pod ${pod ?? ""}`.trimEnd() : "does not lead to this machine any more";
}

/** So many names of routes stand before an event; more are counted. */
const shownRoutes = 3;

/** The route that the event is about, by the name that was asked for; several with commas. */
export function eventRoute(event: KtEvent): string | undefined {
  if ("route" in event && !event.route.includes("{")) return event.route;
  if ("name" in event) return event.name === "" ? undefined : withoutPort(event.name);
  if (!("routes" in event) || event.routes.length === 0) return undefined;
  const more = event.routes.length - shownRoutes;
  return [...event.routes.slice(0, shownRoutes), ...(more > 0 ? [`${more} more`] : [])].join(",");
}

/** An address of IPv6 has colons, too. */
function withoutPort(name: string): string {
  return name.replace(/^([^:]+|\[.*\]):\d+$/, "$1");
}

/** The route or profile that an event is about, for filters. */
export function eventSubjects(event: KtEvent): readonly string[] {
  switch (event.type) {
    case "connection-opened":
    case "connection-closed":
    case "request":
      return [event.route, event.name];
    case "refused":
      return [event.name];
    case "tunnel-phase":
    case "pod-changed":
    case "health":
      return [...event.routes, event.target];
    case "jump-pod":
      return [event.pod];
    case "forward":
      return [event.namespace, ...event.added, ...event.removed];
    case "listener":
      return [event.address];
    default:
      return [];
  }
}

/** The target says what it is where no route does. */
function describePhase({ target, routes, phase, pod }: EventOf<"tunnel-phase">): string {
  return `${routes.length > 0 ? "" : `${target} `}is ${phase}${pod === undefined ? "" : ` on ${pod}`}`;
}

function describeRequest({ method, status, durationMs, receivedBytes }: RequestEvent): string {
  const took = durationMs < 10 ? durationMs.toFixed(1) : durationMs.toFixed(0);
  return `${method} ${status ?? "left by the client"} in ${took} ms, ${formatBytes(receivedBytes)}`;
}

function describeClosed(event: EventOf<"connection-closed">): string {
  const counts = `${formatBytes(event.receivedBytes)} received, ${formatBytes(event.sentBytes)} sent`;
  return withProblem(`connection closed (${counts})`, event.problem);
}

const jumpPodChanges: Readonly<Record<JumpPodChange, string>> = {
  made: "was made",
  found: "is there already",
  replaced: "was removed, to be made anew",
  removed: "was removed",
  left: "is left to others who use it",
  kept: "could not be removed and ends by itself",
  ended: "ended because it was not used",
  failed: "could not be had",
};

const hubChanges: Readonly<Record<EventOf<"hub">["change"], string>> = {
  started: "is up",
  stopping: "is stopping",
  woke: "woke up",
  restored: "put its socket back, which had been removed",
};

function describeListener(event: EventOf<"listener">): string {
  const verb = { open: "listening on", failed: "cannot listen on", closed: "no longer listening on" }[event.change];
  return `${verb} ${event.address}`;
}

/** So many services are named. */
const shownServices = 5;

function describeForward({ namespace, added, removed }: EventOf<"forward">): string {
  const said = [...(added.length > 0 ? [`${listed(added)} forwarded`] : []), ...(removed.length > 0 ? [`${listed(removed)} gone`] : [])];
  return `namespace "${namespace}": ${said.join("; ")}`;
}

function listed(names: readonly string[]): string {
  const more = names.length - shownServices;
  const shown = more > 1 ? [...names.slice(0, shownServices), `${more} more`] : names;
  return `${shown.join(", ")} ${names.length === 1 ? "is" : "are"}`;
}

function withProblem(text: string, problem: Problem | undefined): string {
  return problem === undefined ? text : `${text}: ${problem.message}`;
}
