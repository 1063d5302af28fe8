/** Pods of one kind in the embedded cluster, with the programs that run in them: scaled, replaced and stopped together. */

import type { DemoCluster, PodSpec } from "./cluster.ts";
import type { Program } from "./samples.ts";

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

export class Deployment {
  readonly #options: DeploymentOptions;
  readonly #programs = new Map<string, Program | undefined>();

  constructor(options: DeploymentOptions) {
    this.#options = options;
  }

  get pods(): readonly string[] {
    return [...this.#programs.keys()];
  }

  scale(replicas: number): void {
    while (this.#programs.size < replicas) this.#add();
    for (const pod of this.pods.slice(replicas)) this.#remove(pod);
  }

  /** Deletes a pod; its successor is there at once, as when an image is on the node already. */
  replace(pod: string): void {
    if (!this.#programs.has(pod)) return;
    this.#add();
    this.#remove(pod);
  }

  close(): void {
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
    this.#options.cluster.deletePod(this.#options.namespace, pod);
    program?.stop();
  }
}
