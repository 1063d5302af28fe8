/** What clients and the hub say to each other: requests, replies and the status, with their validation. */

import * as v from "valibot";
import { observeLimits } from "#observe/limits.ts";
import { errorCodes } from "#base/error-facts.ts";
import { controlLimits } from "./limits.ts";

/** Goes up when an older client could misread a reply. */
export const protocolVersion = 2;

const count = v.number();

export const problemSchema = v.object({
  code: v.picklist(errorCodes),
  message: v.string(),
  hints: v.array(v.string()),
  /** Since when it is so, where that is known: milliseconds since 1970. */
  sinceMs: v.optional(count),
});

/**
 * How a route stands. `conflict` and `blocked` concern its name and its port here. A `stopped` one
 * was stopped by the user. An `idle` one was not used lately; a `running` one
 * would answer now; for a `starting` one a pod is on its way; a `failed` one has a problem.
 */
const routeStates = ["idle", "starting", "running", "stopping", "failed", "blocked", "conflict", "stopped"] as const;

export const routeSchema = v.object({
  kind: v.picklist(["http", "pattern", "tcp", "udp", "dynamic", "forward", "reverse"]),
  /** As written in the profile; of a dynamic name, the name. */
  name: v.string(),
  /** What to open or to connect to: a URL, or `host:port`. */
  url: v.string(),
  /** Of an HTTP route that has one for itself: `host:port`, where its name need not be resolved. */
  address: v.optional(v.string()),
  target: v.string(),
  /** Of a service that a [[forward]] found. */
  forwarded: v.optional(v.object({ namespace: v.string(), service: v.string(), pod: v.optional(v.string()) })),
  /** The context that it is reached through, where that is known. */
  context: v.optional(v.string()),
  state: v.picklist(routeStates),
  /** The pod that had the latest connection, while it is ready; else one of `pods`. */
  pod: v.optional(v.string()),
  /** Every pod that new connections may go to. */
  pods: v.array(v.string()),
  openConnections: count,
  totalConnections: count,
  /** Connections and requests that failed: refused, broken off, or answered by kt itself with an error. */
  failures: count,
  /** HTTP requests that came; */
  requests: count,
  /** and those that are over, by the class of their status, as "2xx"; "none" are those that the client left. */
  responses: v.optional(v.record(v.string(), count)),
  /** How often requests were sent again; absent where none was. */
  retries: v.optional(count),
  receivedBytes: count,
  sentBytes: count,
  /** On average over the last 5 s; absent where nothing went through lately. */
  perSecond: v.optional(v.object({ requests: count, failures: count, receivedBytes: count, sentBytes: count })),
  /** What the checks of a target in use found; absent before the first. */
  health: v.optional(v.object({ checkedMs: count, failedInARow: count })),
  /** Why it does not work now. */
  problem: v.optional(problemSchema),
  /** The last failure of a single connection. */
  lastProblem: v.optional(v.object({ ...problemSchema.entries, atMs: count })),
});

const namespaceSchema = v.object({
  namespace: v.string(),
  context: v.string(),
  /** How many are forwarded; absent while they are not listed. */
  services: v.optional(count),
  /** What is not as the cluster has it, one sentence each. */
  notes: v.array(v.string()),
  problem: v.optional(problemSchema),
});

const profileHeadSchema = v.object({
  /** The absolute path of its file. */
  profile: v.string(),
  name: v.string(),
  /** The context of its routes that name none, where that is known. */
  context: v.optional(v.string()),
  /** Stays without a client: `kt up -d`, `kt serve`. */
  pinned: v.boolean(),
  clients: count,
  listeners: v.array(
    v.object({
      address: v.string(),
      open: v.boolean(),
      problem: v.optional(problemSchema),
      /** Where other machines find it; only of an address that is open to the network. */
      reachableAt: v.optional(v.array(v.string())),
    }),
  ),
  /** Of a profile with [[forward]]: its namespaces, in their order. */
  namespaces: v.optional(v.array(namespaceSchema)),
  /** Why the file on disk is not what runs. */
  problem: v.optional(problemSchema),
  warnings: v.array(v.string()),
  /** Those that are not left at their defaults, each with where it is said: a place in a file, a variable, or --set. */
  settings: v.optional(v.array(v.object({ key: v.string(), value: v.union([v.string(), v.number(), v.boolean()]), from: v.string() }))),
});

