/** Target: what is reached, as a tagged union, with its written form. */

/** Which cluster: a context as one profile's kubeconfig and environment see it. */
export interface ClusterRef {
  /** The attached profile whose kubeconfig files and environment count. */
  readonly profile: string;
  /** A kubeconfig context; undefined is its current-context. */
  readonly context: string | undefined;
}

/** How a backend speaks when the client came in plain HTTP. */
export type BackendScheme = "http" | "https";

/** A port by number (1–65535) or by name. */
export type PortRef = number | string;

export type Target = ServiceTarget | PodTarget;

/** A port of a service, served by any ready pod behind it. */
export interface ServiceTarget {
  readonly kind: "service";
  readonly cluster: ClusterRef;
  /** Undefined is the context's namespace, else "default". */
  readonly namespace: string | undefined;
  readonly name: string;
  readonly port: PortRef;
}

/** A port of one pod, by the pod's name. */
export interface PodTarget {
  readonly kind: "pod";
  readonly cluster: ClusterRef;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly port: PortRef;
}

/** The way a profile writes it: `[NAMESPACE/]svc/NAME:PORT`. */
export function formatTarget(target: Target): string {
  const kind = target.kind === "service" ? "svc" : "pod";
  const namespace = target.namespace === undefined ? "" : `${target.namespace}/`;
  return `${namespace}${kind}/${target.name}:${target.port}`;
}

const keys = new WeakMap<Target, string>();

/** Equal keys mean the same tunnel, as long as both are of one profile's view of the clusters. Asked at every request, so remembered. */
export function targetKey(target: Target): string {
  let key = keys.get(target);
  if (key === undefined) {
    key = makeKey(target);
    keys.set(target, key);
  }
  return key;
}

function makeKey(target: Target): string {
  const { cluster } = target;
  return [cluster.profile, cluster.context ?? "", target.namespace ?? "", target.kind, target.name, target.port].join("\u0000");
}
