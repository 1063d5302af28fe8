/** What a hub, and a command that does a part of its work, is given from other rooms: the real thing, or what a test puts in its place. */

import { surroundings } from "#control/socket-path.ts";
import { assert } from "#base/errors.ts";
import type { Dialer } from "#proxy/door/dialer.ts";
import type { Target } from "#route/target.ts";
import type { TunnelStatus } from "#tunnel/tunnel.ts";
import type { Relays, RelaysOptions } from "#tunnel/relay/relays.ts";
import type { Tunnels, TunnelsOptions } from "#tunnel/tunnels.ts";
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
  /** Called and awaited before what is below, any number of times. */
  readonly prepare: () => Promise<void>;
  readonly openCluster: OpenCluster;
  readonly checkContext: CheckContext;
  readonly relays: (options: RelaysOptions) => Relays;
  readonly tunnels: (options: TunnelsOptions) => TunnelTable;
}

type Rooms = Pick<Providers, "openCluster" | "checkContext" | "relays" | "tunnels">;

/** A kubeconfig is read and parsed once, by what looks at it first. */
async function openRooms(): Promise<Rooms> {
  const [{ openCluster }, { FileCache }, { Relays }, { Tunnels }] = await Promise.all([
    import("#kube/kube-cluster.ts"),
    import("#kube/config/files.ts"),
    import("#tunnel/relay/relays.ts"),
    import("#tunnel/tunnels.ts"),
  ]);
  const cache = new FileCache();
  return {
    openCluster: (settings) => openCluster({ ...settings, cache }),
    checkContext: await contextCheck(cache),
    relays: (options) => new Relays(options),
    tunnels: (options) => new Tunnels(options),
  };
}

/** The rooms of clusters and tunnels are heavy, so they are read when the first cluster is needed, not before the hub listens. */
export function realProviders(): Providers {
  let opening: Promise<Rooms> | undefined;
  let rooms: Rooms | undefined;
  const opened = (): Rooms => {
    assert(rooms !== undefined, "the rooms of clusters and tunnels are not read");
    return rooms;
  };
  return {
    load: (file, environment) => loadAllowed({ file, environment, home: environment["HOME"] ?? surroundings().home }),
    async prepare() {
      opening ??= openRooms();
      rooms = await opening;
    },
    openCluster: (settings) => opened().openCluster(settings),
    checkContext: (view, context) => rooms?.checkContext(view, context),
    relays: (options) => opened().relays(options),
    tunnels: (options) => opened().tunnels(options),
  };
}
