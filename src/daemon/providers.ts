/** The real rooms of a hub, and of commands that do a part of its work where none runs. */

import { surroundings } from "#control/socket-path.ts";
import { KtError } from "#base/errors.ts";
import { Tunnels } from "#tunnel/tunnels.ts";
import type { OpenCluster } from "#daemon/plans/clusters.ts";
import { loadAllowed } from "#daemon/plans/consent.ts";
import { type CheckContext, contextCheck } from "#daemon/plans/contexts.ts";
import type { HubRooms } from "./hub.ts";

/** The cluster room is heavy, so it is read when the first cluster is needed, not before the hub listens. */
export function realRooms(): HubRooms {
  let openCluster: OpenCluster | undefined;
  let checkContext: CheckContext | undefined;
  return {
    load: (file, environment) => loadAllowed({ file, environment, home: environment["HOME"] ?? surroundings().home }),
    async prepare() {
      ({ openCluster } = await import("#kube/kube-cluster.ts"));
      checkContext ??= await contextCheck();
    },
    openCluster(settings) {
      if (!openCluster) throw new KtError("internal", "internal error: the cluster room is not loaded");
      return openCluster(settings);
    },
    checkContext: (view, context) => checkContext?.(view, context),
    tunnels: (options) => new Tunnels(options),
  };
}
