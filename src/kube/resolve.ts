/** Service or pod, port and what Kubernetes says of both → the pods that may be dialled now, or why there are none. Pure. */

import { KtError } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import type { Pod, Service, ServicePort, Slice } from "./objects.ts";
import { type PodState, podState } from "./pod-state.ts";
import type { Endpoint, FollowRequest, Resolution } from "./types.ts";

/** What a service's slices come down to. */
export type SliceOutcome =
  | Extract<Resolution, { kind: "ready" | "none" }>
  /** Nothing is ready; the pods behind the service know why. */
  | { readonly kind: "unready"; readonly starting: boolean };

const serviceName = (service: Service): string => `service "${service.namespace}/${service.name}"`;

/** The port of the service that is meant, or why there is none. */
export function findServicePort(service: Service, port: number | string): ServicePort | KtError {
  if (service.type === "ExternalName") return external(service, `is an alias of ${service.externalName ?? "another name"}`);
  const found = service.ports.filter((candidate) => candidate.port === port || (candidate.name !== "" && candidate.name === port));
  const tcp = found.find(({ protocol }) => protocol === "TCP");
  if (tcp) return tcp;
  const [other] = found;
  if (other)
    return new KtError("port-not-found", `port ${port} of ${serviceName(service)} is ${other.protocol}; only TCP can be forwarded`);
  return portNotFound(service, port);
}

function portNotFound(service: Service, port: number | string): KtError {
  const known = service.ports.filter(({ protocol }) => protocol === "TCP");
  const close = nearest(
    String(port),
    known.map(({ name }) => name),
  );
  const listed = known.map(({ port: number, name }) => (name === "" ? String(number) : `${number} (${name})`)).join(", ");
  const hints = [`its ports are: ${listed}`];
  const target = known.find(({ targetPort }) => targetPort === port);
  if (close !== undefined) hints.unshift(`did you mean "${close}"?`);
  else if (target) hints.unshift(`${port} is the port of the pods; the service's is ${target.port}`);
  if (known.length === 0) hints[0] = "it has no TCP ports at all";
  return new KtError("port-not-found", `${serviceName(service)} has no port ${typeof port === "number" ? port : `"${port}"`}`, { hints });
}

function external(service: Service, what: string): KtError {
  return new KtError("service-external", `${serviceName(service)} ${what}: it leads to no pod, so it cannot be port-forwarded`, {
    hints: ["such an address needs a jump host: a pod in the cluster that can reach it"],
  });
}

/** Ready and not terminating pods by the service's slices; `port` is one of the service's own. */
export function resolveSlices(service: Service, slices: readonly Slice[], port: ServicePort): SliceOutcome {
  const ready = new Map<string, Endpoint>();
  let starting = false;
  let outside: string | undefined;
  let portless = false;
  for (const slice of slices) {
    const match = slice.ports.find(({ name }) => name === port.name);
    for (const endpoint of slice.endpoints) {
      if (endpoint.terminating) continue;
      if (endpoint.pod === undefined) outside = endpoint.address;
      else if (!endpoint.ready) starting = true;
      else if (match?.port === undefined) portless = true;
      // A pod with an address of each family is in two slices.
      else ready.set(`${endpoint.pod}:${match.port}`, { pod: endpoint.pod, port: match.port });
    }
  }
  if (ready.size > 0) return { kind: "ready", endpoints: byName([...ready.values()]) };
  if (starting) return { kind: "unready", starting };
  if (portless) return { kind: "none", problem: podsWithoutPort(service, port) };
  if (outside !== undefined) return { kind: "none", problem: external(service, `has an endpoint that is no pod (${outside})`) };
  if (!service.selector) {
    return {
      kind: "none",
      problem: new KtError("no-ready-pod", `${serviceName(service)} has no selector and no endpoints: nothing is behind it`),
    };
  }
  return { kind: "unready", starting };
}

function podsWithoutPort(service: Service, port: ServicePort): KtError {
  const wanted = typeof port.targetPort === "string" ? `container port named "${port.targetPort}"` : `port ${port.targetPort}`;
  return new KtError("port-not-found", `no ready pod of ${serviceName(service)} has a ${wanted}`, {
    hints: [`port ${port.port} of the service leads there: name the port in the pod, or correct the service's targetPort`],
  });
}

const byName = (endpoints: readonly Endpoint[]): Endpoint[] =>
  [...endpoints].sort((a, b) => (a.pod < b.pod ? -1 : a.pod > b.pod ? 1 : a.port - b.port));

