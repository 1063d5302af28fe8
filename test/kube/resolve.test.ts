/** Tests what services, slices and pods come down to: tables of the states that clusters show. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import {
  type ContainerState,
  type Pod,
  pickPod,
  pickService,
  pickSlice,
  type Service,
  type ServicePort,
  type Slice,
} from "#kube/objects/objects.ts";
import { podState } from "#kube/objects/pod-state.ts";
import { findServicePort, groupOf, resolveSlices, unexplained } from "#kube/objects/resolve.ts";
import { explainPods, resolvePod, resolvePods } from "#kube/objects/resolve-pods.ts";
import type { Resolution } from "#kube/objects/types.ts";

const scope = ["-n", "shop", "--context", "dev"];

const service: Service = pickService({
  metadata: { name: "web", namespace: "shop" },
  spec: {
    selector: { app: "web" },
    ports: [
      { name: "http", port: 80, targetPort: "web" },
      { name: "admin", port: 8081 },
      { name: "dns", port: 53, protocol: "UDP" },
      { name: "both", port: 53, protocol: "TCP", targetPort: 5353 },
      { name: "syslog", port: 514, protocol: "UDP" },
    ],
  },
});

const plain: Service = pickService({ metadata: { name: "db", namespace: "shop" }, spec: { ports: [{ port: 5432, targetPort: 0 }] } });

function portOf(of: Service, port: number | string): ServicePort {
  const found = findServicePort(of, port);
  if (!found || found instanceof KtError) throw found ?? new Error("no port");
  return found;
}

const http = portOf(service, "http");
const web = groupOf(service, http, scope);

interface EndpointIn {
  readonly pod?: string;
  readonly ready?: boolean | null;
  readonly terminating?: boolean;
  readonly address?: string;
}

const slice = (ports: readonly { name?: string; port?: number; protocol?: string }[], ...endpoints: EndpointIn[]): Slice =>
  pickSlice({
    metadata: { name: "web-x", labels: { "kubernetes.io/service-name": "web" } },
    ports,
    endpoints: endpoints.map(({ pod, ready, terminating, address }) => ({
      addresses: [address ?? "10.0.0.1"],
      conditions: { ...(ready === undefined ? {} : { ready }), ...(terminating === undefined ? {} : { terminating }) },
      ...(pod === undefined ? {} : { targetRef: { kind: "Pod", name: pod } }),
    })),
  });

const running: ContainerState = { name: "main", init: false, kind: "running", reason: undefined, message: undefined };

function pod(name: string, fields: Partial<Pod> = {}): Pod {
  const base: Pod = {
    name,
    address: "",
    phase: "Running",
    reason: undefined,
    message: undefined,
    terminating: false,
    owner: "ReplicaSet",
    ready: true,
    readyMessage: undefined,
    unschedulable: undefined,
    ports: [{ name: "web", port: 8080, protocol: "TCP" }],
    containers: [running],
  };
  return { ...base, ...fields };
}

const waiting = (reason: string, message?: string): ContainerState => ({ name: "main", init: false, kind: "waiting", reason, message });

/** One line that says it all. */
function shown(resolution: Resolution | { kind: "unready"; starting: boolean }): string {
  if (resolution.kind === "ready") return `ready ${resolution.endpoints.map((endpoint) => `${endpoint.pod}:${endpoint.port}`).join(" ")}`;
  if (resolution.kind === "unready") return resolution.starting ? "unready starting" : "unready";
  return `${resolution.kind} ${resolution.problem.code}: ${resolution.problem.message}`;
}

