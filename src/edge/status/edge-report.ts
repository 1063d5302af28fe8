/** What an edge says of its bindings and uplinks, true also without traffic. */

import type { DoorProblem } from "#edge/doors/doors.ts";
import type { UplinkSet } from "#edge/uplinks/uplink-set.ts";
import type { EdgeBinding } from "#expose/host/edge-document.ts";
import type { EdgeStatus } from "#expose/host/edge-status.ts";

export interface ReportedBinding {
  readonly wanted: EdgeBinding;
  readonly current: EdgeBinding;
}

export interface ReportOptions {
  readonly uplinks: UplinkSet;
  readonly problemOf: (binding: EdgeBinding) => DoorProblem | undefined;
  /** Of a binding that is only wanted, too. */
  readonly certificateProblem: (binding: EdgeBinding) => DoorProblem | undefined;
  /** Of an uplink, in ISO 8601; empty before the first. */
  readonly lastHandshake: (ordinal: number) => string;
}

type BindingStatus = EdgeStatus["bindings"][number];

export function bindingStatus({ wanted, current }: ReportedBinding, options: ReportOptions): BindingStatus {
  const { uplinks, problemOf, certificateProblem } = options;
  const { id, hash } = current;
  const problem = problemOf(current) ?? certificateProblem(wanted);
  if (problem) return { id, hash, state: problem.state, message: problem.message };
  if (uplinks.serving(current.target).length === 0) return { id, hash, state: "NoUplink", message: withoutUplink(uplinks) };
  const waits = wanted.hash === hash ? "" : "its former settings are served, until an uplink serves the new target";
  return { id, hash, state: "Listening", message: waits };
}

function withoutUplink(uplinks: UplinkSet): string {
  const all = uplinks.all;
  if (all.length === 0) return "the plan has no uplinks";
  const healthy = all.filter(({ isHealthy }) => isHealthy);
  if (healthy.length > 0) return "no healthy uplink serves its target yet";
  return `no uplink is healthy: ${all.map(({ ordinal, problem }) => `uplink ${ordinal}: ${problem}`).join("; ")}`;
}

export function uplinkStatus({ uplinks, lastHandshake }: ReportOptions): EdgeStatus["uplinks"] {
  return uplinks.all.map(({ ordinal, isHealthy, problem }) => ({
    ordinal,
    isHealthy,
    problem,
    lastHandshake: lastHandshake(ordinal),
  }));
}
