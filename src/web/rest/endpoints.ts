/** The operations of the API: what the hub's own clients ask, under paths. */

import * as v from "valibot";
import {
  changesSchema,
  historySchema,
  journalEntrySchema,
  podSchema,
  profileSchema,
  requestEntrySchema,
  routeSchema,
  snapshotSchema,
  stepSchema,
  type Reply,
  type Request,
  type RequestEntry,
  type RouteAction,
} from "#control/api.ts";
import { toKtError } from "#base/errors.ts";
import { observeLimits } from "#observe/limits.ts";
import type { HubFacts } from "#web/facts/hub-facts.ts";
import { webLimits } from "#web/limits.ts";
import { headerValue } from "#wire/http-head.ts";
import { type Endpoint, type EndpointContext, endpoint } from "./endpoint.ts";
import { askHub, HubSession, listFromHub } from "./hub-session.ts";
import { logEntryOf, streamJournal } from "./journal-stream.ts";
import { replay } from "./replay.ts";
import { streamRequests } from "./request-stream.ts";

const profile = v.pipe(v.string(), v.description("The absolute path of a profile's file."));
const route = v.pipe(v.string(), v.description("The name of a route, as kt status shows it."));
const nothing = v.strictObject({});

const snapshot = endpoint({
  method: "GET",
  path: "/api/v1/snapshot",
  summary: "Everything that kt status shows, in the shape of kt status --json.",
  input: nothing,
  output: snapshotSchema,
  answer: (_, { facts }) => ({ json: facts.snapshot() }),
});

const watch = endpoint({
  method: "GET",
  path: "/api/v1/watch",
  summary: "The status in parts, and then what changes of it, as events.",
  input: nothing,
  events: changesSchema,
  answer: (_, context) => ({ answer: streamFromHub(context, { type: "watch" }) }),
});

const routes = endpoint({
  method: "GET",
  path: "/api/v1/routes",
  summary: "Routes with the profiles that they belong to, all of them or those of a profile or of a name.",
  input: v.strictObject({ profile: v.optional(profile), name: v.optional(route) }),
  output: v.object({ routes: v.array(v.object({ profile: profileSchema.entries.profile, ...routeSchema.entries })) }),
  answer: ({ profile: of, name }, { facts }) => ({
    json: {
      routes: facts
        .snapshot()
        .profiles.filter((each) => of === undefined || each.profile === of)
        .flatMap((each) => each.routes.map((one) => ({ profile: each.profile, ...one })))
        .filter((one) => name === undefined || one.name === name),
    },
  }),
});

const requests = endpoint({
  method: "GET",
  path: "/api/v1/requests",
  summary:
    "The latest HTTP requests, oldest first, of a route or of all of them, with their paths and without their queries; with Accept: text/event-stream those that end from now on.",
  input: v.strictObject({
    profile: v.optional(profile),
    route: v.optional(route),
    limit: v.optional(integerUpTo(observeLimits.requestEntries), observeLimits.requestEntries),
  }),
  output: v.object({ requests: v.array(requestEntrySchema) }),
  events: v.object({
    type: v.literal("requests"),
    requests: v.array(requestEntrySchema),
    leftOut: v.pipe(v.number(), v.description("Requests before them that were not sent.")),
  }),
  answer: async (input, { facts, clock, request, events: stream }) => {
    const { profile: of, route: name } = input;
    const { requests: found } = await askHub(facts.handle, { type: "requests", ...input }, "requests");
    if (!wantsEvents(request)) return { json: { requests: found } };
    const isWanted = (entry: RequestEntry): boolean => name === undefined || (entry.profile === of && entry.route === name);
    return { answer: stream((to) => streamRequests(to, { requests: facts.requests, clock, isWanted })) };
  },
});

const history = endpoint({
  method: "GET",
  path: "/api/v1/history",
  summary:
    "What a route carried over time, or without one all routes together: the last 10 minutes by seconds, or the last 6 hours by steps of 10 s.",
  input: v.strictObject({
    profile: v.optional(profile),
    route: v.optional(route),
    stepSeconds: v.optional(v.picklist([1, 10]), 1),
    steps: v.optional(integerUpTo(observeLimits.coarseRateSteps), observeLimits.fineRateSteps),
  }),
  output: historySchema,
  answer: async (input, { facts }) => ({ json: (await askHub(facts.handle, { type: "history", ...input }, "history")).history }),
});

const events = endpoint({
  method: "GET",
  path: "/api/v1/events",
  summary: "What happened, in the shape of kt logs --json; with Accept: text/event-stream also what happens, from Last-Event-ID on.",
  input: v.strictObject({
    details: v.optional(v.pipe(v.picklist(["true", "false"]), v.description("Also single connections.")), "false"),
  }),
  output: v.object({ events: v.array(journalEntrySchema) }),
  events: journalEntrySchema,
  answer: ({ details }, { facts, request, events: stream }) => {
    const { journal, startedAtMs } = facts;
    const withDetails = details === "true";
    if (!wantsEvents(request)) return { json: { events: journal.after(-1, withDetails).entries.map(logEntryOf) } };
    const lastEventId = headerValue(request.head.headers, "last-event-id");
    const start = startedAtMs.toString(36);
    return { answer: stream((to) => streamJournal(to, { journal, start, lastEventId, withDetails })) };
  },
});

