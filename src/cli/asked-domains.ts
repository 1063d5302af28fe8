/** Which domains kt's CA shall sign for: those that a command line gives, else what the profile here speaks TLS for. */

import { findProfile } from "#profile/read/find.ts";
import { isLocal, terminatedDomains } from "#profile/terminated-domains.ts";
import { parseDomain } from "#profile/values/domain.ts";
import { loadHere } from "./local-plan.ts";

/** Normalised; without names under localhost, which it may always sign for. Throws KtError. */
export async function askedDomains(given: readonly string[]): Promise<readonly string[]> {
  if (given.length > 0) return given.filter((domain) => !isLocal(domain)).map(parseDomain);
  const file = await findProfile(process.cwd()).catch(() => undefined);
  return file === undefined ? [] : terminatedDomains((await loadHere(file)).plan);
}
