/** What the hub gives its jump pods: its identity, and which routes go over a pod. */

import { namedRoutes } from "#profile/values/planned.ts";
import { readFile, writeFile } from "node:fs/promises";
import { toKtError } from "#base/errors.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { userAtHost } from "#native/user-at-host.ts";
import type { Plan } from "#profile/values/plan.ts";
import type { ClusterRef, Target } from "#route/target.ts";
import type { JumpPodHolder } from "#tunnel/jump-pod/manifest.ts";
import type { JumpPodUser } from "#tunnel/jump-pod/start.ts";
import type { JumpPodPlace } from "#tunnel/jump-pod/pods.ts";

/** The hub of this directory: the same after a restart, so that a killed hub's mark on a pod is known as its own. */
export async function jumpPodHolder(directory: string): Promise<JumpPodHolder> {
  const path = `${directory}/holder`;
  const known = await readFile(path, "utf8").catch(() => "");
  const id = /^[0-9a-f]{12}$/.test(known) ? known : crypto.randomUUID().replaceAll("-", "").slice(0, 12);
  if (id !== known) {
    await writeFile(path, id, { mode: 0o600 }).catch((error: unknown) => {
      throw toKtError(error, "hub-failed", `write "${path}"`);
    });
  }
  return { id, user: userAtHost() };
}

/** The routes that go over this pod. Where the cluster is not known, a route that may go over the pod counts. */
export function jumpPodUsers(plans: readonly Plan[], place: JumpPodPlace, clusterFor: (ref: ClusterRef) => Cluster): JumpPodUser[] {
  const isOver = ({ via, cluster: ref }: Target): boolean => {
    if (via?.kind !== "pod" || via.name !== place.name) return false;
    const { namespace } = via;
    if (namespace !== undefined && namespace !== place.namespace) return false;
    try {
      const cluster = clusterFor(ref);
      return cluster.server === place.server && (namespace ?? cluster.namespace) === place.namespace;
    } catch {
      return true;
    }
  };
  return plans.flatMap((plan) =>
    namedRoutes(plan).flatMap(({ name: route, target }) =>
      isOver(target) ? [{ profile: plan.name, route, create: target.via?.create }] : [],
    ),
  );
}
