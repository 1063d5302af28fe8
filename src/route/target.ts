/** Target: what is reached, as a tagged union, with its written form. */

import { formatHostPort } from "#base/hostname.ts";

/** Which cluster: a context as one profile's kubeconfig and environment see it. */
export interface ClusterRef {
  /** The attached profile whose kubeconfig files and environment count. */
  readonly profile: string;
  /** A kubeconfig context; undefined is its current-context. */
  readonly context: string | undefined;
}

/** How a backend speaks when the client came in plain HTTP. */
export type BackendScheme = "http" | "https";

/** What a backend speaks whatever its client does: HTTP/1, HTTP/2 without TLS, gRPC. */
export const backendProtocols = ["http1", "h2c", "grpc"] as const;
export type BackendProtocol = (typeof backendProtocols)[number];

/** A port by number (1–65535) or by name. */
export type PortRef = number | string;

/** What stands for a set of pods: a service, a pod, or a workload by its selector. */
export const podSourceKinds = [
  "service",
  "pod",
  "deployment",
  "statefulset",
  "replicaset",
  "daemonset",
  "job",
  "replicationcontroller",
] as const;
export type PodSourceKind = (typeof podSourceKinds)[number];

/** Where a connection goes: into a cluster, to the hub itself, or to what a client of the proxy asks for. */
export type Destination = Target | BuiltinTarget | ProxiedTarget;

/** What a profile names. */
export type Target = PodTarget | AddressTarget | RelayedTarget;

/** What carries the bytes, where it is not TCP. */
export type Transport = "udp";

/** A port of a service, a pod or a workload, served by any ready pod behind it. */
export interface PodTarget {
  readonly kind: PodSourceKind;
  readonly cluster: ClusterRef;
  /** Undefined is the context's namespace, else "default". */
  readonly namespace: string | undefined;
  readonly name: string;
  /** Of the service, or of the pods. */
  readonly port: PortRef;
  /** Absent: TCP. */
  readonly transport?: Transport;
  /** Absent where a profile names the target. */
  readonly derived?: Derived;
  readonly via?: undefined;
}

/** Of a target that a pattern or a dynamic name makes of a hostname: any program that makes up the hostname chooses it. */
export interface Derived {
  /** The context was chosen too: it has to be the kubeconfig's current one. */
  readonly mustBeCurrent: boolean;
  /** Where the service may lack the port that is asked for. */
  readonly otherwise?: OtherPorts;
}

/** What is meant then: the port that is called so, else the only one. */
export interface OtherPorts {
  readonly called: string;
  /** Names of a service that say the port, as `PORT.web.svc.shop.ns.{context}.cx.k8s.localhost`, where there are such. */
  readonly nameOf?: { readonly service: string; readonly context: string | undefined; readonly suffix: string };
}

/** An address that a pod of the cluster reaches and we do not. */
export interface AddressTarget {
  readonly kind: "address";
  readonly cluster: ClusterRef;
  /** A name, or an IP address without brackets; the jump host resolves it. */
  readonly host: string;
  readonly port: number;
  readonly via: JumpHost;
  readonly transport?: undefined;
  readonly derived?: undefined;
}

/** An address that the cluster reaches, through a relay in it. */
export interface RelayedTarget {
  readonly kind: "relayed";
  readonly cluster: ClusterRef;
  /** Of the route, for people: the profile says where its relay runs. */
  readonly namespace: string | undefined;
  /** A name, or an IP address without brackets; the relay resolves it. */
  readonly host: string;
  readonly port: number;
  /** Absent: TCP. */
  readonly transport?: Transport;
  readonly via?: undefined;
  readonly derived?: undefined;
}

/** The hub's own pages, which no cluster has. */
export interface BuiltinTarget {
  readonly kind: "builtin";
  /** Of no profile. */
  readonly cluster: ClusterRef;
  readonly port: number;
  readonly derived?: undefined;
  readonly via?: undefined;
}

/** A host that a client of the proxy asks for, and that is not a name of the cluster: the address of a service there, or a host outside. */
export interface ProxiedTarget {
  readonly kind: "proxied";
  /** Of no cluster yet. */
  readonly cluster: ClusterRef;
  /** Those that share the proxy's address: they say which clusters are meant. */
  readonly profiles: readonly string[];
  /** A name, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** What is not in the cluster is dialled from this machine. */
  readonly direct: boolean;
  readonly derived?: undefined;
  readonly via?: undefined;
}

