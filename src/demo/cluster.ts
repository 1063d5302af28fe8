/** The state of the embedded cluster in the terms of tests and of the demo: pods that come, go and become ready, services before them. */

import { KtError } from "#base/errors.ts";
import { type NewObject, ObjectStore, timestamp } from "./store.ts";

/** One pod: what the API says of it, and where in this process its containers listen. */
export interface PodSpec {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly containerPorts: readonly { readonly name?: string; readonly containerPort: number }[];
  /** Container port → port on 127.0.0.1. A container port that is not here refuses connections. */
  readonly backends: ReadonlyMap<number, number>;
  readonly ready?: boolean;
  readonly phase?: "Pending" | "Running" | "Succeeded" | "Failed";
  /** Why the container does not run, e.g. CrashLoopBackOff. */
  readonly waiting?: { readonly reason: string; readonly message: string };
}

export interface ServiceSpec {
  readonly namespace: string;
  readonly name: string;
  /** Undefined for ExternalName. */
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports: readonly {
    readonly name?: string;
    readonly port: number;
    readonly targetPort: number | string;
    /** Default "TCP". */
    readonly protocol?: string;
  }[];
  readonly externalName?: string;
  readonly headless?: boolean;
}

interface Pod {
  readonly spec: PodSpec;
  /** The sandbox's name in the error texts of the container runtime: 64 hex digits. */
  readonly sandbox: string;
  readonly address: string;
  readonly startedAt: string;
  /** When its deletion was asked for. */
  readonly terminating: string | undefined;
}

export interface RuntimePod {
  /** Container port → port on 127.0.0.1. */
  readonly backends: ReadonlyMap<number, number>;
  readonly sandbox: string;
  /** Its containers have ended for good, and its network with them. */
  readonly ended: boolean;
}

/** Told when a pod's processes end: its connections are cut. */
type PodEnded = (namespace: string, name: string) => void;

export class DemoCluster {
  readonly store = new ObjectStore();
  readonly #pods = new Map<string, Pod>();
  readonly #services = new Map<string, ServiceSpec>();
  readonly #onPodEnded = new Set<PodEnded>();
  #addresses = 1;

  /** Creates or replaces a service. */
  setService(spec: ServiceSpec): void {
    this.#ensureNamespace(spec.namespace);
    this.#services.set(`${spec.namespace}/${spec.name}`, spec);
    this.store.put("services", serviceObject(spec));
    this.#updateSlices(spec.namespace);
  }

  deleteService(namespace: string, name: string): void {
    this.#services.delete(`${namespace}/${name}`);
    this.store.delete("services", namespace, name);
    this.#deleteSlices({ namespace, name }, new Set());
  }

  /** Creates a pod or changes one. */
  setPod(spec: PodSpec): void {
    this.#ensureNamespace(spec.namespace);
    const key = `${spec.namespace}/${spec.name}`;
    const before = this.#pods.get(key);
    this.#show(before ? { ...before, spec } : this.#newPod(spec));
  }

  setReady(namespace: string, name: string, ready: boolean): void {
    const pod = this.#known(namespace, name);
    this.#show({ ...pod, spec: { ...pod.spec, ready } });
  }

  /** The first half of a deletion: the pod gets the signal to end, and still serves. */
  terminatePod(namespace: string, name: string): void {
    this.#show({ ...this.#known(namespace, name), terminating: timestamp() });
  }

  /** Deletes a pod, with the connections to it. */
  deletePod(namespace: string, name: string): void {
    this.terminatePod(namespace, name);
    this.#pods.delete(`${namespace}/${name}`);
    for (const onEnded of this.#onPodEnded) onEnded(namespace, name);
    this.store.delete("pods", namespace, name);
    this.#updateSlices(namespace);
  }

  /** A pod as the container runtime knows it; undefined when there is none. */
  runtimePod(namespace: string, name: string): RuntimePod | undefined {
    const pod = this.#pods.get(`${namespace}/${name}`);
    if (!pod) return undefined;
    const { phase } = pod.spec;
    return { backends: pod.spec.backends, sandbox: pod.sandbox, ended: phase === "Succeeded" || phase === "Failed" };
  }

  /** Names of the pods in a namespace that are not being deleted, with these labels. */
  podNames(namespace: string, labels: Readonly<Record<string, string>>): string[] {
    return [...this.#pods.values()]
      .filter(({ spec, terminating }) => spec.namespace === namespace && terminating === undefined && matches(labels, spec.labels))
      .map(({ spec }) => spec.name);
  }

  /** The returned function ends the calls. */
  onPodEnded(listener: PodEnded): () => void {
    this.#onPodEnded.add(listener);
    return () => this.#onPodEnded.delete(listener);
  }

  #known(namespace: string, name: string): Pod {
    const pod = this.#pods.get(`${namespace}/${name}`);
    if (!pod) throw new KtError("internal", `the demo cluster has no pod "${namespace}/${name}"`);
    return pod;
  }

  #show(pod: Pod): void {
    this.#pods.set(`${pod.spec.namespace}/${pod.spec.name}`, pod);
    this.store.put("pods", podObject(pod));
    this.#updateSlices(pod.spec.namespace);
  }

  #newPod(spec: PodSpec): Pod {
    const sandbox = crypto.randomUUID().replaceAll("-", "").repeat(2);
    return { spec, sandbox, address: this.#nextAddress(), startedAt: timestamp(), terminating: undefined };
  }

