/** Tools that read how things stand: services, what is wrong, how to connect, why a name goes where it goes. */

import * as v from "valibot";
import { toKtError } from "#base/errors.ts";
import { findingSchema, podSchema, problemSchema, type ProfileStatus, type Snapshot, stepSchema } from "#control/api.ts";
import { observeLimits } from "#observe/limits.ts";
import { fitting } from "./bounded.ts";
import { findRoute, isProfile, profileInput, routeInput, serviceSchema } from "./find-route.ts";
import type { HubQuestions } from "./host.ts";
import { mcpLimits } from "./limits.ts";
import { countUpTo, type Tool, tool } from "./tool.ts";

const leftOut = v.pipe(v.number(), v.description("How many more there are, which were left out."));

const listServices = tool({
  name: "list_services",
  title: "List services",
  description:
    "Lists the services of the cluster that kt makes reachable on this machine, with their local address, state, pods, traffic and what is wrong with each. An idle one opens when something connects.",
  effect: "read",
  input: v.strictObject({
    profile: v.pipe(v.optional(v.string()), v.description("Only those of this profile, by its path or name.")),
    query: v.pipe(v.optional(v.string()), v.description("Only those whose name, address or target has this text.")),
    state: v.pipe(v.optional(serviceSchema.entries.state), v.description("Only those in this state.")),
    limit: countUpTo(mcpLimits.services, mcpLimits.usualServices, "services"),
  }),
  output: v.object({ services: v.array(serviceSchema), leftOut }),
  answer: async ({ profile, query, state, limit }, { host, signal }) => {
    const { profiles } = await host.withHub(signal, (hub) => hub.snapshot());
    const wanted = (query ?? "").toLowerCase();
    const services = profiles
      .filter((each) => profile === undefined || isProfile(each, profile))
      .flatMap((each) => each.routes.map((route) => ({ profile: each.profile, ...route })))
      .filter((route) => state === undefined || route.state === state)
      .filter(({ name, url, target }) => [name, url, target].some((text) => text.toLowerCase().includes(wanted)));
    const { list, leftOut: more } = fitting(services, limit);
    return { services: list, leftOut: more };
  },
});

const getService = tool({
  name: "get_service",
  title: "Get a service",
  description:
    "Everything known of one service: address, target, state, pods, connections, requests, bytes, its problem and how long it lasts.",
  effect: "read",
  input: v.strictObject({ service: routeInput, profile: profileInput }),
  output: v.object({ service: serviceSchema }),
  answer: async ({ service, profile }, { host, signal }) => {
    const found = findRoute(await host.withHub(signal, (hub) => hub.snapshot()), service, profile);
    return { service: { profile: found.profile.profile, ...found.route } };
  },
});

const listPods = tool({
  name: "list_pods",
  title: "List the pods of a service",
  description: "The pods behind a service, ready or not, with their state in words, restarts and containers. Asks the cluster.",
  effect: "read",
  input: v.strictObject({ service: routeInput, profile: profileInput }),
  output: v.object({ pods: v.array(podSchema), leftOut }),
  answer: async ({ service, profile }, { host, signal }) =>
    await host.withHub(signal, async (hub) => {
      const found = findRoute(await hub.snapshot(), service, profile);
      const { pods } = await hub.ask({ type: "pods", profile: found.profile.profile, route: found.route.name }, "pods");
      const { list, leftOut: more } = fitting(pods, pods.length);
      return { pods: list, leftOut: more };
    }),
});

const explain = tool({
  name: "explain",
  title: "Explain where a name leads",
  description:
    "Why a hostname, a local port or a target goes where it goes, step by step down to the pod, as kt explain. Use it where a name does not work.",
  effect: "read",
  input: v.strictObject({
    subject: v.pipe(
      v.string(),
      v.minLength(1),
      v.maxLength(observeLimits.eventNameLength),
      v.description('As "grafana.localhost", "5432" or "shop/svc/api:80".'),
    ),
  }),
  output: v.object({ steps: v.array(stepSchema), leftOut }),
  answer: async ({ subject }, { host, signal }) => {
    const { steps } = await host.withHub(signal, (hub) => hub.ask({ type: "explain", subject }, "steps"));
    const { list, leftOut: more } = fitting(steps, steps.length);
    return { steps: list, leftOut: more };
  },
});

const connectionSchema = v.object({
  profile: serviceSchema.entries.profile,
  service: v.string(),
  kind: serviceSchema.entries.kind,
  /** A URL, or `host:port`. */
  url: v.string(),
  address: v.pipe(v.optional(v.string()), v.description("Where its name need not be resolved.")),
  state: serviceSchema.entries.state,
});

const environmentSchema = v.object({
  profile: serviceSchema.entries.profile,
  variables: v.record(v.string(), v.string()),
  problem: v.pipe(v.optional(problemSchema), v.description("Why there are none now.")),
});

