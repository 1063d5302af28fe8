/** The few fields of Kubernetes objects that kt uses; the rest is dropped as soon as it is parsed. */

export interface Service {
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  readonly externalName: string | undefined;
  /** Undefined: its endpoints are written by other means. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  readonly publishNotReady: boolean;
  /** It has no address of its own in the cluster: its name leads to its pods. */
  readonly headless: boolean;
  /** Its own addresses in the cluster; absent where it has none. */
  readonly addresses?: readonly string[];
  readonly ports: readonly ServicePort[];
}

export interface ServicePort {
  /** "" for the unnamed one. */
  readonly name: string;
  readonly port: number;
  readonly targetPort: number | string;
  readonly protocol: string;
  readonly appProtocol: string | undefined;
}

export interface Slice {
  readonly name: string;
  readonly service: string;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}

export interface SlicePort {
  readonly name: string;
  readonly port: number | undefined;
  readonly protocol: string;
  /** As the service's. */
  readonly appProtocol: string | undefined;
}

export interface SliceEndpoint {
  /** Undefined: not a pod. */
  readonly pod: string | undefined;
  readonly address: string;
  readonly ready: boolean;
  readonly terminating: boolean;
}

export interface Pod {
  readonly name: string;
  /** Its address in the cluster; "" until it has one. */
  readonly address: string;
  readonly phase: string;
  /** Why the pod as a whole failed, e.g. Evicted. */
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly terminating: boolean;
  /** The kind of the controller that owns it, e.g. StatefulSet. */
  readonly owner: string | undefined;
  /** Undefined when the condition is not there. */
  readonly ready: boolean | undefined;
  readonly readyMessage: string | undefined;
  readonly unschedulable: string | undefined;
  /** Named container ports, native sidecars included. */
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
  readonly containers: readonly ContainerState[];
}

export interface ContainerState {
  readonly name: string;
  readonly init: boolean;
  readonly kind: "waiting" | "running" | "terminated";
  readonly reason: string | undefined;
  readonly message: string | undefined;
  /** How it last ended, if it has. */
  readonly exitCode?: number;
}

/** Objects as the API server sends them, as far as they are read here. Everything may be missing. */
interface RawMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly resourceVersion?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly kind?: string; readonly controller?: boolean }[];
}

interface RawService {
  readonly metadata?: RawMeta;
  readonly spec?: {
    readonly type?: string;
    readonly externalName?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly publishNotReadyAddresses?: boolean;
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly ports?: readonly {
      readonly name?: string;
      readonly port?: number;
      readonly targetPort?: number | string;
      readonly protocol?: string;
      readonly appProtocol?: string;
    }[];
  };
}

interface RawSlice {
  readonly metadata?: RawMeta;
  readonly ports?:
    | readonly { readonly name?: string; readonly port?: number; readonly protocol?: string; readonly appProtocol?: string }[]
    | null;
  readonly endpoints?:
    | readonly {
        readonly addresses?: readonly string[];
        readonly conditions?: { readonly ready?: boolean | null; readonly terminating?: boolean | null };
        readonly targetRef?: { readonly kind?: string; readonly name?: string };
      }[]
    | null;
}

interface RawContainer {
  readonly name?: string;
  readonly restartPolicy?: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort?: number; readonly protocol?: string }[];
}

interface RawReason {
  readonly reason?: string;
  readonly message?: string;
}

interface RawEnding extends RawReason {
  readonly exitCode?: number;
}

interface RawContainerStatus {
  readonly name?: string;
  readonly restartCount?: number;
  readonly state?: { readonly waiting?: RawReason; readonly running?: object; readonly terminated?: RawEnding };
  readonly lastState?: { readonly terminated?: RawEnding };
}

export interface RawPodSpec {
  readonly containers?: readonly RawContainer[];
  readonly initContainers?: readonly RawContainer[];
}

interface RawPod {
  readonly metadata?: RawMeta;
  readonly spec?: RawPodSpec;
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly RawCondition[];
    readonly containerStatuses?: readonly RawContainerStatus[];
    readonly initContainerStatuses?: readonly RawContainerStatus[];
  };
}

export interface RawCondition extends RawReason {
  readonly type?: string;
  readonly status?: string;
}

