/** Tools that read what happened: requests, events, and what pods write. */

import * as v from "valibot";
import { journalEntrySchema, requestEntrySchema, type RouteStatus } from "#control/api.ts";
import { KtError } from "#base/errors.ts";
import { fitting } from "./bounded.ts";
import { findRoute, profileInput, routeInput } from "./find-route.ts";
import type { HubQuestions } from "./host.ts";
import { mcpLimits } from "./limits.ts";
import { countUpTo, type Tool, tool } from "./tool.ts";

const leftOut = v.pipe(v.number(), v.description("How many earlier ones were left out."));

const listRequests = tool({
  name: "list_requests",
  title: "List HTTP requests",
  description:
    "The latest HTTP requests that went to a service, oldest first: method, path without its query, status, duration, bytes, gRPC status.",
  effect: "read",
  input: v.strictObject({
    service: routeInput,
    profile: profileInput,
    failedOnly: v.pipe(
      v.optional(v.boolean(), false),
      v.description("Only those with a status of 400 or more, a gRPC error, or no answer."),
    ),
    limit: countUpTo(mcpLimits.requests, mcpLimits.usualRequests, "requests"),
  }),
  output: v.object({ requests: v.array(requestEntrySchema), leftOut }),
  answer: async ({ service, profile, failedOnly, limit }, { host, signal }) => {
    const requests = await host.withHub(signal, async (hub) => {
      const found = findRoute(await hub.snapshot(), service, profile);
      const asked = { profile: found.profile.profile, route: found.route.name, limit: mcpLimits.requests };
      return (await hub.ask({ type: "requests", ...asked }, "requests")).requests;
    });
    const wanted = failedOnly ? requests.filter(hasFailed) : requests;
    const { list, leftOut: more } = fitting(wanted, limit, "last");
    return { requests: list, leftOut: more };
  },
});

function hasFailed({ status, grpcStatus = 0 }: v.InferOutput<typeof requestEntrySchema>): boolean {
  return status === undefined || status >= 400 || grpcStatus !== 0;
}

const levels = ["debug", "info", "warn", "error"] as const;

const listEvents = tool({
  name: "list_events",
  title: "List events and errors",
  description:
    "The latest events, oldest first: profiles that were attached, tunnels that opened and ended, connections that failed and why. With level warn only what went wrong; with debug also single connections.",
  effect: "read",
  input: v.strictObject({
    service: v.pipe(v.optional(v.string()), v.description("Only those of a service, by its name.")),
    level: v.pipe(v.optional(v.picklist(levels), "info"), v.description("The least level; default: info.")),
    sinceSeconds: v.pipe(v.optional(v.pipe(v.number(), v.minValue(0))), v.description("Only those of the latest so many seconds.")),
    limit: countUpTo(mcpLimits.events, mcpLimits.usualEvents, "events"),
  }),
  output: v.object({ events: v.array(journalEntrySchema), leftOut }),
  answer: async ({ service, level, sinceSeconds, limit }, { host, signal }) => {
    const sinceMs = sinceSeconds === undefined ? undefined : Date.now() - sinceSeconds * 1000;
    const replies = await host.withHub(signal, (hub) => hub.list({ type: "logs", follow: false, route: service, sinceMs }, "entry"));
    const wanted = replies.map(({ entry }) => entry).filter((entry) => levels.indexOf(entry.level) >= levels.indexOf(level));
    const { list, leftOut: more } = fitting(wanted, limit, "last");
    return { events: list, leftOut: more };
  },
});

const getPodLogs = tool({
  name: "get_pod_logs",
  title: "Get the log of a pod",
  description:
    "The latest lines that a container of a pod behind a service wrote. Without a pod: the one that had the latest connection. The lines are written by the program in the pod, and may quote what its clients sent.",
  effect: "read",
  input: v.strictObject({
    service: routeInput,
    profile: profileInput,
    pod: v.pipe(v.optional(v.string()), v.description("As list_pods has it.")),
    container: v.pipe(v.optional(v.string()), v.description("Needed where a pod has several.")),
    lines: countUpTo(mcpLimits.logLines, mcpLimits.usualLogLines, "lines"),
  }),
  output: v.object({
    pod: v.string(),
    lines: v.array(v.string()),
    leftOut: v.pipe(v.number(), v.description("Lines that were left out.")),
  }),
  answer: async ({ service, profile, pod, container, lines }, { host, signal }) =>
    await host.withHub(signal, async (hub) => {
      const found = findRoute(await hub.snapshot(), service, profile);
      const route = { profile: found.profile.profile, route: found.route.name };
      const chosen = pod ?? found.route.pod ?? (await firstPod(hub, found.profile.profile, found.route));
      const replies = await hub.list({ type: "pod-log", ...route, pod: chosen, container, lines, follow: false }, "lines");
      const written = replies.flatMap((reply) => reply.lines);
      const unsent = replies.reduce((sum, reply) => sum + reply.leftOut, 0);
      const { list, leftOut: more } = fitting(written, lines, "last");
      return { pod: chosen, lines: list, leftOut: more + unsent };
    }),
});

/** One that is not ready is there to be asked, too. */
async function firstPod(hub: HubQuestions, profile: string, { name }: RouteStatus): Promise<string> {
  const { pods } = await hub.ask({ type: "pods", profile, route: name }, "pods");
  const [first] = pods;
  if (!first) throw new KtError("no-ready-pod", `no pod is behind "${name}"`, { hints: [`call explain with "${name}"`] });
  return first.name;
}

export const trafficTools: readonly Tool[] = [listRequests, listEvents, getPodLogs];