  /** What the endpoint slice controller does, without its delay. */
  #updateSlices(namespace: string): void {
    for (const service of this.#services.values()) {
      if (service.namespace !== namespace || !service.selector) continue;
      const { selector } = service;
      const behind = [...this.#pods.values()].filter(({ spec }) => spec.namespace === namespace && matches(selector, spec.labels));
      const slices = sliceObjects(service, behind, (pod) => this.store.get("pods", namespace, pod)?.metadata.uid);
      for (const slice of slices) this.store.put("endpointslices", slice);
      this.#deleteSlices(service, new Set(slices.map(({ metadata }) => metadata.name)));
    }
  }

  /** Deletes the slices of a service but for those named. */
  #deleteSlices({ namespace, name }: Pick<ServiceSpec, "namespace" | "name">, kept: ReadonlySet<string>): void {
    for (const { metadata } of this.store.list("endpointslices", namespace)) {
      if (metadata.labels?.[serviceNameLabel] === name && !kept.has(metadata.name)) {
        this.store.delete("endpointslices", namespace, metadata.name);
      }
    }
  }

  #ensureNamespace(name: string): void {
    this.store.put("namespaces", { metadata: { name, labels: { "kubernetes.io/metadata.name": name } }, status: { phase: "Active" } });
  }

  #nextAddress(): string {
    const number = this.#addresses++;
    return `10.244.${number >> 8}.${number & 255}`;
  }
}

const serviceNameLabel = "kubernetes.io/service-name";

function matches(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

function serviceObject(spec: ServiceSpec): NewObject {
  const { namespace, name, selector, ports, externalName, headless } = spec;
  const cluster = externalName === undefined ? { clusterIP: headless ? "None" : "10.96.0.10", type: "ClusterIP" } : {};
  return {
    metadata: { name, namespace, labels: selector ?? {} },
    spec: {
      ports: ports.map((port) => ({ protocol: "TCP", ...port })),
      ...(selector === undefined ? {} : { selector }),
      ...(externalName === undefined ? {} : { type: "ExternalName", externalName }),
      ...cluster,
    },
    status: { loadBalancer: {} },
  };
}

/** Ready as kubelet reports it: a pod whose container waits, or that does not run, never is. */
function isReady({ spec }: Pod): boolean {
  return (spec.ready ?? true) && spec.waiting === undefined && (spec.phase ?? "Running") === "Running";
}

function podObject(pod: Pod): NewObject {
  const { spec, address, startedAt, terminating } = pod;
  const ready = isReady(pod);
  const unready = ready ? {} : { reason: "ContainersNotReady", message: "containers with unready status: [app]" };
  const state = spec.waiting ? { waiting: spec.waiting } : { running: { startedAt } };
  return {
    metadata: {
      name: spec.name,
      namespace: spec.namespace,
      labels: spec.labels,
      ...(terminating === undefined ? {} : { deletionTimestamp: terminating }),
    },
    spec: {
      nodeName: "demo-node",
      containers: [{ name: "app", image: "demo/app:1", ports: spec.containerPorts.map((port) => ({ ...port, protocol: "TCP" })) }],
    },
    status: {
      phase: spec.phase ?? "Running",
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [
        { type: "PodScheduled", status: "True" },
        { type: "Initialized", status: "True" },
        { type: "Ready", status: ready ? "True" : "False", ...unready },
        { type: "ContainersReady", status: ready ? "True" : "False", ...unready },
      ],
      containerStatuses: [{ name: "app", state, lastState: {}, ready, restartCount: 0, image: "demo/app:1", started: !spec.waiting }],
    },
  };
}

/** A named target port is looked up in each pod. */
function targetPorts(service: ServiceSpec, pod: Pod): object[] {
  return service.ports.flatMap(({ name, targetPort, protocol = "TCP" }) => {
    const named = pod.spec.containerPorts.find((port) => port.name === targetPort)?.containerPort;
    const port = typeof targetPort === "number" ? targetPort : named;
    return port === undefined ? [] : [{ name: name ?? "", port, protocol }];
  });
}

/** One slice for all pods that agree on the numbers of their ports; one without endpoints where there is no pod. */
function sliceObjects(service: ServiceSpec, pods: readonly Pod[], uidOf: (pod: string) => string | undefined): NewObject[] {
  const alive = pods.filter(({ spec }) => spec.phase !== "Succeeded" && spec.phase !== "Failed");
  const byPorts = Map.groupBy(alive, (pod) => JSON.stringify(targetPorts(service, pod)));
  if (byPorts.size === 0) byPorts.set("[]", []);
  return [...byPorts].map(([ports, members], index) => ({
    metadata: {
      name: `${service.name}-${index}`,
      namespace: service.namespace,
      labels: {
        [serviceNameLabel]: service.name,
        ...(service.headless ? { "service.kubernetes.io/headless": "" } : {}),
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
      },
    },
    addressType: "IPv4",
    endpoints: members.map((pod) => endpoint(pod, uidOf(pod.spec.name))),
    ports: JSON.parse(ports),
  }));
}

function endpoint(pod: Pod, uid: string | undefined): object {
  const terminating = pod.terminating !== undefined;
  return {
    addresses: [pod.address],
    conditions: { ready: isReady(pod) && !terminating, serving: isReady(pod), terminating },
    targetRef: { kind: "Pod", namespace: pod.spec.namespace, name: pod.spec.name, uid },
    nodeName: "demo-node",
  };
}