/** Of any kind that makes pods. */
export interface RawWorkload {
  readonly metadata?: RawMeta;
  readonly spec?: {
    readonly selector?: {
      readonly matchLabels?: Readonly<Record<string, string>>;
      readonly matchExpressions?: readonly {
        readonly key: string;
        readonly operator: string;
        readonly values?: readonly string[] | null;
      }[];
    };
    readonly template?: { readonly spec?: RawPodSpec };
    readonly replicas?: number;
    readonly suspend?: boolean;
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly desiredNumberScheduled?: number;
    readonly conditions?: readonly RawCondition[];
  };
}

/** Any list: `items` are of the kind that was asked for. */
export interface RawList<Item> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly Item[] | null;
}

export interface WatchEvent<Item> {
  readonly type?: string;
  readonly object?: Item & { readonly code?: number; readonly message?: string };
}

export type RawObject = RawService & RawSlice & RawPod & RawWorkload;

export function pickService(raw: RawService): Service {
  const { metadata, spec } = raw;
  const selector = spec?.selector;
  const addresses = (spec?.clusterIPs ?? [spec?.clusterIP ?? ""]).filter((each) => each !== "" && each !== "None");
  return {
    name: metadata?.name ?? "",
    namespace: metadata?.namespace ?? "",
    ...(addresses.length > 0 && { addresses }),
    type: spec?.type ?? "ClusterIP",
    externalName: spec?.externalName,
    selector: selector && Object.keys(selector).length > 0 ? selector : undefined,
    publishNotReady: spec?.publishNotReadyAddresses === true,
    headless: spec?.clusterIP === "None",
    ports: (spec?.ports ?? []).map(({ name, port, targetPort, protocol, appProtocol }) => ({
      name: name ?? "",
      port: port ?? 0,
      // Absent or 0 means the same as the service's port.
      targetPort: targetPort || (port ?? 0),
      protocol: protocol ?? "TCP",
      appProtocol,
    })),
  };
}

export const sliceServiceLabel = "kubernetes.io/service-name";

export function pickSlice(raw: RawSlice): Slice {
  const { metadata, ports, endpoints } = raw;
  return {
    name: metadata?.name ?? "",
    service: metadata?.labels?.[sliceServiceLabel] ?? "",
    ports: (ports ?? []).map(({ name = "", port, protocol = "TCP", appProtocol }) => ({ name, port, protocol, appProtocol })),
    endpoints: (endpoints ?? []).map(({ addresses, conditions, targetRef }) => ({
      pod: targetRef?.kind === "Pod" ? targetRef.name : undefined,
      address: addresses?.[0] ?? "",
      // Unknown counts as ready, as the API says.
      ready: conditions?.ready ?? true,
      terminating: conditions?.terminating ?? false,
    })),
  };
}

export function pickPod(raw: RawPod): Pod {
  const { metadata, spec, status } = raw;
  const condition = (type: string): RawCondition | undefined => status?.conditions?.find((item) => item.type === type);
  const scheduled = condition("PodScheduled");
  const ready = condition("Ready");
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  return {
    name: metadata?.name ?? "",
    address: status?.podIP ?? "",
    phase: status?.phase ?? "Unknown",
    reason: status?.reason,
    message: status?.message,
    terminating: metadata?.deletionTimestamp !== undefined,
    owner: metadata?.ownerReferences?.find(({ controller }) => controller === true)?.kind,
    ready: ready && ready.status === "True",
    readyMessage: ready?.message,
    unschedulable: scheduled?.status === "False" && scheduled.reason === "Unschedulable" ? (scheduled.message ?? "") : undefined,
    ports: [...sidecars, ...(spec?.containers ?? [])].flatMap(namedPorts),
    containers: [
      ...(status?.initContainerStatuses ?? []).map((item) => containerState(item, true)),
      ...(status?.containerStatuses ?? []).map((item) => containerState(item, false)),
    ],
  };
}

function namedPorts({ ports }: RawContainer): Pod["ports"] {
  return (ports ?? []).flatMap(({ name, containerPort, protocol = "TCP" }) =>
    name === undefined || containerPort === undefined ? [] : [{ name, port: containerPort, protocol }],
  );
}

function containerState({ name, state, lastState }: RawContainerStatus, init: boolean): ContainerState {
  const kind = state?.running ? "running" : state?.terminated ? "terminated" : "waiting";
  const why = state?.waiting ?? state?.terminated;
  const { exitCode } = state?.terminated ?? lastState?.terminated ?? {};
  return { name: name ?? "", init, kind, reason: why?.reason, message: why?.message, ...(exitCode === undefined ? {} : { exitCode }) };
}