describe("the port of a service", () => {
  test.each([
    [80, 80],
    ["http", 80],
    [8081, 8081],
    ["both", 53],
    // UDP and TCP may share a number: the one that can be forwarded is meant.
    [53, 53],
  ] as const)("%p is found", (port, number) => {
    expect(portOf(service, port).port).toBe(number);
    expect(portOf(service, port).protocol).toBe("TCP");
  });

  test("targetPort is the port where it is missing or 0", () => {
    expect(portOf(service, "admin").targetPort).toBe(8081);
    expect(portOf(plain, 5432).targetPort).toBe(5432);
  });

  const missing: [number | string, string, string[]][] = [
    ["htp", 'service "shop/web" has no port "htp"', ['did you mean "http"?', "its ports are: 80 (http), 8081 (admin), 53 (both)"]],
    [
      5353,
      'service "shop/web" has no port 5353',
      ["5353 is the port of the pods; the service's is 53", "its ports are: 80 (http), 8081 (admin), 53 (both)"],
    ],
    [514, 'port 514 of service "shop/web" is UDP, and the route is for TCP', ["write the route under [udp]"]],
    ["", 'service "shop/web" has no port ""', ["its ports are: 80 (http), 8081 (admin), 53 (both)"]],
  ];
  test.each(missing)("%p is not", (port, message, hints) => {
    const problem = findServicePort(service, port);
    expect(problem).toBeInstanceOf(KtError);
    expect(problem).toMatchObject({ code: "port-not-found", message, hints });
  });

  test("a service without ports says so", () => {
    const none = pickService({ metadata: { name: "x", namespace: "shop" }, spec: {} });
    expect(findServicePort(none, 80)).toMatchObject({ code: "port-not-found", hints: ["it has no TCP ports at all"] });
    expect(findServicePort(none, 80, "TCP", "http")).toMatchObject({ code: "port-not-found", ports: [] });
  });

  test("ExternalName leads to no pod", () => {
    const alias = pickService({ metadata: { name: "db", namespace: "shop" }, spec: { type: "ExternalName", externalName: "db.corp" } });
    expect(findServicePort(alias, 80)).toMatchObject({
      code: "service-external",
      message: expect.stringContaining("is an alias of db.corp"),
    });
  });
});

describe("slices", () => {
  const web = [{ name: "http", port: 8080 }];
  const cases: [string, Slice[], string][] = [
    ["ready pods, sorted", [slice(web, { pod: "b", ready: true }, { pod: "a", ready: true })], "ready a:8080 b:8080"],
    ["no conditions count as ready", [slice(web, { pod: "a" })], "ready a:8080"],
    ["ready null counts as ready", [slice(web, { pod: "a", ready: null })], "ready a:8080"],
    ["not ready ones are left out", [slice(web, { pod: "a", ready: true }, { pod: "b", ready: false })], "ready a:8080"],
    [
      "terminating ones are left out",
      [slice(web, { pod: "a", ready: true, terminating: true }, { pod: "b", ready: true })],
      "ready b:8080",
    ],
    [
      "the port differs from slice to slice",
      [slice(web, { pod: "a" }), slice([{ name: "http", port: 9090 }], { pod: "b" })],
      "ready a:8080 b:9090",
    ],
    ["a pod in an IPv4 and an IPv6 slice is one", [slice(web, { pod: "a" }), slice(web, { pod: "a", address: "fd00::1" })], "ready a:8080"],
    [
      "the slice's port is matched by name",
      [
        slice(
          [
            { name: "admin", port: 1 },
            { name: "http", port: 2 },
          ],
          { pod: "a" },
        ),
      ],
      "ready a:2",
    ],
    [
      "a UDP port of the same name is not it",
      [slice([{ name: "http", port: 1, protocol: "UDP" }], { pod: "a" })],
      'none port-not-found: no ready pod of service "shop/web" has a container port named "web"',
    ],
    [
      "pods that lack the port",
      [slice([{ name: "admin", port: 1 }], { pod: "a" })],
      'none port-not-found: no ready pod of service "shop/web" has a container port named "web"',
    ],
    [
      "one pod lacks the port, another has it",
      [slice([{ name: "admin", port: 1 }], { pod: "a" }), slice(web, { pod: "b" })],
      "ready b:8080",
    ],
    ["nothing ready, something starting", [slice(web, { pod: "a", ready: false })], "unready starting"],
    ["only terminating", [slice(web, { pod: "a", ready: false, terminating: true })], "unready"],
    ["no slices", [], "unready"],
    ["empty slice", [slice(web)], "unready"],
    [
      "an address that is not a pod",
      [slice(web, { address: "192.0.2.7", ready: true })],
      'none service-external: service "shop/web" has an endpoint that is not a pod (192.0.2.7): it leads to no pod, so it cannot be port-forwarded',
    ],
    ["a pod beside an address", [slice(web, { address: "192.0.2.7" }, { pod: "a" })], "ready a:8080"],
  ];
  test.each(cases)("%s", (_, slices, want) => {
    expect(shown(resolveSlices(service, slices, http))).toBe(want);
  });

  test("a service of one unnamed port, without a selector", () => {
    const port = portOf(plain, 5432);
    expect(shown(resolveSlices(plain, [], port))).toBe(
      'none no-ready-pod: service "shop/db" has no selector and no endpoints: nothing is behind it',
    );
    expect(shown(resolveSlices(plain, [slice([{ port: 15432 }], { pod: "a" })], port))).toBe("ready a:15432");
    expect(shown(resolveSlices(plain, [slice([{ name: "", port: 15432 }], { pod: "a" })], port))).toBe("ready a:15432");
    expect(shown(resolveSlices(plain, [slice([{ port: 5432 }], { address: "192.0.2.7" })], port))).toStartWith("none service-external");
  });
});