const helloSchema = v.object({ protocol: count, version: v.string(), commit: v.string(), pid: count });

const hubSchema = v.object({
  ...helloSchema.entries,
  startedAtMs: count,
  /** Why it takes no more connections for now. */
  problem: v.optional(problemSchema),
});

export const profileSchema = v.object({ ...profileHeadSchema.entries, routes: v.array(routeSchema) });

/** The whole status, put together, as `kt status --json` prints it. */
export const snapshotSchema = v.object({ hub: hubSchema, profiles: v.array(profileSchema) });

/** A part of the status by its number, and its place: among the profiles, or among the routes of its profile. */
const placed = { id: count, order: count };

export const changesSchema = v.object({
  type: v.literal("changes"),
  /** What was sent before is void. */
  isAnew: v.boolean(),
  hub: v.optional(hubSchema),
  /** What was sent before under the same number is replaced. */
  profiles: v.array(v.object({ ...placed, profile: profileHeadSchema })),
  /** `profile`: the path of its profile. */
  routes: v.array(v.object({ ...placed, profile: v.string(), route: routeSchema })),
  /** The numbers of parts that were removed. */
  removed: v.array(count),
  /** What has been sent so far is the whole status as it is now. */
  isComplete: v.boolean(),
});

export const journalEntrySchema = v.object({
  atMs: count,
  level: v.picklist(["debug", "info", "warn", "error"]),
  /** The route or routes that it is about, for people. */
  route: v.optional(v.string()),
  text: v.string(),
  /** The event itself, for `--json`. */
  event: v.looseObject({ type: v.string() }),
});

/** Of one route, or of all together, oldest first; the last step ends at `endMs`, milliseconds since 1970. */
export const historySchema = v.object({
  endMs: count,
  stepSeconds: count,
  /** Per second, on average over the step. */
  requests: v.array(count),
  failures: v.array(count),
  receivedBytes: v.array(count),
  sentBytes: v.array(count),
  /** How long the requests took that were answered in the step, on average; 0 where none was. */
  meanMs: v.array(count),
});

/** A pod behind a route, ready or not. `says` goes on after its name: "is in CrashLoopBackOff (exit code 1)". */
export const podSchema = v.object({
  name: v.string(),
  state: v.picklist(["ready", "coming", "stuck", "gone"]),
  says: v.string(),
  restarts: count,
  containers: v.array(v.string()),
});

/** An attached route, by the path of its profile and its name. */
const attachedRoute = { profile: v.string(), route: v.string() };

/** One HTTP request that is over. */
export const requestEntrySchema = v.object({
  atMs: count,
  profile: v.string(),
  route: v.string(),
  /** The host that was asked for. */
  name: v.string(),
  method: v.string(),
  /** Without its query. */
  path: v.string(),
  protocol: v.picklist(["HTTP/1.0", "HTTP/1.1", "HTTP/2"]),
  /** Absent where the client left before there was one. */
  status: v.optional(count),
  /** Of a gRPC call. */
  grpcStatus: v.optional(count),
  durationMs: count,
  /** To the head of the response. */
  firstByteMs: v.optional(count),
  /** Of the bodies. */
  sentBytes: count,
  receivedBytes: count,
});

const token = v.pipe(v.string(), v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}$/, "is not a valid method"));

/** A request to be sent again, or a new one like it: what of it is kept is method and path. */
export const replayInput = {
  ...attachedRoute,
  /** The host to ask for; a port in it does not count. */
  name: v.pipe(v.string(), v.regex(/^[\w.:[\]-]{1,260}$/, "is not a valid host")),
  method: token,
  /** With its query, where it is to have one. */
  path: v.pipe(
    v.string(),
    v.maxLength(controlLimits.replayPathChars),
    v.regex(/^\/[\x21-\x7e]*$/, "has to begin with / and be written in ASCII without blanks"),
  ),
  body: v.optional(v.pipe(v.string(), v.maxLength(controlLimits.replayBodyChars))),
  contentType: v.optional(v.pipe(v.string(), v.regex(/^[\x20-\x7e]{1,200}$/, "is not a valid media type"))),
  /** Has to be true for a method that may change something: all but GET, HEAD and OPTIONS. */
  confirmed: v.optional(v.boolean()),
};

