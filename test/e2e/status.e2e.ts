/** What `kt status` says of routes that were used once, while their pods come and go and no client connects. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  apply,
  createUser,
  deploy,
  deployment,
  kubectl,
  ownNamespace,
  podsOf,
  type Rule,
  rolledOut,
  service,
  writeKubeconfig,
} from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";

const names = ["gone", "roll", "scale", "crash", "image", "service", "direct", "down"] as const;
/** Long enough for pods to be pulled and started on a busy machine. */
const patienceMs = 60_000;
let ns: { name: string; remove(): Promise<void> };
let kt: Kt;

beforeAll(async () => {
  ns = await ownNamespace("status");
  await Promise.all(names.map((name) => deploy(ns.name, name)));
  const [port = 0] = freePorts(1);
  const targetOf = (name: string): string => (name === "direct" ? "deploy/direct:8080" : `svc/${name}:http`);
  const routes = names.map((name) => `"${name}.localhost" = "${targetOf(name)}"`).join("\n");
  kt = await Kt.serve(
    port,
    `namespace = "${ns.name}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n${routes}\n"unused.localhost" = "svc/none:80"\n`,
  );
  for (const name of names) expect((await kt.fetch(`${name}.localhost`, "/")).status).toBe(200);
}, 120_000);
afterAll(async () => {
  await kt?.close();
  await ns?.remove();
});

interface Route {
  readonly name: string;
  readonly state: string;
  readonly pod?: string;
  readonly pods: readonly string[];
  readonly problem?: { readonly code: string; readonly message: string; readonly sinceMs?: number };
  readonly lastProblem?: object;
  readonly requests: number;
}

async function routeOf(name: string, of: Kt = kt): Promise<Route> {
  const { profiles } = (await of.status()) as unknown as { profiles: readonly { readonly routes: readonly Route[] }[] };
  const route = profiles[0]?.routes.find((each) => each.name === `${name}.localhost`);
  if (!route) throw new Error(`kt status has no route ${name}`);
  // Whatever happens, what is said hangs together.
  if (route.state === "running") expect([route.problem, route.pods.includes(route.pod ?? "")]).toEqual([undefined, true]);
  if (route.state === "failed") expect(route.problem?.sinceMs).toBeGreaterThan(0);
  return route;
}

/** Polls the status, which does not count as traffic, until the route is as wanted. */
async function becomes(name: string, what: string, isSo: (route: Route) => boolean, of: Kt = kt): Promise<Route> {
  let last: Route | undefined;
  await eventually(
    `${name} to be ${what}`,
    async () => {
      last = await routeOf(name, of);
      return isSo(last);
    },
    patienceMs,
    250,
  ).catch((error: Error) => {
    throw new Error(`${error.message}; it is ${JSON.stringify(last)}`);
  });
  return last as Route;
}

const unready = (words: RegExp) => (route: Route) => route.state !== "running" && words.test(route.problem?.message ?? "");

/** Runs on a pod that exists, with nothing left of what was. */
async function runsAgain(name: string): Promise<void> {
  const route = await becomes(name, "running again", ({ state }) => state === "running");
  expect(route.lastProblem).toBeUndefined();
  expect(await podsOf(ns.name, name)).toContain(route.pod as string);
}

const remake = (name: string, options: object): Promise<void> => apply(deployment(ns.name, name, options));

test("the pod is deleted", async () => {
  const [old = ""] = await podsOf(ns.name, "gone");
  await kubectl("-n", ns.name, "delete", "pod", old, "--wait=false");
  await becomes("gone", "on another pod or none", ({ pods }) => !pods.includes(old));
  await rolledOut(ns.name, "gone");
  await runsAgain("gone");
});

test("a rollout", async () => {
  const [old = ""] = await podsOf(ns.name, "roll");
  await kubectl("-n", ns.name, "rollout", "restart", "deployment/roll");
  await becomes("roll", "on the new pod", ({ state, pods }) => state === "running" && !pods.includes(old));
  await rolledOut(ns.name, "roll");
  await runsAgain("roll");
});

