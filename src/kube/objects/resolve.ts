/** A service, its port and its slices → the pods that may be dialled now, or why there are none. Pure. */

import { KtError } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import { command, type Words } from "#base/shell.ts";
import { type Service, type ServicePort, type Slice, type SliceEndpoint, sliceServiceLabel } from "./objects.ts";
import { at, byName, type PodGroup, podsWithoutPort, speaking } from "./resolve-pods.ts";
import type { Endpoint, Protocol, Resolution } from "./types.ts";

/** What a service's slices come down to. */
export type SliceOutcome =
  | Extract<Resolution, { kind: "ready" | "none" }>
  /** Nothing is ready; the pods behind the service know why. */
  | { readonly kind: "unready"; readonly starting: boolean };

const serviceName = (service: Service): string => `service "${service.namespace}/${service.name}"`;

/** The port of the service that is meant, or why there is none; undefined where its pods themselves are meant. */
export function findServicePort(
  service: Service,
  port: number | string | undefined,
  protocol: Protocol = "TCP",
  otherwise?: string,
): ServicePort | undefined | KtError {
  if (service.type === "ExternalName") return external(service, `is an alias of ${service.externalName ?? "another name"}`);
  if (port === undefined) return undefined;
  const found = service.ports.filter((candidate) => candidate.port === port || (candidate.name !== "" && candidate.name === port));
  const [other] = found;
  if (other === undefined && otherwise !== undefined) return byNameOrAlone(service, port, protocol, otherwise);
  return (
    found.find((each) => each.protocol === protocol) ??
    (other ? otherProtocol(service, other, protocol) : portNotFound(service, port, protocol))
  );
}

/** Where it is not written down which port is meant: the one of that name, or the only one, and no other is guessed. */
function byNameOrAlone(service: Service, port: number | string, protocol: Protocol, name: string): ServicePort | KtError {
  const known = service.ports.filter((each) => each.protocol === protocol);
  const [first, ...others] = known;
  const meant = known.find((each) => each.name === name) ?? (others.length === 0 ? first : undefined);
  if (meant) return meant;
  const { message, hints } = portNotFound(service, port, protocol);
  return new KtError("port-not-found", `${message}, none that is called "${name}", and not one alone`, {
    hints,
    ports: known.map(({ port: each }) => each),
  });
}

/** The port is there, and speaks the other protocol. */
function otherProtocol(service: Service, { port, protocol }: ServicePort, wanted: Protocol): KtError {
  const message = `port ${port} of ${serviceName(service)} is ${protocol}, and the route is for ${wanted}`;
  return new KtError("port-not-found", message, { hints: protocolHints[protocol] ?? ["kt forwards TCP and UDP"] });
}

const protocolHints: Readonly<Record<string, readonly string[]>> = {
  TCP: ["write the route under [tcp] or [routes]"],
  UDP: ["write the route under [udp]"],
};

function portNotFound(service: Service, port: number | string, protocol: Protocol): KtError {
  const known = service.ports.filter((each) => each.protocol === protocol);
  const close = nearest(
    String(port),
    known.map(({ name }) => name),
  );
  const listed = known.map(({ port: number, name }) => (name === "" ? String(number) : `${number} (${name})`)).join(", ");
  const hints = [`its ports are: ${listed}`];
  const target = known.find(({ targetPort }) => targetPort === port);
  if (close !== undefined) hints.unshift(`did you mean "${close}"?`);
  else if (target) hints.unshift(`${port} is the port of the pods; the service's is ${target.port}`);
  if (known.length === 0) hints[0] = `it has no ${protocol} ports at all`;
  return new KtError("port-not-found", `${serviceName(service)} has no port ${typeof port === "number" ? port : `"${port}"`}`, { hints });
}

function external(service: Service, what: string): KtError {
  return new KtError("service-external", `${serviceName(service)} ${what}: it leads to no pod, so it cannot be port-forwarded`, {
    hints: [
      'name the image of kt\'s relay, which reaches it: [relay] image = "…"; the port is then written as a number',
      "or a jump host: a pod in the cluster that reaches it",
    ],
  });
}

/** Its pods, as messages about them speak; `port` is one of the service's own. */
export function groupOf(service: Service, port: ServicePort | undefined, scope: Words): PodGroup {
  const selector = selectorOf(service);
  return {
    title: serviceName(service),
    selector,
    publishNotReady: service.publishNotReady,
    port: port?.targetPort,
    protocol: port?.protocol ?? "TCP",
    ...speaking(port?.appProtocol),
    portHint: `port ${port?.port} of the service leads there: name the port in the pod, or correct the service's targetPort`,
    empty: { kind: "none", says: `there is no pod with ${selector} (scaled to zero?)`, hint: listEndpoints(service, scope) },
  };
}

/** As the API writes it; undefined for a service whose endpoints are written by other means. */
function selectorOf({ selector }: Service): string | undefined {
  if (!selector) return undefined;
  const pairs = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
  return pairs.join(",");
}

function listEndpoints(service: Service, scope: Words): string {
  const selector = selectorOf(service);
  return selector === undefined
    ? command`kubectl get endpointslices ${scope} -l ${`${sliceServiceLabel}=${service.name}`}`
    : command`kubectl get pods ${scope} -l ${selector}`;
}

/** Port-forward leads to pods alone; what carries UDP reaches any address, which then stands for a pod. */
function standInFor({ pod, address }: SliceEndpoint, port: ServicePort | undefined): string | undefined {
  return pod ?? (port?.protocol === "UDP" && address !== "" ? address : undefined);
}

/** Ready and not terminating pods by the service's slices; `port` is one of the service's own. */
export function resolveSlices(service: Service, slices: readonly Slice[], port: ServicePort | undefined): SliceOutcome {
  const ready = new Map<string, Endpoint>();
  let starting = false;
  let outside: string | undefined;
  let portless = false;
  for (const slice of slices) {
    const target = port ? slice.ports.find(({ name, protocol }) => name === port.name && protocol === port.protocol)?.port : 0;
    for (const endpoint of slice.endpoints) {
      if (endpoint.terminating) continue;
      const pod = standInFor(endpoint, port);
      if (pod === undefined) outside = endpoint.address;
      else if (!endpoint.ready) starting = true;
      else if (target === undefined) portless = true;
      // A pod with an address of each family is in two slices.
      else
        ready.set(`${pod}:${target}`, {
          pod,
          port: target,
          ...at(endpoint.address),
          ...speaking(port?.appProtocol),
        });
    }
  }
  if (ready.size > 0) return { kind: "ready", endpoints: byName([...ready.values()]) };
  if (starting) return { kind: "unready", starting };
  if (portless) return { kind: "none", problem: podsWithoutPort(groupOf(service, port, [])) };
  if (outside !== undefined) return { kind: "none", problem: external(service, `has an endpoint that is not a pod (${outside})`) };
  if (!service.selector) {
    return {
      kind: "none",
      problem: new KtError("no-ready-pod", `${serviceName(service)} has no selector and no endpoints: nothing is behind it`),
    };
  }
  return { kind: "unready", starting };
}

/** For when the pods may not be looked at. */
export function unexplained(service: Service, starting: boolean, scope: Words): Exclude<Resolution, { kind: "ready" }> {
  const why = starting ? "its pods are there but not ready" : "it has no pods that serve";
  const problem = new KtError("no-ready-pod", `no pod of ${serviceName(service)} is ready: ${why}`, {
    hints: [listEndpoints(service, scope)],
  });
  return { kind: starting ? "coming" : "none", problem };
}