/** What came back. Its body is cut at a bound, and text as far as it is UTF-8. */
export const replayedSchema = v.object({
  status: count,
  headers: v.array(v.object({ name: v.string(), value: v.string() })),
  body: v.string(),
  isCut: v.boolean(),
  durationMs: count,
});

export const stepSchema = v.object({
  step: v.string(),
  verdict: v.string(),
  outcome: v.picklist(["match", "miss", "stop", "info"]),
  /** Where an error stopped it. */
  code: v.optional(v.picklist(errorCodes)),
});

/** What kt doctor says of one thing. */
export const findingSchema = v.object({
  /** What was looked at, as "credentials". */
  check: v.string(),
  /** The context that it is about. */
  context: v.optional(v.string()),
  verdict: v.picklist(["ok", "warn", "broken", "skipped"]),
  text: v.string(),
  /** What to do about it, most useful first. */
  fixes: v.array(v.string()),
});

export const requestSchema = v.variant("type", [
  /** Attaches a profile to this connection, which is its lease; with `pin` it stays when the connection ends. */
  v.object({
    type: v.literal("attach"),
    file: v.string(),
    environment: v.record(v.string(), v.string()),
    pin: v.boolean(),
  }),
  /** Detaches a profile for everyone; without `profile` all of them. */
  v.object({ type: v.literal("detach"), profile: v.optional(v.string()) }),
  /** The whole status, in as many `changes` as it takes. */
  v.object({ type: v.literal("snapshot") }),
  /** The same, and after that what changes. */
  v.object({ type: v.literal("watch") }),
  /** The latest events, from `sinceMs` on, and with `follow` every new one; with `requests` single HTTP requests, too. */
  v.object({
    type: v.literal("logs"),
    follow: v.boolean(),
    route: v.optional(v.string()),
    sinceMs: v.optional(count),
    requests: v.optional(v.boolean()),
  }),
  /** The latest requests of a route, or of all of them, oldest first. */
  v.object({
    type: v.literal("requests"),
    profile: v.optional(v.string()),
    route: v.optional(v.string()),
    limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(observeLimits.requestEntries)),
  }),
  /** What a route carried in the latest steps, of one second or of ten; without one, all routes together. */
  v.object({
    type: v.literal("history"),
    profile: v.optional(v.string()),
    route: v.optional(v.string()),
    stepSeconds: v.picklist([1, 10]),
    steps: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(observeLimits.coarseRateSteps)),
  }),
  /** Sends a request to a route as a client would, and says what came back. */
  v.object({ type: v.literal("replay"), ...replayInput }),
  /** A code with which a browser is signed in once to the hub's own pages, at `/sign-in?code=CODE`. */
  v.object({ type: v.literal("sign-in") }),
  /** Everything measured, as text in one of Prometheus's formats. */
  v.object({ type: v.literal("metrics"), format: v.picklist(["openmetrics", "prometheus"]) }),
  v.object({ type: v.literal("explain"), subject: v.string() }),
  /** Waits until these static routes of an attached profile lead to a ready pod, or it is known why they do not. */
  v.object({ type: v.literal("ready"), profile: v.string(), routes: v.array(v.string()) }),
  /** The names of an attached profile, now and after every change. */
  v.object({ type: v.literal("names"), profile: v.string() }),
  /** Where the hub answers for names by DNS. */
  v.object({ type: v.literal("dns") }),
  /**
   * `reconnect` ends what is open to the route's target and connects anew; `stop` refuses what comes until `start`. Other routes to the
   * same target share it.
   */
  v.object({ type: v.literal("act"), action: v.picklist(["reconnect", "stop", "start"]), ...attachedRoute }),
  /** The pods behind a route, or behind its jump host. */
  v.object({ type: v.literal("pods"), ...attachedRoute }),
  /**
   * What a container of a pod of the route's namespace writes: the latest `lines`, and those to come until the connection ends, unless
   * `follow` is false.
   */
  v.object({
    type: v.literal("pod-log"),
    ...attachedRoute,
    pod: v.string(),
    container: v.optional(v.string()),
    lines: count,
    follow: v.optional(v.boolean()),
  }),
  /** The variables of an attached profile's `[env]`, as kt env prints them. */
  v.object({ type: v.literal("env"), profile: v.string() }),
  /** Ends a hub that has no profiles. */
  v.object({ type: v.literal("stop") }),
]);

