/** The pods behind a service, a workload or a name → those that may be dialled now, or why there are none. Pure. */

import { KtError } from "#base/errors.ts";
import { command, type Words } from "#base/shell.ts";
import type { Pod } from "./objects.ts";
import { crashing, type PodState, podState } from "./pod-state.ts";
import type { Endpoint, FollowRequest, Resolution } from "./types.ts";

/** A set of pods, as the messages about it speak. */
export interface PodGroup {
  /** Whose pods they are: `service "shop/web"`. */
  readonly title: string;
  /** As the API writes it; undefined for a service whose endpoints are written by other means. */
  readonly selector: string | undefined;
  /** Pods that run are as good as ready. */
  readonly publishNotReady: boolean;
  /** On the pods; undefined where the pods themselves are meant. */
  readonly port: number | string | undefined;
  /** Of the port, as the API writes it. */
  readonly protocol: string;
  /** What the service says that its port speaks. */
  readonly appProtocol?: string;
  /** What to look at where no pod has that port. */
  readonly portHint: string;
  /** What it means that there is no pod at all, and what to do then. */
  readonly empty: { readonly kind: "coming" | "none"; readonly says: string; readonly hint: string };
}

export const byName = (endpoints: readonly Endpoint[]): Endpoint[] =>
  [...endpoints].sort((a, b) => (a.pod < b.pod ? -1 : a.pod > b.pod ? 1 : a.port - b.port));

/** What may be dialled of the pods that the group's selector matches. `scope` makes hints ask the right cluster. */
export function resolvePods(group: PodGroup, pods: readonly Pod[], scope: Words): Resolution {
  const ready = pods.filter((pod) => podState(pod).kind === "ready" || (group.publishNotReady && serves(pod)));
  // Without a Ready condition nothing is known about readiness: running has to do.
  const candidates = ready.length > 0 ? ready : pods.filter((pod) => serves(pod) && pod.ready === undefined);
  if (candidates.length === 0) return explainPods(group, pods, scope);
  const endpoints = candidates.flatMap((pod) => endpointOf(pod, group) ?? []);
  return endpoints.length > 0 ? { kind: "ready", endpoints: byName(endpoints) } : { kind: "none", problem: podsWithoutPort(group) };
}

const serves = (pod: Pod): boolean => !pod.terminating && pod.phase === "Running";

function endpointOf(pod: Pod, { port, protocol, appProtocol }: Pick<PodGroup, "port" | "protocol" | "appProtocol">): Endpoint | undefined {
  const named = (): number | undefined => pod.ports.find((each) => each.name === port && each.protocol === protocol)?.port;
  const number = typeof port === "string" ? named() : (port ?? 0);
  return number === undefined ? undefined : { pod: pod.name, port: number, ...at(pod.address), ...speaking(appProtocol) };
}

/** Where an endpoint is, if that is known. */
export function at(address: string): { readonly address?: string } {
  return address === "" ? {} : { address };
}

export function speaking(appProtocol: string | undefined): { readonly appProtocol?: string } {
  return appProtocol === undefined ? {} : { appProtocol };
}

export function podsWithoutPort({ title, port, portHint }: PodGroup): KtError {
  const wanted = typeof port === "string" ? `container port named "${port}"` : `port ${port}`;
  return new KtError("port-not-found", `no ready pod of ${title} has a ${wanted}`, { hints: [portHint] });
}

/** Why no pod of the group can be dialled: the pod that is nearest to serving speaks for all. */
export function explainPods(group: PodGroup, pods: readonly Pod[], scope: Words): Resolution {
  const what = `no pod of ${group.title} is ready`;
  const spoken = spokesman(pods);
  if (!spoken) {
    const { kind, says, hint } = group.empty;
    return { kind, problem: new KtError("no-ready-pod", `${what}: ${says}`, { hints: [hint] }) };
  }
  const [pod, state] = spoken;
  const says = state.kind === "ready" ? "has just become ready" : state.says;
  const problem = new KtError("no-ready-pod", `${what}: pod "${pod.name}" ${says}`, {
    hints: lookAt(pod, scope),
    detail: "detail" in state ? state.detail : undefined,
  });
  return { kind: state.kind === "coming" || state.kind === "ready" ? "coming" : "none", problem };
}

const rank: Readonly<Record<PodState["kind"], number>> = { ready: 0, coming: 1, stuck: 2, gone: 3 };

function spokesman(pods: readonly Pod[]): readonly [Pod, PodState] | undefined {
  const states = pods.map((pod) => [pod, podState(pod)] as const);
  return states.sort(([, a], [, b]) => rank[a.kind] - rank[b.kind])[0];
}

/** What a container wrote before it crashed says more than what the cluster knows of it. */
function lookAt(pod: Pod, scope: Words): string[] {
  const describe = command`kubectl describe pod ${pod.name} ${scope}`;
  const crash = crashing(pod);
  if (!crash) return [describe];
  const container = pod.containers.length > 1 ? ["-c", crash.container.name] : [];
  return [command`kubectl logs ${pod.name} ${[...container, ...(crash.isPrevious ? ["--previous"] : [])]} ${scope}`, describe];
}

const runs = (pod: Pod): boolean => serves(pod) && pod.containers.some(({ init, kind }) => !init && kind === "running");

/** A pod that was asked for by name; undefined when there is none. */
export function resolvePod(request: FollowRequest, pod: Pod | undefined, scope: Words): Resolution {
  const { namespace, name, port, protocol = "TCP" } = request;
  if (!pod) {
    return {
      kind: "none",
      problem: new KtError("pod-not-found", `there is no pod "${name}" in namespace "${namespace}"`, {
        hints: [command`kubectl get pods ${scope}`],
      }),
    };
  }
  const endpoint = endpointOf(pod, { port, protocol });
  if (!endpoint) return { kind: "none", problem: podPortNotFound(request, pod) };
  const state = podState(pod);
  // A pod that is named may be wanted although it is not ready, to find out why.
  if (state.kind === "ready" || (state.kind === "coming" && runs(pod))) return { kind: "ready", endpoints: [endpoint] };
  const problem = new KtError("no-ready-pod", `pod "${namespace}/${name}" ${state.says}`, { hints: lookAt(pod, scope) });
  return { kind: state.kind === "coming" ? "coming" : "none", problem };
}

function podPortNotFound({ namespace, port, protocol = "TCP" }: FollowRequest, pod: Pod): KtError {
  const known = pod.ports.filter((each) => each.protocol === protocol);
  const listed = known.map(({ name, port: number }) => `${number} (${name})`).join(", ");
  const kind = protocol === "TCP" ? "container port" : `${protocol} container port`;
  return new KtError("port-not-found", `pod "${namespace}/${pod.name}" has no ${kind} named "${port}"`, {
    hints: [listed === "" ? "none of its container ports has a name: use the number" : `its named ports are: ${listed}`],
  });
}
