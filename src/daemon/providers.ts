/** What a hub, and a command that does a part of its work, is given from other rooms: the real thing, or what a test puts in its place. */

import { surroundings } from "#control/socket-path.ts";
import { KtError } from "#base/errors.ts";
import type { Dialer } from "#proxy/door/dialer.ts";
import type { Target } from "#route/target.ts";
import type { TunnelStatus } from "#tunnel/tunnel.ts";
import { Tunnels, type TunnelsOptions } from "#tunnel/tunnels.ts";
import type { OpenCluster } from "#daemon/plans/clusters.ts";
import { loadAllowed } from "#daemon/plans/consent.ts";
import { type CheckContext, contextCheck } from "#daemon/plans/contexts.ts";
import type { LoadProfile } from "#daemon/plans/profiles.ts";

/** What the engine needs of the tunnel room. */
export interface TunnelTable extends Dialer {
  prepare: Tunnels["prepare"];
  openFlow: Tunnels["openFlow"];
  status(target: Target): TunnelStatus | undefined;
  all(): readonly TunnelStatus[];
  end(target: Target): void;
  retain(isWanted: (target: Target) => boolean): void;
  wake(): void;
  close(): Promise<void>;
}

export interface Providers {
  /** Throws KtError for what may not be used, as where it needs consent. */
  readonly load: LoadProfile;
  /** Called and awaited before `openCluster`, any number of times. */
  readonly prepare: () => Promise<void>;
  readonly openCluster: OpenCluster;
  readonly checkContext: CheckContext;
  readonly tunnels: (options: TunnelsOptions) => TunnelTable;
}

interface ClusterRoom {
  readonly open: OpenCluster;
  readonly check: CheckContext;
}

/** A kubeconfig is read and parsed once, by what looks at it first. */
async function clusterRoom(): Promise<ClusterRoom> {
  const [{ openCluster }, { FileCache }] = await Promise.all([import("#kube/kube-cluster.ts"), import("#kube/config/files.ts")]);
  const cache = new FileCache();
  return { open: (settings) => openCluster({ ...settings, cache }), check: await contextCheck(cache) };
}

/** The cluster room is heavy, so it is read when the first cluster is needed, not before the hub listens. */
export function realProviders(): Providers {
  let loading: Promise<ClusterRoom> | undefined;
  let room: ClusterRoom | undefined;
  return {
    load: (file, environment) => loadAllowed({ file, environment, home: environment["HOME"] ?? surroundings().home }),
    async prepare() {
      loading ??= clusterRoom();
      room = await loading;
    },
    openCluster(settings) {
      if (!room) throw new KtError("internal", "internal error: the cluster room is not loaded");
      return room.open(settings);
    },
    checkContext: (view, context) => room?.check(view, context),
    tunnels: (options) => new Tunnels(options),
  };
}
