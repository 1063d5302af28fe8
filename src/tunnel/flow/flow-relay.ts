/** What carries datagrams into a cluster: a relay that kt runs there, since port-forward carries none. */

import type { Datagrams } from "#base/datagrams.ts";
import { KtError } from "#base/errors.ts";
import type { Cluster } from "#kube/objects/types.ts";

/** Where a relay is wanted, and for whose profile, which may say which image it has. */
export interface RelayPlace {
  readonly profile: string;
  readonly cluster: Cluster;
  readonly namespace: string;
}

/** A relay as those see it who send datagrams. */
export interface FlowRelay {
  /** Resolves once flows can be opened, and starts a relay for that; rejects with a KtError that says what is missing. */
  ready(place: RelayPlace, signal: AbortSignal): Promise<void>;
  /** Opens a flow to an address as the relay's pod sees it: an IP address without brackets, or a name. Rejects as `ready` does. */
  openFlow(place: RelayPlace, to: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<Datagrams>;
}

const relayNeeded = (): KtError =>
  new KtError("relay-missing", "UDP needs a relay in the cluster, since port-forward carries no datagrams, and there is none", {
    hints: ['allow one: [relay] mode = "auto" in tunnels.toml'],
  });

/** For where no relay can be. */
export const noRelay: FlowRelay = {
  ready: () => Promise.reject(relayNeeded()),
  openFlow: () => Promise.reject(relayNeeded()),
};
