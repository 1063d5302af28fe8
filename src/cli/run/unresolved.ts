/** Warns of variables that hold a URL whose name this machine does not resolve: most programs could not connect. */

import { systemClock } from "#base/clock.ts";
import { clientScheme } from "#daemon/status/urls.ts";
import { resolveBySystem } from "#doctor/system-resolver.ts";
import type { Plan } from "#profile/values/plan.ts";
import { findReferences } from "#profile/values/references.ts";
import type { Output } from "#cli/screen/output.ts";

/** Once for all of them; not with `-q`, since nothing has gone wrong yet. */
export async function warnUnresolved(plan: Plan, output: Output): Promise<void> {
  if (output.quiet) return;
  const lost = await unresolvedHosts(hostsInUrls(plan));
  const [first] = lost;
  if (first === undefined) return;
  const route = plan.routes.find(({ host }) => host === first);
  const scheme = route === undefined ? "http" : clientScheme(route);
  const names = lost.map((host) => `"${host}"`).join(", ");
  output.warning(
    `this machine does not resolve ${names}: curl and browsers reach names under .localhost all the same, other programs do not`,
  );
  output.hints([
    `in place of "\${routes.${first}.url}" write "${scheme}://\${routes.${first}.address}", which always leads there`,
    "or let this machine resolve all names under .localhost, on Debian and Ubuntu: sudo apt-get install libnss-myhostname",
  ]);
}

/** The hostnames of the routes whose URL [env] asks for. */
function hostsInUrls({ env }: Plan): readonly string[] {
  const references = Object.values(env).flatMap(findReferences);
  return [...new Set(references.filter(({ kind, field }) => kind === "routes" && field === "url").map(({ route }) => route))];
}

/** A resolver that does not answer in time is not known to fail. */
async function unresolvedHosts(hosts: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(hosts.map((host) => resolveBySystem(host, systemClock)));
  return hosts.filter((_, index) => found[index]?.length === 0);
}
