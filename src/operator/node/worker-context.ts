/** What the workers of all EdgeNodes share. */

import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { ClusterObjects } from "#operator/cluster/cluster-objects.ts";
import type { EdgeState } from "#operator/cluster/edge-state.ts";
import type { Events } from "#operator/cluster/events.ts";
import type { UplinkImage } from "#operator/desired/uplink-pod.ts";
import type { StatusWriter } from "#operator/status/status-writer.ts";
import type { OpenHost } from "./edge-host.ts";
import type { AskUplink } from "./read-edge.ts";

export interface WorkerContext {
  readonly state: EdgeState;
  readonly objects: ClusterObjects;
  readonly events: Events;
  readonly statuses: StatusWriter;
  readonly image: UplinkImage;
  readonly openHost: OpenHost;
  readonly askUplink: AskUplink;
  readonly clock: Clock;
  readonly log: Log;
}