describe("UDP", () => {
  const ports = [
    { name: "dns", port: 5300, protocol: "UDP" },
    { name: "both", port: 5353 },
    { name: "syslog", port: 1514, protocol: "UDP" },
  ];

  test("a number that the service has for both protocols leads to the one that is asked for, with the pod's address", () => {
    const port = findServicePort(service, 53, "UDP");
    expect(port).toMatchObject({ name: "dns", protocol: "UDP" });
    const outcome = resolveSlices(service, [slice(ports, { pod: "a", address: "10.0.0.7" })], port as ServicePort);
    expect(outcome).toEqual({ kind: "ready", endpoints: [{ pod: "a", port: 5300, address: "10.0.0.7" }] });
    expect(shown(resolveSlices(service, [slice(ports, { pod: "a" })], portOf(service, 53)))).toBe("ready a:5353");
  });

  test("an endpoint that is not a pod is reached by its address", () => {
    const port = findServicePort(service, 53, "UDP") as ServicePort;
    const outcome = resolveSlices(service, [slice(ports, { address: "192.0.2.7" })], port);
    expect(outcome).toEqual({ kind: "ready", endpoints: [{ pod: "192.0.2.7", port: 5300, address: "192.0.2.7" }] });
  });

  test("a port of TCP is not one of UDP, and one that is not there has the UDP ports for a hint", () => {
    expect(findServicePort(service, "http", "UDP")).toMatchObject({
      message: 'port 80 of service "shop/web" is TCP, and the route is for UDP',
      hints: ["write the route under [tcp] or [routes]"],
    });
    expect(findServicePort(service, 54, "UDP")).toMatchObject({ hints: ["its ports are: 53 (dns), 514 (syslog)"] });
    expect(findServicePort(plain, 54, "UDP")).toMatchObject({ hints: ["it has no UDP ports at all"] });
  });

  test("a container port counts by its name and its protocol", () => {
    const named = pod("a", { address: "10.0.0.7", ports: [{ name: "dns", port: 5300, protocol: "UDP" }] });
    const request = { kind: "pod", namespace: "shop", name: "a", port: "dns" } as const;
    expect(resolvePod({ ...request, protocol: "UDP" }, named, scope)).toEqual({
      kind: "ready",
      endpoints: [{ pod: "a", port: 5300, address: "10.0.0.7" }],
    });
    expect(shown(resolvePod(request, named, scope))).toStartWith("none port-not-found");
  });
});

