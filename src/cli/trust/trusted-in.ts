/** What a program trusts that uses the names of a plan: kt's CA, whose code is loaded where kt signs for any of them. */

import { surroundings } from "#control/socket-path.ts";
import { needsAuthority } from "#profile/terminated-domains.ts";
import type { Plan } from "#profile/values/plan.ts";

/** The variables for it; none where kt signs for no name. Throws KtError `authority-unusable`. */
export async function trustedIn(
  plan: Plan,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Readonly<Record<string, string>>> {
  if (!needsAuthority(plan)) return {};
  const [{ trustVariables }, { ownAuthority }] = await Promise.all([import("./trust-variables.ts"), import("#daemon/own-authority.ts")]);
  return trustVariables(ownAuthority(surroundings()), environment);
}
