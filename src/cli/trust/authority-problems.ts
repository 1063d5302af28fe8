/** Why kt's CA could not sign for all names of a profile: no error of the profile, which may be meant for another machine. */

import { KtError, toKtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { surroundings } from "#control/socket-path.ts";
import { ownAuthority } from "#daemon/own-authority.ts";
import { needsAuthority, terminatedDomains } from "#profile/terminated-domains.ts";
import type { Plan } from "#profile/values/plan.ts";

export function authorityProblems(plan: Plan): KtError[] {
  if (!needsAuthority(plan)) return [];
  try {
    const authority = ownAuthority(surroundings()).find();
    const missing = terminatedDomains(plan).filter((domain) => authority?.covers(domain) !== true);
    if (missing.length === 0) return [];
    const names = missing.map((domain) => `"${domain}"`).join(", ");
    const hints = [command`kt trust install ${missing.flatMap((domain) => ["--domain", domain])}`];
    return [new KtError("authority-unusable", `kt's CA may not sign for ${names}, and may for names under .localhost`, { hints })];
  } catch (error) {
    return [toKtError(error, "authority-unusable", "read kt's CA")];
  }
}
