/** Keeps the resolution of one pod's port fresh. */

import { collectionPath } from "#kube/objects/workload.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Api } from "#kube/api/api.ts";
import { kubectlScope } from "#kube/api/api-problem.ts";
import { sameResolution } from "./follow-service.ts";
import { type Pod, pickPod } from "#kube/objects/objects.ts";
import { resolvePod } from "#kube/objects/resolve-pods.ts";
import type { FollowRequest, Resolution } from "#kube/objects/types.ts";
import { Reflector } from "./reflector.ts";

export interface FollowPodOptions {
  readonly request: FollowRequest;
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: (resolution: Resolution) => void;
}

export class FollowPod {
  readonly #options: FollowPodOptions;
  readonly #reflector: Reflector<Pod>;
  #resolution: Resolution | undefined;
  #closed = false;

  constructor(options: FollowPodOptions) {
    this.#options = options;
    const { request, api, clock, log } = options;
    const { namespace, name } = request;
    this.#reflector = new Reflector<Pod>({
      api,
      clock,
      log,
      path: collectionPath("", namespace, "pods"),
      query: { fieldSelector: `metadata.name=${name}` },
      access: { resource: "pods", group: "", namespace },
      single: name,
      endsIfEmpty: request.isGuess === true,
      pick: pickPod,
      listener: {
        onList: ([pod]) => this.#resolve(pod),
        onItem: (pod, deleted) => this.#resolve(deleted ? undefined : pod),
        onProblem: (problem) => {
          // The last good pod stays until there is newer information.
          if (this.#resolution?.kind !== "ready" || problem.code === "forbidden") this.#become({ kind: "failed", problem });
        },
      },
    });
  }

  current(): Resolution | undefined {
    return this.#resolution;
  }

  refresh(): void {
    this.#reflector.doubt();
  }

  wake(): void {
    this.#reflector.wake();
  }

  close(): void {
    this.#closed = true;
    this.#reflector.close();
  }

  #resolve(pod: Pod | undefined): void {
    const { request, api } = this.#options;
    this.#become(resolvePod(request, pod, kubectlScope(request.namespace, api.requester.context)));
  }

  #become(next: Resolution): void {
    if (this.#closed || sameResolution(this.#resolution, next)) return;
    this.#resolution = next;
    this.#options.onChange(next);
  }
}