describe("pods, where slices may not be listed", () => {
  const cases: [string, Pod[], string][] = [
    ["ready ones", [pod("b"), pod("a")], "ready a:8080 b:8080"],
    [
      "the target port by each pod's own name",
      [pod("a"), pod("b", { ports: [{ name: "web", port: 9090, protocol: "TCP" }] })],
      "ready a:8080 b:9090",
    ],
    ["terminating ones are left out", [pod("a", { terminating: true }), pod("b")], "ready b:8080"],
    ["running where readiness is unknown", [pod("a", { ready: undefined })], "ready a:8080"],
    ["ready before unknown", [pod("a", { ready: undefined }), pod("b")], "ready b:8080"],
    [
      "the port is not there",
      [pod("a", { ports: [] })],
      'none port-not-found: no ready pod of service "shop/web" has a container port named "web"',
    ],
    [
      "not ready",
      [pod("a", { ready: false })],
      'coming no-ready-pod: no pod of service "shop/web" is ready: pod "a" is running but not ready',
    ],
    ["none at all", [], 'none no-ready-pod: no pod of service "shop/web" is ready: there is no pod with app=web (scaled to zero?)'],
  ];
  test.each(cases)("%s", (_, pods, want) => {
    expect(shown(resolvePods(web, pods, scope))).toBe(want);
  });

  test("publishNotReadyAddresses takes running ones that are not ready", () => {
    const eager = { ...service, publishNotReady: true };
    expect(shown(resolvePods(groupOf(eager, http, scope), [pod("a", { ready: false })], scope))).toBe("ready a:8080");
    expect(shown(resolvePods(groupOf(eager, http, scope), [pod("a", { ready: false, terminating: true })], scope))).toStartWith("none");
  });

  test("a port number needs no declaration", () => {
    expect(shown(resolvePods(groupOf(service, portOf(service, 8081), scope), [pod("a", { ports: [] })], scope))).toBe("ready a:8081");
  });
});

test("a crashed container's own words are the first thing to look at", () => {
  const hints = (containers: ContainerState[]): readonly string[] => {
    const resolution = explainPods(web, [pod("web-1", { ready: false, containers })], scope);
    return resolution.kind === "ready" ? [] : resolution.problem.hints;
  };
  const look = "kubectl describe pod web-1 -n shop --context dev";
  const loop = waiting("CrashLoopBackOff");
  expect(hints([loop])).toEqual(["kubectl logs web-1 --previous -n shop --context dev", look]);
  expect(hints([running, { ...loop, name: "a b" }])).toEqual(["kubectl logs web-1 -c 'a b' --previous -n shop --context dev", look]);
  expect(hints([{ ...running, kind: "terminated", reason: "Error" }])).toEqual(["kubectl logs web-1 -n shop --context dev", look]);
  expect(hints([waiting("ImagePullBackOff")])).toEqual([look]);
});