const explain = endpoint({
  method: "GET",
  path: "/api/v1/explain",
  summary: "Why a name, a port or a target goes where it goes, step by step, as kt explain --json.",
  input: v.strictObject({ subject: v.pipe(v.string(), v.minLength(1), v.maxLength(observeLimits.eventNameLength)) }),
  output: v.object({ steps: v.array(stepSchema) }),
  answer: async ({ subject }, { facts }) => ({
    json: { steps: (await listFromHub(facts.handle, { type: "explain", subject }, "steps")).flatMap(({ steps }) => steps) },
  }),
});

const attach = endpoint({
  method: "POST",
  path: "/api/v1/attach",
  summary: "Attaches a profile that stays until it is detached, as kt up -d.",
  input: v.strictObject({
    file: v.pipe(v.string(), v.startsWith("/", "has to be an absolute path"), v.description("The absolute path of a tunnels.toml.")),
    environment: v.pipe(
      v.optional(v.record(v.string(), v.string())),
      v.description("Of the shell that it is used from: credential plugins need PATH and the like. Default: the hub's own."),
    ),
  }),
  output: v.object({ profile: v.string(), name: v.string(), warnings: v.array(v.string()) }),
  answer: async ({ file, environment }, { facts }) => {
    const request = { type: "attach", file, environment: environment ?? ownEnvironment(facts), pin: true } as const;
    const { type: _, ...attached } = await askHub(facts.handle, request, "attached");
    return { json: attached };
  },
});

const detach = endpoint({
  method: "POST",
  path: "/api/v1/detach",
  summary: "Detaches a profile for all of its clients, as kt down; without a profile all of them.",
  input: v.strictObject({ profile: v.optional(profile) }),
  output: v.object({ profiles: v.array(v.string()) }),
  answer: async (input, { facts }) => {
    const { profiles } = await askHub(facts.handle, { type: "detach", ...input }, "detached");
    return { json: { profiles } };
  },
});

const done = v.object({ done: v.literal(true) });

/** What is done to a route by POST, whose body names it. */
function action(what: RouteAction, summary: string): Endpoint {
  return endpoint({
    method: "POST",
    path: `/api/v1/${what}`,
    summary,
    input: v.strictObject({ profile, route }),
    output: done,
    answer: async (input, { facts }) => {
      await askHub(facts.handle, { type: "act", action: what, ...input }, "done");
      return { json: { done: true } };
    },
  });
}

const actions = [
  action("reconnect", "Ends what is open to the target of a route, and connects anew."),
  action("stop", "Refuses what comes for a route until it is started again. Other routes to the same target share that."),
  action("start", "Ends what stop began."),
];

const pods = endpoint({
  method: "GET",
  path: "/api/v1/pods",
  summary: "The pods behind a route, ready or not, or those of its jump host.",
  input: v.strictObject({ profile, route }),
  output: v.object({ pods: v.array(podSchema) }),
  answer: async (input, { facts }) => ({ json: { pods: (await askHub(facts.handle, { type: "pods", ...input }, "pods")).pods } }),
});

const logs = endpoint({
  method: "GET",
  path: "/api/v1/logs",
  summary: "What a container of a pod behind a route writes, as events of lines: the latest, and those to come.",
  input: v.strictObject({
    profile,
    route,
    pod: v.string(),
    container: v.optional(v.string()),
    lines: v.optional(integerUpTo(webLimits.logLines), webLimits.firstLogLines),
  }),
  events: v.object({
    type: v.literal("lines"),
    lines: v.array(v.string()),
    leftOut: v.pipe(v.number(), v.description("Lines before them that were not sent.")),
  }),
  answer: (input, context) => ({ answer: streamFromHub(context, { type: "pod-log", ...input }) }),
});

export const endpoints: readonly Endpoint[] = [
  ...[snapshot, watch, routes, requests, history, events, explain, pods, logs],
  ...[attach, detach, ...actions, replay],
];

function wantsEvents({ head }: EndpointContext["request"]): boolean {
  return /\btext\/event-stream\b/i.test(headerValue(head.headers, "accept") ?? "");
}

function ownEnvironment({ environment }: HubFacts): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).map(([name, value = ""]) => [name, value]));
}

function integerUpTo(most: number) {
  return v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most));
}

/** What the hub goes on replying, which waits for a client that is behind, or leaves out what comes meanwhile and says so. */
function streamFromHub({ facts, events: stream }: EndpointContext, request: Request) {
  return stream((to) => {
    const session = new HubSession(() => to.isBehind);
    to.onDrain = () => session.drained();
    const fail = (error: unknown): void => {
      const { code, message, hints } = toKtError(error, "internal", request.type);
      to.send("error", { error: { code, message, hints } });
      to.end();
    };
    const pass = (reply: Reply): void => {
      if (reply.type === "end") to.end();
      else to.send(reply.type, reply);
    };
    void (async () => await facts.handle(request, session, pass))().catch(fail);
    return () => session.gone();
  });
}
