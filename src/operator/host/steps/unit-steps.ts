/** What has to be done with the units of a host: which should be up, and which end. Pure. */

import { type HostStep, step } from "./host-step.ts";
import { versionOf } from "#operator/host/wanted/kt-binary.ts";
import { edgeUnits, isEdgeUnit, wireguardUnit } from "#operator/host/wanted/places.ts";
import type { SeenHost, SeenUnit } from "#operator/host/seen/seen-host.ts";
import type { WantedHost } from "#operator/host/wanted/wanted-host.ts";

export function unitSteps(seen: SeenHost, wanted: WantedHost): HostStep[] {
  return unitsOf(seen, wanted).flatMap((unit) => {
    const { active, isEnabled } = seen.units.get(unit) ?? absent;
    const needsRestart = active === "active" && unit === wireguardUnit && linkProblem(seen, wanted) !== undefined;
    return [
      ...(isEnabled ? [] : [step({ do: "enable", unit }, "unit", `${unit} was enabled: it would not have been started at boot`)]),
      ...startSteps(unit, active),
      ...(needsRestart ? [step({ do: "restart", unit }, "link", `${unit} was restarted: ${linkProblem(seen, wanted)}`)] : []),
    ];
  });
}

const absent: SeenUnit = { active: "inactive", isEnabled: false, isStale: false };
const isStarting = (active: string): boolean => ["active", "activating", "reloading"].includes(active);

/** One that ends is not started before it has ended, which an edge does with its last connection. */
function startSteps(unit: string, active: string): HostStep[] {
  if (isStarting(active)) return [];
  const start = step({ do: "start", unit }, "unit", `${unit} was started: it was ${active}`);
  if (active !== "deactivating") return [start];
  return [step({ do: "kill", unit }, "unit", `${unit} was killed: nothing else could serve while it ended`), start];
}

/** Those that should be up. */
export function unitsOf(seen: SeenHost, wanted: WantedHost): string[] {
  return [...wanted.units, currentEdge(seen, versionOf(wanted.binary))];
}

/** The instance of a version that serves, or could. */
export function currentEdge({ units }: SeenHost, version: string): string {
  const [first, second] = edgeUnits(version);
  const isIn = (unit: string, ...states: readonly string[]): boolean => states.includes((units.get(unit) ?? absent).active);
  if (isIn(first, "active") || isIn(second, "active")) return isIn(first, "active") ? first : second;
  if (isIn(first, "activating") || isIn(second, "activating")) return isIn(first, "activating") ? first : second;
  return isIn(first, "deactivating") && !isIn(second, "deactivating") ? second : first;
}

/** Units that are not up yet, or do not stay up. */
export function unitsDown(seen: SeenHost, wanted: WantedHost): string[] {
  return unitsOf(seen, wanted).filter((unit) => (seen.units.get(unit) ?? absent).active !== "active");
}

function linkProblem({ link: seen }: SeenHost, { link }: WantedHost): string | undefined {
  if (link === undefined) return undefined;
  if (seen === undefined) return "its link was missing";
  if (!seen.isUp) return "its link was down";
  if (!seen.addresses.some((address) => address.split("/")[0] === link.address)) return `its link had not the address ${link.address}`;
  return seen.mtu === link.mtu ? undefined : `its link had an MTU of ${seen.mtu}`;
}

/** Other edges, once the wanted one serves: they accept nothing more, and end with their last connection. */
export function formerSteps(seen: SeenHost, wanted: WantedHost): HostStep[] {
  const current = currentEdge(seen, versionOf(wanted.binary));
  if (seen.units.get(current)?.active !== "active") return [];
  const others = [...seen.units].filter(([unit]) => isEdgeUnit(unit) && unit !== current);
  return others.flatMap(([unit, { active, isEnabled }]) => [
    ...(isEnabled ? [step({ do: "disable", unit }, "unit", `${unit} was disabled: ${current} serves`)] : []),
    ...(isStarting(active) ? [step({ do: "retire", unit }, "unit", `${unit} accepts nothing more: ${current} serves`)] : []),
  ]);
}