describe("why no pod is ready", () => {
  const cases: [string, Partial<Pod>, string][] = [
    ["ready by now", {}, "coming: has just become ready"],
    ["scheduled nowhere yet", { ready: undefined, phase: "Pending", containers: [] }, "coming: is waiting for a node"],
    ["creating", { ready: false, phase: "Pending", containers: [waiting("ContainerCreating")] }, "coming: is starting: ContainerCreating"],
    [
      "init container",
      { ready: false, phase: "Pending", containers: [{ ...running, name: "migrate", init: true }, waiting("PodInitializing")] },
      'coming: is starting: init container "migrate" is running',
    ],
    [
      "probe fails",
      { ready: false, readyMessage: "containers with unready status: [main]" },
      "coming: is running but not ready (containers with unready status: [main])",
    ],
    [
      "between crash and restart",
      { ready: false, containers: [{ ...running, kind: "terminated", reason: "Error" }] },
      'coming: restarts its container "main", which ended with Error',
    ],
    [
      "unschedulable",
      { ready: undefined, phase: "Pending", containers: [], unschedulable: "0/3 nodes are available: 3 Insufficient cpu." },
      "none: is unschedulable (0/3 nodes are available: 3 Insufficient cpu.)",
    ],
    [
      "crash loop",
      { ready: false, containers: [waiting("CrashLoopBackOff", "back-off 40s restarting failed container=main pod=web-1_shop(1-2-3)")] },
      "none: is in CrashLoopBackOff (back-off 40s restarting failed)",
    ],
    [
      "crash loop whose end is known",
      { ready: false, containers: [{ ...waiting("CrashLoopBackOff", "back-off 10s"), exitCode: 3 }] },
      "none: is in CrashLoopBackOff (exit code 3: back-off 10s)",
    ],
    [
      "image",
      { ready: false, phase: "Pending", containers: [waiting("ImagePullBackOff", 'Back-off pulling image "x"')] },
      'none: is in ImagePullBackOff (Back-off pulling image "x")',
    ],
    [
      "one of two containers",
      { ready: false, containers: [{ ...running, name: "proxy" }, waiting("ErrImagePull", "not found")] },
      'none: is in ErrImagePull (container "main": not found)',
    ],
    [
      "init container crashes",
      {
        ready: false,
        phase: "Pending",
        containers: [{ ...waiting("CrashLoopBackOff"), init: true, name: "migrate" }, waiting("PodInitializing")],
      },
      'none: is in CrashLoopBackOff (container "migrate")',
    ],
    [
      "between crash and restart, with its exit code",
      { ready: false, containers: [{ ...running, kind: "terminated", reason: "Error", exitCode: 137 }] },
      'coming: restarts its container "main", which ended with Error (exit code 137)',
    ],
    ["terminating", { terminating: true }, "none: is terminating"],
    ["terminating, with a successor to come", { terminating: true, owner: "StatefulSet" }, "coming: is terminating"],
    [
      "evicted",
      { phase: "Failed", ready: false, reason: "Evicted", message: "low on memory" },
      "none: has failed with Evicted (low on memory)",
    ],
    ["completed", { phase: "Succeeded", ready: false }, "none: has completed"],
  ];
  test.each(cases)("%s", (_, fields, want) => {
    const resolution = explainPods(web, [pod("web-1", fields)], scope);
    const [kind, says] = [want.slice(0, want.indexOf(":")), want.slice(want.indexOf(":") + 2)];
    expect(shown(resolution)).toBe(`${kind} no-ready-pod: no pod of service "shop/web" is ready: pod "web-1" ${says}`);
    if (resolution.kind !== "ready") expect(resolution.problem.hints).toContain("kubectl describe pod web-1 -n shop --context dev");
  });

  test("the pod that is nearest to serving speaks for all", () => {
    const pods = [
      pod("gone", { terminating: true }),
      pod("stuck", { ready: false, containers: [waiting("CrashLoopBackOff")] }),
      pod("new", { ready: false }),
    ];
    expect(shown(explainPods(web, pods, scope))).toBe(
      'coming no-ready-pod: no pod of service "shop/web" is ready: pod "new" is running but not ready',
    );
    expect(shown(explainPods(web, pods.slice(0, 2), scope))).toStartWith(
      'none no-ready-pod: no pod of service "shop/web" is ready: pod "stuck"',
    );
  });

  test("what slices alone tell", () => {
    expect(shown(unexplained(service, true, scope))).toBe(
      'coming no-ready-pod: no pod of service "shop/web" is ready: its pods are there but not ready',
    );
    expect(shown(unexplained(service, false, scope))).toBe(
      'none no-ready-pod: no pod of service "shop/web" is ready: it has no pods that serve',
    );
  });
});

describe("a pod by name", () => {
  const of = (found: Pod | undefined, port: number | string): string =>
    shown(resolvePod({ kind: "pod", namespace: "shop", name: "web-1", port }, found, scope));
  const cases: [string, Pod | undefined, number | string, string][] = [
    ["by number", pod("web-1"), 1234, "ready web-1:1234"],
    ["by name", pod("web-1"), "web", "ready web-1:8080"],
    ["missing", undefined, 80, 'none pod-not-found: there is no pod "web-1" in namespace "shop"'],
    ["no such port name", pod("web-1"), "x", 'none port-not-found: pod "shop/web-1" has no container port named "x"'],
    ["running but not ready is wanted all the same", pod("web-1", { ready: false }), 80, "ready web-1:80"],
    [
      "starting",
      pod("web-1", { ready: false, phase: "Pending", containers: [waiting("ContainerCreating")] }),
      80,
      'coming no-ready-pod: pod "shop/web-1" is starting: ContainerCreating',
    ],
    [
      "crash loop",
      pod("web-1", { ready: false, containers: [waiting("CrashLoopBackOff")] }),
      80,
      'none no-ready-pod: pod "shop/web-1" is in CrashLoopBackOff',
    ],
    ["terminating", pod("web-1", { terminating: true }), 80, 'none no-ready-pod: pod "shop/web-1" is terminating'],
  ];
  test.each(cases)("%s", (_, found, port, want) => {
    expect(of(found, port)).toBe(want);
  });
});

