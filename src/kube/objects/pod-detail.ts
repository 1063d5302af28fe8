/** A pod for people: how it stands, and what there is to look into. Pure. */

import { pickPod, type RawObject } from "./objects.ts";
import { podState } from "./pod-state.ts";
import type { PodDetail } from "./types.ts";

export function pickPodDetail(raw: RawObject): PodDetail {
  const pod = pickPod(raw);
  const state = podState(pod);
  const { containerStatuses = [], initContainerStatuses = [] } = raw.status ?? {};
  const restarts = [...containerStatuses, ...initContainerStatuses].reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);
  const { containers = [], initContainers = [] } = raw.spec ?? {};
  return {
    name: pod.name,
    state: state.kind,
    says: state.kind === "ready" ? "is ready" : state.says,
    restarts,
    containers: [...containers, ...initContainers].flatMap(({ name }) => name ?? []),
  };
}
