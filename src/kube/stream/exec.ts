/** Opens commands in containers: the upgrade, the container that is meant, and what a refusal means. */

import { collectionPath } from "#kube/objects/workload.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { type ExecCommand, execProtocols, execQuery } from "#wire/exec.ts";
import type { Api } from "#kube/api/api.ts";
import { StatusError } from "#kube/api/api-problem.ts";
import { ChannelExec } from "./exec-channels.ts";
import { containerProblem, isAboutContainer, isUnnamed } from "./exec-problem.ts";
import { SpdyExec } from "./exec-spdy.ts";
import type { OpenedExec } from "#kube/objects/types.ts";
import { Upgrader } from "./upgrade.ts";

export interface ExecOpenerOptions {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is used of a pod. */
interface PodContainers {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: { readonly containers?: readonly { readonly name: string }[] };
}

/** kubectl's: which container is meant where none is named. */
const defaultContainerAnnotation = "kubectl.kubernetes.io/default-container";

export class ExecOpener {
  readonly #options: ExecOpenerOptions;
  readonly #upgrader: Upgrader;

  constructor(options: ExecOpenerOptions) {
    this.#options = options;
    const { api, clock, log } = options;
    this.#upgrader = new Upgrader({
      api,
      clock,
      log,
      subresource: "exec",
      stream: execProtocols.stream,
      webSocket: execProtocols.webSocket,
    });
  }

  /** See Cluster.exec. */
  async open(namespace: string, pod: string, command: ExecCommand, signal: AbortSignal): Promise<OpenedExec> {
    try {
      return await this.#upgrade(namespace, pod, command, signal);
    } catch (error) {
      if (!(error instanceof StatusError) || !isAboutContainer(error.words)) throw error;
      const containers = await this.#containers(namespace, pod, signal);
      const [first] = containers;
      if (!isUnnamed(error.words) || first === undefined) throw containerProblem(error, pod, command.container, containers);
      return await this.#upgrade(namespace, pod, { ...command, container: first }, signal);
    }
  }

  async #upgrade(namespace: string, pod: string, command: ExecCommand, signal: AbortSignal): Promise<OpenedExec> {
    const { clock } = this.#options;
    const upgraded = await this.#upgrader.open(namespace, pod, execQuery(command), signal);
    const exec =
      upgraded.way === "spdy"
        ? new SpdyExec(upgraded.conn, clock)
        : new ChannelExec(upgraded.conn, clock, { canEndStdin: upgraded.protocol === execProtocols.webSocket[0] });
    return { exec, container: command.container };
  }

  /** The pod's containers, the one that kubectl would take first. Empty when they cannot be known: then the refusal says enough. */
  async #containers(namespace: string, name: string, signal: AbortSignal): Promise<readonly string[]> {
    const path = `${collectionPath("", namespace, "pods")}/${name}`;
    try {
      const pod = (await this.#options.api.get(
        path,
        { verb: "get", resource: "pods", group: "", namespace, name },
        signal,
      )) as PodContainers;
      const names = (pod.spec?.containers ?? []).map((container) => container.name);
      const preferred = pod.metadata?.annotations?.[defaultContainerAnnotation];
      return [...names.filter((each) => each === preferred), ...names.filter((each) => each !== preferred)];
    } catch (error) {
      if (signal.aborted) throw error;
      return [];
    }
  }
}