describe("picking fields", () => {
  test("of a pod: native sidecars' ports, the controller, conditions and container states", () => {
    const picked = pickPod({
      metadata: {
        name: "web-1",
        deletionTimestamp: "2026-01-01T00:00:00Z",
        ownerReferences: [{ kind: "Other" }, { kind: "ReplicaSet", controller: true }],
      },
      spec: {
        initContainers: [
          { name: "mesh", restartPolicy: "Always", ports: [{ name: "mesh", containerPort: 15001 }] },
          { name: "migrate", ports: [{ name: "never", containerPort: 1 }] },
        ],
        containers: [
          {
            name: "main",
            ports: [{ name: "web", containerPort: 8080 }, { containerPort: 9 }, { name: "dns", containerPort: 53, protocol: "UDP" }],
          },
        ],
      },
      status: {
        phase: "Running",
        conditions: [
          { type: "Ready", status: "False", reason: "ContainersNotReady", message: "not yet" },
          { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "no room" },
        ],
        initContainerStatuses: [{ name: "mesh", state: { running: {} } }],
        containerStatuses: [{ name: "main", state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } } }],
      },
    });
    expect(picked).toMatchObject({
      terminating: true,
      owner: "ReplicaSet",
      ready: false,
      readyMessage: "not yet",
      unschedulable: "no room",
    });
    expect(picked.ports).toEqual([
      { name: "mesh", port: 15001, protocol: "TCP" },
      { name: "web", port: 8080, protocol: "TCP" },
      { name: "dns", port: 53, protocol: "UDP" },
    ]);
    expect(picked.containers.map(({ name, init, kind, reason }) => [name, init, kind, reason])).toEqual([
      ["mesh", true, "running", undefined],
      ["main", false, "waiting", "CrashLoopBackOff"],
    ]);
  });

  test("with how a container last ended", () => {
    const ended = (status: object) => pickPod({ status: { containerStatuses: [{ name: "main", ...status }] } }).containers[0]?.exitCode;
    expect(ended({ state: { waiting: {} }, lastState: { terminated: { exitCode: 3 } } })).toBe(3);
    expect(ended({ state: { terminated: { exitCode: 0 } }, lastState: { terminated: { exitCode: 3 } } })).toBe(0);
    expect(ended({ state: { running: {} } })).toBeUndefined();
  });

  test("of an object with nothing in it", () => {
    expect(podState(pickPod({}))).toEqual({ kind: "coming", says: "is running but not ready", detail: "running-not-ready" });
    expect(pickSlice({ ports: null, endpoints: null })).toEqual({ name: "", service: "", ports: [], endpoints: [] });
    expect(pickService({ spec: { selector: {} } })).toMatchObject({ selector: undefined, ports: [] });
  });
});

describe("a port that is not written down", () => {
  const withPorts = (...ports: readonly object[]): Service =>
    pickService({ metadata: { name: "web", namespace: "shop" }, spec: { ports } });
  const several = withPorts({ name: "http", port: 8080 }, { name: "grpc", port: 9090 }, { name: "dns", port: 53, protocol: "UDP" });

  test.each([
    ["the same", several, 9090, 9090],
    ["the one that is called so", several, 8989, 8080],
    ["the only one", withPorts({ name: "web", port: 3000 }, { name: "dns", port: 53, protocol: "UDP" }), 80, 3000],
  ])("is %s", (_, service, port, expected) => {
    expect(findServicePort(service, port, "TCP", "http")).toMatchObject({ port: expected });
  });

  test("is none of several, which are named", () => {
    const found = findServicePort(several, 443, "TCP", "https");
    expect(found).toMatchObject({
      code: "port-not-found",
      message: 'service "shop/web" has no port 443, none that is called "https", and not one alone',
      hints: ["its ports are: 8080 (http), 9090 (grpc)"],
      ports: [8080, 9090],
    });
  });
});
