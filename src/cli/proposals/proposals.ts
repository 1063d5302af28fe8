/** Turns the services of a namespace into routes to offer: names for what speaks HTTP, local ports for the rest. */

import { cliLimits } from "#cli/limits.ts";
import type { CataloguePort, CatalogueService } from "#daemon/catalogue.ts";
import type { RouteSection } from "#profile/edit/edit.ts";
import { sectionOf } from "./route-section.ts";
import { isHttpLike, suggestLocal } from "./suggest.ts";

export interface Proposal {
  readonly section: RouteSection;
  /** Hostname or port. */
  readonly local: string;
  /** Without a namespace: it is the profile's own. */
  readonly target: string;
}

/** Every port once, none at a local place that another has or that `isTaken`; hostnames end with `suffix`. */
export function proposeRoutes(
  services: readonly CatalogueService[],
  isTaken: (local: string) => boolean,
  suffix = "localhost",
): readonly Proposal[] {
  const used = new Set<string>();
  const proposals: Proposal[] = [];
  for (const { name, ports } of services) {
    for (const port of ports) {
      const local = localOf({ name, port, suffix }, (wanted) => used.has(wanted) || isTaken(wanted));
      if (local === "") continue;
      used.add(local);
      proposals.push({ section: sectionOf(local), local, target: `svc/${name}:${port.name || port.port}` });
    }
  }
  return proposals;
}

interface Reached {
  readonly name: string;
  readonly port: CataloguePort;
  readonly suffix: string;
}

/** The second HTTP port of a service is named after itself as well. */
function localOf({ name, port, suffix }: Reached, isTaken: (local: string) => boolean): string {
  if (!isHttpLike(port)) return suggestLocal(port, { name, namespace: "" }, isTaken);
  const hosts = [`${name}.${suffix}`, `${withEnd(name, `-${port.name || port.port}`)}.${suffix}`];
  return hosts.find((host) => !isTaken(host)) ?? "";
}

/** A service's name may fill a label alone: then it gives way. */
function withEnd(name: string, end: string): string {
  return `${name.slice(0, cliLimits.labelCharacters - end.length).replace(/-+$/, "")}${end}`;
}
