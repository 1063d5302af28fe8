/** Pods of one kind in the embedded cluster, with the programs that run in them: scaled, replaced and stopped together. */

import type { DemoCluster, PodSpec } from "./cluster.ts";
import type { Program } from "./samples.ts";
import { putWorkload } from "./workloads.ts";

export interface DeploymentOptions {
  readonly cluster: DemoCluster;
  readonly namespace: string;
  readonly name: string;
  readonly port: { readonly name: string; readonly containerPort: number };
  /** Starts what runs in a pod; undefined for one that never does. */
  readonly start: (pod: string) => Program | undefined;
  /** Why its pods do not run. */
  readonly waiting?: PodSpec["waiting"];
}

/** How long a program goes on after the signal to end: long enough for an answer that is on its way. */
const terminationGraceMs = 300;

export class Deployment {
  readonly #options: DeploymentOptions;
  readonly #programs = new Map<string, Program | undefined>();
  readonly #ending = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(options: DeploymentOptions) {
    this.#options = options;
  }

  /** Those that are not about to end. */
  get pods(): readonly string[] {
    return [...this.#programs.keys()].filter((pod) => !this.#ending.has(pod));
  }

  scale(replicas: number): void {
    const { cluster, namespace, name } = this.#options;
    putWorkload(cluster.store, { kind: "deployments", namespace, name, selector: { app: name }, replicas });
    while (this.pods.length < replicas) this.#add();
    for (const pod of this.pods.slice(replicas)) this.#remove(pod);
  }

  /** Deletes a pod as `kubectl delete` does: its successor is there, it gets no new connections, and after a while it ends. */
  replace(pod: string): void {
    if (!this.#programs.has(pod) || this.#ending.has(pod)) return;
    this.#add();
    this.#options.cluster.terminatePod(this.#options.namespace, pod);
    this.#ending.set(
      pod,
      setTimeout(() => this.#remove(pod), terminationGraceMs),
    );
  }

  close(): void {
    for (const timer of this.#ending.values()) clearTimeout(timer);
    this.#ending.clear();
    for (const program of this.#programs.values()) program?.stop();
    this.#programs.clear();
  }

  #add(): void {
    const { cluster, namespace, name, port, start, waiting } = this.#options;
    const pod = `${name}-${crypto.randomUUID().slice(0, 5)}`;
    const program = start(pod);
    this.#programs.set(pod, program);
    cluster.setPod({
      namespace,
      name: pod,
      labels: { app: name },
      containerPorts: [port],
      backends: new Map(program ? [[port.containerPort, program.port]] : []),
      ...(waiting === undefined ? {} : { waiting }),
    });
  }

  #remove(pod: string): void {
    const program = this.#programs.get(pod);
    this.#programs.delete(pod);
    this.#ending.delete(pod);
    this.#options.cluster.deletePod(this.#options.namespace, pod);
    program?.stop();
  }
}
