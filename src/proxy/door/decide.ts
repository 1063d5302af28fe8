/** Named host + table → the route it goes to, or the refusal that says why not. */

import { cut } from "#base/cut.ts";
import { KtError } from "#base/errors.ts";
import { parseAuthority } from "#base/hostname.ts";
import { observeLimits } from "#observe/limits.ts";
import type { Found, Lookup, Unknown } from "#route/lookup.ts";
import { isLocalOrigin, parseOrigin } from "#route/origins.ts";
import type { RouteTable } from "#route/table.ts";
import { namesRoutes } from "#proxy/pages/error-page.ts";
import { type Asked, refuseStrangers } from "./guard.ts";

/** `host` is an SNI name, as sent: what is inside the TLS stays unseen. Throws KtError `host-…`. */
export function decide(table: RouteTable, host: string): Found {
  // Where a pattern leaves the port open it is that of https.
  return foundOf(table.lookup(host.includes(":") ? host : `${host}:443`));
}

/** `host` is a Host header or an :authority, as sent; `doorPort` is where it came in. Throws KtError `host-…` or `origin-refused`. */
export function decideRequest(table: RouteTable, host: string, asked: Asked, doorPort: number): Found {
  const lookup = table.lookup(host);
  refuseStrangers(asked, table, lookup);
  const found = foundOf(lookup);
  if (found.via !== "static") checkPort(found, host, doorPort);
  return found;
}

/** Ports that say nothing: of a URL without one. */
const defaultPorts = [80, 443];

/** A name that leads to one port, asked for with another: whichever was meant, it is not guessed. */
function checkPort({ route, target }: Found, host: string, doorPort: number): void {
  const sent = parseAuthority(host)?.port;
  if (sent === undefined || sent === doorPort || sent === target.port || defaultPorts.includes(sent)) return;
  throw new KtError("host-ambiguous", `"${host}" asks for port ${sent}, and "${route}" leads to port ${target.port}`, {
    hints: [
      `for port ${target.port}, leave the other one out`,
      `to reach the port that is asked for, leave it open in the target of a pattern: "svc/{service}:{port}"`,
    ],
  });
}

/** Throws KtError `host-…` or `name-refused`. */
export function foundOf(lookup: Lookup): Found {
  switch (lookup.kind) {
    case "found":
      return lookup;
    case "ambiguous":
      throw new KtError("host-ambiguous", `"${lookup.host}" can be read in more than one way: ${lookup.readings.join(", or ")}`, {
        hints: [lookup.hint],
      });
    case "refused":
      throw new KtError("name-refused", lookup.reason, { hints: [lookup.hint] });
    case "unknown":
      throw new KtError("host-unknown", `no route has the name "${shortened(lookup.host)}"`, { hints: unknownHints(lookup) });
  }
}

/** What is longer than a name can be is not kept whole in logs and pages. */
function shortened(host: string): string {
  return cut(host, observeLimits.eventNameLength);
}

/** Names that a page lists at most. */
const shownNames = 20;

/** A page whose own name was made to lead to this machine reads its answers: it does not need to know what there is. */
function isLocalName(host: string): boolean {
  const origin = parseOrigin(`http://${host}`);
  return origin !== undefined && isLocalOrigin(origin);
}

/** The error without the names of routes that it proposes: for clients that must not learn which routes there are. */
export function withoutNames(error: unknown): unknown {
  if (!(error instanceof KtError)) return error;
  const hints = error.hints.filter((hint) => !namesRoutes(hint));
  return hints.length === error.hints.length ? error : new KtError(error.code, error.message, { hints });
}

function unknownHints(lookup: Unknown): string[] {
  const hints: string[] = [];
  if (lookup.nearest !== undefined) hints.push(`did you mean "${lookup.nearest}"?`);
  if (lookup.hint !== undefined) hints.push(lookup.hint);
  if (lookup.known.length > 0 && isLocalName(lookup.host)) {
    const more = lookup.known.length > shownNames ? `, and ${lookup.known.length - shownNames} more` : "";
    hints.push(`routes here: ${lookup.known.slice(0, shownNames).join(", ")}${more}`);
  }
  return hints;
}