export const replySchema = v.variant("type", [
  /** The hub's first words on every connection, unasked. */
  v.object({ type: v.literal("hello"), ...helloSchema.entries }),
  v.object({ type: v.literal("attached"), profile: v.string(), name: v.string(), warnings: v.array(v.string()) }),
  v.object({ type: v.literal("detached"), profiles: v.array(v.string()) }),
  changesSchema,
  v.object({ type: v.literal("entry"), entry: journalEntrySchema }),
  v.object({ type: v.literal("requests"), requests: v.array(requestEntrySchema) }),
  v.object({ type: v.literal("history"), history: historySchema }),
  v.object({ type: v.literal("replayed"), response: replayedSchema }),
  /** `port`: of a front door that is open; absent where none is. */
  v.object({ type: v.literal("code"), code: v.string(), port: v.optional(count) }),
  /** A piece of a text; the pieces of one request make the whole. */
  v.object({ type: v.literal("text"), text: v.string() }),
  v.object({ type: v.literal("steps"), steps: v.array(stepSchema) }),
  v.object({ type: v.literal("ready"), routes: v.array(v.object({ name: v.string(), problem: v.optional(problemSchema) })) }),
  /**
   * Names in lower case, and the address on this machine that they lead to. `lowPorts` are ports of TCP there which kt may not listen on,
   * each with the one that stands for it.
   */
  v.object({
    type: v.literal("names"),
    entries: v.array(
      v.object({
        address: v.string(),
        names: v.array(v.string()),
        lowPorts: v.optional(v.array(v.object({ port: v.number(), localPort: v.number() }))),
      }),
    ),
  }),
  v.object({
    type: v.literal("dns"),
    listeners: v.array(v.object({ address: v.string(), open: v.boolean(), problem: v.optional(problemSchema) })),
    /** How many names of services and pods it has. */
    names: count,
    /** Those in which it knows every name. */
    domains: v.array(v.string()),
    /** A name that it has, and what it should answer. */
    sample: v.optional(v.object({ name: v.string(), addresses: v.array(v.string()) })),
  }),
  v.object({ type: v.literal("pods"), pods: v.array(podSchema) }),
  /** Lines of a log, each cut to a bound; `leftOut`: how many were not sent before them, for the client was behind. */
  v.object({ type: v.literal("lines"), lines: v.array(v.string()), leftOut: count }),
  v.object({ type: v.literal("env"), variables: v.record(v.string(), v.string()) }),
  v.object({ type: v.literal("done") }),
  v.object({ type: v.literal("error"), problem: problemSchema }),
  /** The last reply of a request that has several. */
  v.object({ type: v.literal("end") }),
  /** Unasked: a profile that this connection held was detached by `kt down`, or the hub is ending. */
  v.object({ type: v.literal("gone"), profile: v.optional(v.string()) }),
]);

/** Replies carry the request's `id`; what comes unasked carries 0. */
export const requestLineSchema = v.object({ id: v.number(), request: requestSchema });
export const replyLineSchema = v.object({ id: v.number(), reply: replySchema });

export type Request = v.InferOutput<typeof requestSchema>;
export type Reply = v.InferOutput<typeof replySchema>;
export type ReplyOf<Type extends Reply["type"]> = Extract<Reply, { type: Type }>;
export type Hello = v.InferOutput<typeof helloSchema>;
export type HubStatus = v.InferOutput<typeof hubSchema>;
export type ProfileHead = v.InferOutput<typeof profileHeadSchema>;
export type NamespaceStatus = v.InferOutput<typeof namespaceSchema>;
export type RouteStatus = v.InferOutput<typeof routeSchema>;
export type ProfileStatus = v.InferOutput<typeof profileSchema>;
export type Snapshot = v.InferOutput<typeof snapshotSchema>;
export type MetricsFormat = Extract<Request, { type: "metrics" }>["format"];
export type RequestEntry = v.InferOutput<typeof requestEntrySchema>;
export type PodStatus = v.InferOutput<typeof podSchema>;
export type RouteAction = Extract<Request, { type: "act" }>["action"];
export type LogEntry = v.InferOutput<typeof journalEntrySchema>;
export type FindingStatus = v.InferOutput<typeof findingSchema>;
export type Replayed = v.InferOutput<typeof replayedSchema>;
export type Step = v.InferOutput<typeof stepSchema>;
