/** `kt url`: the URL of a route, or host:port of a TCP route. */

import { KtError } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { loadHere } from "#cli/local-plan.ts";
import { profileFile } from "#cli/profile-file.ts";
import { wantedBy } from "#daemon/reconcile.ts";
import { addressOf, urlOf } from "#daemon/urls.ts";
import type { Plan } from "#profile/plan.ts";

export async function url({ args, options, output }: CommandContext): Promise<number> {
  const [route = ""] = args;
  const { plan } = await loadHere(await profileFile(options));
  const found = tcpAddress(plan, route) ?? httpUrl(plan, route);
  if (found === undefined) throw unknownRoute(plan, route);
  if (options.flag("json")) output.json({ route, url: found });
  else output.line(found);
  return exitCodes.done;
}

function tcpAddress({ tcp }: Plan, route: string): string | undefined {
  const found = tcp.find(({ name }) => name === route);
  return found && addressOf(found.listen, undefined);
}

/** Patterns and dynamic names have URLs as well. */
function httpUrl(plan: Plan, route: string): string | undefined {
  const [first] = wantedBy([plan]).http.values();
  const lookup = first?.table.lookup(route);
  return first && lookup?.kind === "found" ? urlOf(route, lookup.scheme, first.address.port) : undefined;
}

function unknownRoute({ name, routes, tcp }: Plan, route: string): KtError {
  const near = nearest(
    route,
    [...routes, ...tcp].map((each) => each.name),
  );
  return new KtError("route-unknown", `profile "${name}" has no route "${route}"`, {
    hints: [near === undefined ? "kt check" : `kt url ${near}`],
  });
}