const getConnectionInfo = tool({
  name: "get_connection_info",
  title: "Get addresses and environment variables",
  description:
    "How a program on this machine connects: the local URL or address of each service of a profile, and the environment variables that its [env] defines, as kt env prints them. Values may hold what the user's environment has.",
  effect: "read",
  input: v.strictObject({
    service: v.pipe(v.optional(v.string()), v.description("Only this service; default: all of the profile.")),
    profile: v.pipe(v.optional(v.string()), v.description("The path or name of an attached profile; default: every one.")),
  }),
  output: v.object({ connections: v.array(connectionSchema), leftOut, environments: v.array(environmentSchema) }),
  answer: async ({ service, profile }, { host, signal }) =>
    await host.withHub(signal, async (hub) => {
      const snapshot = await hub.snapshot();
      const asked = service === undefined ? profilesAsked(snapshot, profile) : [findRoute(snapshot, service, profile).profile];
      const connections = asked.flatMap((each) => connectionsOf(each, service));
      const { list, leftOut: more } = fitting(connections, mcpLimits.services);
      const environments = await Promise.all(asked.map((each) => environmentOf(hub, each.profile)));
      return { connections: list, leftOut: more, environments };
    }),
});

async function environmentOf(hub: HubQuestions, profile: string): Promise<v.InferOutput<typeof environmentSchema>> {
  try {
    return { profile, variables: (await hub.ask({ type: "env", profile }, "env")).variables };
  } catch (error) {
    const { code, message, hints } = toKtError(error, "internal", "read the variables");
    return { profile, variables: {}, problem: { code, message, hints: [...hints] } };
  }
}

function profilesAsked({ profiles }: Snapshot, asked: string | undefined): ProfileStatus[] {
  return profiles.filter((each) => asked === undefined || isProfile(each, asked));
}

function connectionsOf({ profile, routes }: ProfileStatus, service: string | undefined): v.InferOutput<typeof connectionSchema>[] {
  return routes
    .filter(({ name }) => service === undefined || name === service)
    .map(({ name, kind, url, address, state }) => ({
      profile,
      service: name,
      kind,
      url,
      ...(address === undefined ? {} : { address }),
      state,
    }));
}

const wrongSchema = v.object({
  profile: v.pipe(v.optional(v.string()), v.description("Absent for the hub itself.")),
  subject: v.pipe(v.string(), v.description("The service, listener or namespace that it is about.")),
  problem: problemSchema,
});

const listProblems = tool({
  name: "list_problems",
  title: "List what is wrong",
  description:
    "Every problem of now: of the hub, of profiles, listeners, namespaces and services, each with its code, the reason in words and hints.",
  effect: "read",
  input: v.strictObject({ profile: v.pipe(v.optional(v.string()), v.description("Only those of this profile, by its path or name.")) }),
  output: v.object({ problems: v.array(wrongSchema), leftOut }),
  answer: async ({ profile }, { host, signal }) => {
    const snapshot = await host.withHub(signal, (hub) => hub.snapshot());
    const { problem } = snapshot.hub;
    const ofHub = problem === undefined ? [] : [{ subject: "hub", problem }];
    const all = [...ofHub, ...profilesAsked(snapshot, profile).flatMap(problemsOf)];
    const { list, leftOut: more } = fitting(all, mcpLimits.services);
    return { problems: list, leftOut: more };
  },
});

function problemsOf({ profile, name, problem, listeners, namespaces = [], routes }: ProfileStatus): v.InferOutput<typeof wrongSchema>[] {
  const parts = [
    { subject: name, problem },
    ...listeners.map((each) => ({ subject: each.address, problem: each.problem })),
    ...namespaces.map((each) => ({ subject: each.namespace, problem: each.problem })),
    ...routes.map((each) => ({ subject: each.name, problem: each.problem })),
  ];
  return parts.flatMap((part) => (part.problem === undefined ? [] : [{ profile, subject: part.subject, problem: part.problem }]));
}

const diagnose = tool({
  name: "diagnose",
  title: "Diagnose",
  description:
    "Looks at everything between a profile and its pods, as kt doctor: kubeconfig, credentials, the API server, permissions, proxies, names, ports, each service; and says what to do about what is broken. Takes seconds. Use it where nothing else says why something fails.",
  effect: "read",
  input: v.strictObject({
    profile: v.pipe(
      v.optional(v.string()),
      v.description("The absolute path of a profile; default: the one of this folder, or the one attached."),
    ),
  }),
  output: v.object({ findings: v.array(findingSchema), leftOut }),
  answer: async ({ profile }, { host }) => {
    const findings = await host.diagnose(profile);
    const { list, leftOut: more } = fitting(findings, findings.length);
    return { findings: list, leftOut: more };
  },
});

export const statusTools: readonly Tool[] = [listServices, getService, listPods, getConnectionInfo, explain, listProblems, diagnose];
