/** Tells from the first word of `kt add` what kind of route is meant. */

import type { RouteSection } from "#profile/edit/edit.ts";

/** Digits are a port, also behind an IP address or `localhost`; all else is a hostname. */
export function sectionOf(local: string): RouteSection {
  return /^(?:(?:localhost|[\d.]+|\[[^\]]*\]):)?\d+$/i.test(local) ? "tcp" : "routes";
}
