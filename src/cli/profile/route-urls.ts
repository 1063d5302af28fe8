/** What to open or to connect to for a route of a profile that need not be attached. */

import { namedRoutes, portsOf } from "#profile/values/planned.ts";
import { namesIn } from "#daemon/listening/wanted.ts";
import { KtError } from "#base/errors.ts";
import { parseAuthority } from "#base/hostname.ts";
import { nearest } from "#base/nearest.ts";
import { command } from "#base/shell.ts";
import { wantedBy } from "#daemon/listening/reconcile.ts";
import { addressOf, clientScheme, urlOf } from "#daemon/status/urls.ts";
import { fileWords } from "./profile-file.ts";
import type { Plan } from "#profile/values/plan.ts";

/** `host:port` of a route of [tcp] or [udp]. */
export function portAddress(plan: Plan, route: string): string | undefined {
  const found = portsOf(plan).find(({ name }) => name === route);
  return found && addressOf(found.listen, undefined);
}

/** Patterns and dynamic names have URLs as well. */
export function httpUrl(plan: Plan, route: string): string | undefined {
  const [first] = namesIn(wantedBy([plan]));
  const lookup = first?.leadsTo.lookup(route);
  return first && lookup?.kind === "found" ? urlOf(route, clientScheme(lookup), first.address.port) : undefined;
}

/** The hint is the same command with the route that was meant. */
export function unknownRoute(plan: Plan, route: string, asked: "kt url" | "kt open"): KtError {
  const { name, profile } = plan;
  const known = namedRoutes(plan).map((each) => each.name);
  const [near] = wordsOf(route).flatMap((word) => nearest(word, known) ?? []);
  return new KtError("route-unknown", `profile "${name}" has no route "${route}"`, {
    hints: [command`${near === undefined ? ["kt", "check"] : [...asked.split(" "), near]} ${fileWords(profile)}`],
  });
}

/** Also an address may be written, as `kt status` shows it: `http://web.localhost:8989/`, `localhost:5432`. */
function wordsOf(route: string): readonly string[] {
  const { host, port } = parseAuthority(route.replace(/^\w+:\/\//, "").replace(/\/.*$/, "")) ?? {};
  return [route, ...(host === undefined ? [] : [host]), ...(port === undefined ? [] : [String(port)])];
}