test("scaled to 0 and back", async () => {
  await kubectl("-n", ns.name, "scale", "deployment/scale", "--replicas=0");
  expect(await becomes("scale", "failed", unready(/scaled to zero/))).toMatchObject({ state: "failed", pods: [] });
  await kubectl("-n", ns.name, "scale", "deployment/scale", "--replicas=1");
  await runsAgain("scale");
});

test("a crash loop", async () => {
  await remake("crash", { env: { CRASH: "1" } });
  await kubectl("-n", ns.name, "scale", "deployment/crash", "--replicas=0");
  await kubectl("-n", ns.name, "scale", "deployment/crash", "--replicas=1");
  await becomes("crash", "in a crash loop", unready(/CrashLoopBackOff|ended with Error/));
  await remake("crash", {});
  await runsAgain("crash");
});

test("a wrong image", async () => {
  await kubectl("-n", ns.name, "scale", "deployment/image", "--replicas=0");
  await becomes("image", "failed", unready(/scaled to zero/));
  await remake("image", { image: "kt.test/nosuch:1" });
  expect((await becomes("image", "failed", unready(/ErrImagePull|ImagePullBackOff/))).state).toBe("failed");
  await remake("image", {});
  await runsAgain("image");
});

test("the service is deleted and made again", async () => {
  await kubectl("-n", ns.name, "delete", "service", "service");
  const route = await becomes("service", "failed", ({ state }) => state === "failed");
  expect((await becomes("service", "missing", ({ problem }) => problem?.code === "service-not-found")).pods).toEqual([]);
  expect(route.pods).toEqual([]);
  await apply(service(ns.name, "service"));
  await runsAgain("service");
});

test("a deployment is deleted and made again", async () => {
  await kubectl("-n", ns.name, "delete", "deployment", "direct", "--cascade=foreground");
  await becomes("direct", "missing", ({ state, problem }) => state === "failed" && problem?.code === "workload-not-found");
  await remake("direct", {});
  await runsAgain("direct");
});

test("kt down and kt up: nothing is left of an error, and of a use", async () => {
  const { home } = kt;
  await kubectl("-n", ns.name, "scale", "deployment/down", "--replicas=0");
  await becomes("down", "failed", unready(/scaled to zero/));
  expect((await kt.fetch("down.localhost", "/")).status).toBe(503);
  expect((await home.run(["down"])).exitCode).toBe(0);
  expect((await home.run(["up", "-d"])).exitCode).toBe(0);
  const route = await routeOf("down");
  expect([route.state, route.problem, route.lastProblem, route.requests]).toEqual(["idle", undefined, undefined, 0]);
});

test("a user who may list and not watch sees the same, a little later", async () => {
  await deploy(ns.name, "polled");
  const lists: Rule = { apiGroups: ["", "discovery.k8s.io"], resources: ["services", "pods", "endpointslices"], verbs: ["get", "list"] };
  const forward: Rule = { apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"] };
  const token = await createUser(ns.name, "no-watch", [lists, forward]);
  const [port = 0] = freePorts(1);
  const profile = `namespace = "${ns.name}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"polled.localhost" = "svc/polled:http"\n`;
  await using limited = await Kt.serve(port, profile, { KUBECONFIG: await writeKubeconfig({ limited: { user: { token } } }) });
  expect((await limited.fetch("polled.localhost", "/")).status).toBe(200);
  await kubectl("-n", ns.name, "scale", "deployment/polled", "--replicas=0");
  await becomes("polled", "failed", unready(/scaled to zero/), limited);
  await kubectl("-n", ns.name, "scale", "deployment/polled", "--replicas=1");
  await becomes("polled", "running again", ({ state }) => state === "running", limited);
});

test("an unused route costs nothing and is idle", async () => {
  expect(await routeOf("unused")).toMatchObject({ state: "idle", pods: [] });
});