/** The same from the pods that the selector matches, for users who may not list slices. `scope` makes hints ask the right cluster. */
export function resolvePods(service: Service, pods: readonly Pod[], port: ServicePort, scope: string): Resolution {
  const states = pods.map((pod) => [pod, podState(pod)] as const);
  const alive = pods.filter((pod) => !pod.terminating);
  const ready = states.filter(([pod, state]) => state.kind === "ready" || (service.publishNotReady && serves(pod))).map(([pod]) => pod);
  // Without a Ready condition nothing is known about readiness: running has to do.
  const candidates = ready.length > 0 ? ready : alive.filter((pod) => pod.ready === undefined && pod.phase === "Running");
  if (candidates.length === 0) return explainPods(service, pods, scope);
  const endpoints = candidates.flatMap((pod) => endpointOf(pod, port.targetPort) ?? []);
  return endpoints.length > 0 ? { kind: "ready", endpoints: byName(endpoints) } : { kind: "none", problem: podsWithoutPort(service, port) };
}

const serves = (pod: Pod): boolean => !pod.terminating && pod.phase === "Running";

function endpointOf(pod: Pod, port: number | string): Endpoint | undefined {
  const number = typeof port === "number" ? port : pod.ports.find(({ name }) => name === port)?.port;
  return number === undefined ? undefined : { pod: pod.name, port: number };
}

/** Why no pod behind the service can be dialled: the pod that is nearest to serving speaks for all. */
export function explainPods(service: Service, pods: readonly Pod[], scope: string): Resolution {
  const what = `no pod of ${serviceName(service)} is ready`;
  const spoken = spokesman(pods);
  if (!spoken)
    return { kind: "none", problem: new KtError("no-ready-pod", `${what}: ${noPods(service)}`, { hints: [listPods(service, scope)] }) };
  const [pod, state] = spoken;
  const says = state.kind === "ready" ? "has just become ready" : state.says;
  const problem = new KtError("no-ready-pod", `${what}: pod "${pod.name}" ${says}`, { hints: [describePod(pod.name, scope)] });
  return { kind: state.kind === "coming" || state.kind === "ready" ? "coming" : "none", problem };
}

const rank: Readonly<Record<PodState["kind"], number>> = { ready: 0, coming: 1, stuck: 2, gone: 3 };

function spokesman(pods: readonly Pod[]): readonly [Pod, PodState] | undefined {
  const states = pods.map((pod) => [pod, podState(pod)] as const);
  return states.sort(([, a], [, b]) => rank[a.kind] - rank[b.kind])[0];
}

const selectorText = (service: Service): string =>
  Object.entries(service.selector ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(",");

const noPods = (service: Service): string => `there is no pod with ${selectorText(service)} (scaled to zero?)`;
const listPods = (service: Service, scope: string): string => `kubectl get pods ${scope} -l ${selectorText(service)}`;
const describePod = (name: string, scope: string): string => `kubectl describe pod ${name} ${scope}`;

/** For when the pods may not be looked at. */
export function unexplained(service: Service, starting: boolean, scope: string): Exclude<Resolution, { kind: "ready" }> {
  const why = starting ? "its pods are there but not ready" : "it has no pods that serve";
  const problem = new KtError("no-ready-pod", `no pod of ${serviceName(service)} is ready: ${why}`, { hints: [listPods(service, scope)] });
  return { kind: starting ? "coming" : "none", problem };
}

const runs = (pod: Pod): boolean => serves(pod) && pod.containers.some(({ init, kind }) => !init && kind === "running");

/** A pod that was asked for by name; undefined when there is none. */
export function resolvePod(request: FollowRequest, pod: Pod | undefined, scope: string): Resolution {
  const { namespace, name, port } = request;
  if (!pod) {
    return {
      kind: "none",
      problem: new KtError("pod-not-found", `there is no pod "${name}" in namespace "${namespace}"`, {
        hints: [`kubectl get pods ${scope}`],
      }),
    };
  }
  const endpoint = port === undefined ? { pod: name, port: 0 } : endpointOf(pod, port);
  if (!endpoint) return { kind: "none", problem: podPortNotFound(namespace, pod, port ?? 0) };
  const state = podState(pod);
  // Whoever names a pod may well want one that is running but not ready, to look at why.
  if (state.kind === "ready" || (state.kind === "coming" && runs(pod))) return { kind: "ready", endpoints: [endpoint] };
  const problem = new KtError("no-ready-pod", `pod "${namespace}/${name}" ${state.says}`, { hints: [describePod(request.name, scope)] });
  return { kind: state.kind === "coming" ? "coming" : "none", problem };
}

function podPortNotFound(namespace: string, pod: Pod, port: number | string): KtError {
  const listed = pod.ports.map(({ name, port: number }) => `${number} (${name})`).join(", ");
  return new KtError("port-not-found", `pod "${namespace}/${pod.name}" has no container port named "${port}"`, {
    hints: [listed === "" ? "none of its container ports has a name: use the number" : `its named ports are: ${listed}`],
  });
}
