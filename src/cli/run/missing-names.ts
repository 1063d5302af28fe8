/** Says which names a command does not resolve where it cannot have names of its own, and what to do about it. */

import { systemClock } from "#base/clock.ts";
import { resolveBySystem } from "#doctor/system-resolver.ts";
import { namespaceRestriction } from "#native/namespace-restriction.ts";
import { cliLimits } from "#cli/limits.ts";
import type { Output } from "#cli/screen/output.ts";
import { listed } from "./unready.ts";

/** `code` is why it cannot. Says nothing where the machine resolves them by itself, nor with `-q`. */
export async function warnMissingNames(names: readonly string[], code: string, output: Output): Promise<void> {
  if (output.quiet) return;
  const asked = names.slice(0, cliLimits.namesAsked);
  const found = await Promise.all(asked.map((name) => resolveBySystem(name, systemClock)));
  const lost = names.filter((_, index) => index >= asked.length || found[index]?.length === 0);
  if (asked.every((name) => !lost.includes(name))) return;
  const { why, remedy } = namespaceRestriction(code);
  output.warning(`the command does not resolve ${listed(lost.map((name) => ({ name })))}: ${why}`);
  const setup = process.platform === "linux" ? ["or for every program of this machine: kt setup names"] : [];
  output.hints([remedy ?? "under [env], ${routes.HOST.address} is an address that needs no name", ...setup]);
}