/** Whether it leads to a target of the profile's, as against the hub itself and what a client of the proxy asks for. */
export function isInCluster(target: Destination): target is Target {
  return target.kind !== "builtin" && target.kind !== "proxied";
}

/** The hub's own name. */
export const hubHost = "kt.localhost";

/** The port says nothing: whatever a client asks for leads to the same pages. */
export const ownPages: BuiltinTarget = { kind: "builtin", cluster: { profile: "", context: undefined }, port: 80 };

/** The pod that makes the connection: any ready one behind this, by running socat or nc in it. */
export interface JumpHost {
  readonly kind: PodSourceKind;
  readonly namespace: string | undefined;
  readonly name: string;
  /** Undefined is the pod's default container. */
  readonly container: string | undefined;
  readonly method: JumpMethod;
  /** The pod is made when it is not there; only for the kind "pod". */
  readonly create: JumpPodDefinition | undefined;
}

/** auto: socat, else nc. */
export type JumpMethod = "auto" | "socat" | "nc";

export interface JumpPodDefinition {
  readonly image: string;
  /** What the pod runs; undefined is kt's own waiting. */
  readonly command: readonly string[] | undefined;
  /** How long it may take to become ready. */
  readonly timeoutMs: number;
  /** How long it stays when it is not used; more than 0. */
  readonly ttlMs: number;
}

/** kubectl's short words for the kinds, as profiles write them. */
export const kindWords: Readonly<Record<PodSourceKind, string>> = {
  service: "svc",
  pod: "pod",
  deployment: "deploy",
  statefulset: "sts",
  replicaset: "rs",
  daemonset: "ds",
  job: "job",
  replicationcontroller: "rc",
};

/** The way a profile writes it: `[NAMESPACE/]svc/NAME:PORT`; of an address also the jump host. A port of UDP ends in `/udp`. */
export function formatTarget(target: Destination): string {
  if (target.kind === "builtin") return "kt's own pages";
  if (target.kind === "proxied") return formatHostPort(target);
  if (target.kind === "address") return `${formatHostPort(target)} via ${formatPodSource(target.via)}`;
  const place = target.kind === "relayed" ? formatHostPort(target) : `${formatPodSource(target)}:${target.port}`;
  return target.transport === undefined ? place : `${place}/${target.transport}`;
}

/** `[NAMESPACE/]svc/NAME`. */
export function formatPodSource({ kind, namespace, name }: Pick<PodTarget, "kind" | "namespace" | "name">): string {
  return `${namespace === undefined ? "" : `${namespace}/`}${kindWords[kind]}/${name}`;
}

/** Pods, and which port of theirs; undefined where they connect to an address. */
export type Carriers = Pick<PodTarget, "kind" | "namespace" | "name" | "transport"> & { readonly port: PortRef | undefined };

/** The pods that carry a target's connections. */
export function carriersOf(target: Exclude<Target, RelayedTarget>): Carriers {
  const { kind, namespace, name } = target.via ?? target;
  if (target.via) return { kind, namespace, name, port: undefined };
  return { kind, namespace, name, port: target.port, ...(target.transport && { transport: target.transport }) };
}

/** Where a target's pods are, or the relay that reaches it; undefined is the context's namespace. */
export function namespaceOf(target: Target): string | undefined {
  return (target.via ?? target).namespace;
}

const keys = new WeakMap<Destination, string>();

/** Equal keys mean the same tunnel, as long as both are of one profile's view of the clusters. Asked at every request, so remembered. */
export function targetKey(target: Destination): string {
  let key = keys.get(target);
  if (key === undefined) {
    key = makeKey(target);
    keys.set(target, key);
  }
  return key;
}

function placeKey(target: Target): readonly string[] {
  if (target.kind === "address") return [target.host, JSON.stringify(target.via)];
  return [target.namespace ?? "", target.kind === "relayed" ? target.host : target.name];
}

function makeKey(target: Destination): string {
  if (target.kind === "builtin") return target.kind;
  if (target.kind === "proxied") return [target.kind, ...target.profiles, target.host, target.port, target.direct].join("\u0000");
  const { cluster, kind, port, transport = "tcp" } = target;
  const otherwise = target.derived?.otherwise?.called ?? "";
  return [cluster.profile, cluster.context ?? "", kind, ...placeKey(target), port, transport, otherwise].join("\u0000");
}
