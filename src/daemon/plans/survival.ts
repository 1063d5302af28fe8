/** Which open tunnels survive a change of what is attached. Pure. */

import { deepEquals } from "bun";
import { type ClusterView, viewKey } from "./clusters.ts";

/** What is attached at one moment, as far as tunnels depend on it. */
export interface Attachment {
  /** Keys of the targets that routes name. Patterns and dynamic names may reach any other. */
  readonly named: ReadonlySet<string>;
  /** How each attached profile sees its clusters. */
  readonly views: ReadonlyMap<string, ClusterView>;
}

export const nothingAttached: Attachment = { named: new Set(), views: new Map() };

/** What the policy asks of a tunnel. */
export interface TunnelUse {
  readonly key: string;
  readonly profile: string;
  readonly openConnections: number;
}

export function survives(tunnel: TunnelUse, before: Attachment, after: Attachment): boolean {
  const { key, profile } = tunnel;
  const [old, view] = [before.views.get(profile), after.views.get(profile)];
  if (!view) return false;
  const lostItsRoute = before.named.has(key) && !after.named.has(key);
  return !lostItsRoute && (!old || !isOutdated(tunnel, old, view));
}

/** Another kubeconfig may lead elsewhere. Other credentials lead to the same place, and count from the next tunnel on. */
function isOutdated({ openConnections }: TunnelUse, before: ClusterView, after: ClusterView): boolean {
  if (viewKey(before) === viewKey(after)) return false;
  return !deepEquals(before.kubeconfig, after.kubeconfig) || openConnections === 0;
}
