/** The pods that a label selector matches, kept up to date. */

import { collectionPath } from "#kube/objects/workload.ts";
import type { Clock } from "#base/clock.ts";
import type { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { Api } from "#kube/api/api.ts";
import { type Pod, pickPod } from "#kube/objects/objects.ts";
import { Reflector } from "./reflector.ts";

export interface PodWatchOptions {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
  readonly namespace: string;
  readonly selector: string;
  /** After the first listing, and at every change. */
  readonly onPods: (pods: readonly Pod[]) => void;
  readonly onProblem: (problem: KtError) => void;
}

export class PodWatch {
  readonly selector: string;
  readonly #reflector: Reflector<Pod>;
  #pods = new Map<string, Pod>();

  constructor({ api, clock, log, namespace, selector, onPods, onProblem }: PodWatchOptions) {
    this.selector = selector;
    const tell = (): void => onPods([...this.#pods.values()]);
    this.#reflector = new Reflector<Pod>({
      api,
      clock,
      log,
      path: collectionPath("", namespace, "pods"),
      query: { labelSelector: selector },
      access: { resource: "pods", group: "", namespace },
      pick: pickPod,
      listener: {
        onList: (pods) => {
          this.#pods = new Map(pods.map((pod) => [pod.name, pod]));
          tell();
        },
        onItem: (pod, deleted) => {
          if (deleted) this.#pods.delete(pod.name);
          else this.#pods.set(pod.name, pod);
          tell();
        },
        onProblem,
      },
    });
  }

  /** See Reflector. */
  doubt(): void {
    this.#reflector.doubt();
  }

  /** See Reflector. */
  wake(): void {
    this.#reflector.wake();
  }

  close(): void {
    this.#reflector.close();
  }
}
