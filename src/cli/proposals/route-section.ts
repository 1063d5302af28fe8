/** Tells from the first word of `kt add` what kind of route is meant. */

import type { KeyedRoute, RouteSection } from "#profile/edit/edit.ts";

/** Digits are a port, also behind an IP address or `localhost`, and one of UDP with `/udp` behind them; all else is a hostname. */
export function sectionOf(local: string): RouteSection {
  const [, transport = "tcp"] = /^(?:(?:localhost|[\d.]+|\[[^\]]*\]):)?\d+(?:\/(tcp|udp))?$/i.exec(local) ?? [undefined, "routes"];
  return transport.toLowerCase() as RouteSection;
}

/** As the file has it: the section says which protocol a port is of. */
export function routeKeyOf(local: string): KeyedRoute {
  const section = sectionOf(local);
  return { section, name: section === "routes" ? local : local.replace(/\/(tcp|udp)$/i, "") };
}
