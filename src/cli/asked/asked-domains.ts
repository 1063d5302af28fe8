/** Which domains kt's CA shall sign for: those that a command line gives, else what the profile here speaks TLS for. */

import { command } from "#base/shell.ts";
import { examinePlan } from "#daemon/plans/consent.ts";
import { findProfile } from "#profile/read/find.ts";
import { isLocal, terminatedDomains } from "#profile/terminated-domains.ts";
import { parseDomain } from "#profile/values/domain.ts";
import { loadOptions } from "#cli/profile/local-plan.ts";
import type { Output } from "#cli/screen/output.ts";

/** Normalised; without names under localhost, which it may always sign for. Throws KtError, also for what is a public suffix. */
export async function askedDomains(given: readonly string[], output: Output): Promise<readonly string[]> {
  if (given.length > 0) return given.filter((domain) => !isLocal(domain)).map(parseDomain);
  const file = await findProfile(process.cwd()).catch(() => undefined);
  if (file === undefined) return [];
  const { plan, isAllowed } = await examinePlan(loadOptions(file));
  const domains = terminatedDomains(plan).map(parseDomain);
  if (isAllowed || domains.length === 0) return domains;
  output.note(`the domains of "${file}" are left out: it is not allowed`);
  output.hints([command`kt allow`, command`kt trust install ${domains.flatMap((domain) => ["--domain", domain])}`]);
  return [];
}
