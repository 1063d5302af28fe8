/** Whether kt's CA can sign for the names that kt speaks TLS for, and whether the system trusts it. */

import type { Clock } from "#base/clock.ts";
import { toKtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { isoDay } from "#base/time-of-day.ts";
import type { Surroundings } from "#control/socket-path.ts";
import { ownAuthority } from "#daemon/own-authority.ts";
import { isDone } from "#host/steps/setup-step.ts";
import { hostLimits } from "#host/limits.ts";
import { trustPart } from "#host/stores/trust-parts.ts";
import { needsAuthority, terminatedDomains } from "#profile/terminated-domains.ts";
import type { Plan } from "#profile/values/plan.ts";
import { type Finding, Findings } from "./finding.ts";

/** Nothing where no name of the profile has a certificate of kt's. */
export function examineTrust(plan: Plan, at: Surroundings, clock: Clock): readonly Finding[] {
  if (!needsAuthority(plan)) return [];
  const findings = new Findings("trust");
  const store = ownAuthority(at, clock);
  const install = "kt trust install";
  try {
    const authority = store.find();
    if (authority === undefined) return findings.warn("programs cannot trust the certificates of kt yet: there is no CA", [install]).list;
    const { untilMs, texts } = authority;
    const leftMs = untilMs - clock.wallMs();
    if (leftMs <= 0) return findings.broken(`kt's CA has expired on ${isoDay(untilMs)}`, [install]).list;
    const missing = terminatedDomains(plan).filter((domain) => !authority.covers(domain));
    const [first] = missing;
    if (first !== undefined) {
      const fix = command`kt trust install ${missing.flatMap((domain) => ["--domain", domain])}`;
      return findings.broken(`kt's CA may not sign for "${first}": its domains are ${texts.domains.join(", ")}`, [fix]).list;
    }
    if (leftMs < hostLimits.renewAuthorityMs) findings.warn(`kt's CA ends on ${isoDay(untilMs)}`, [install]);
    const part = trustPart("system", { ...at, direction: "do", root: { pem: texts.root, file: store.rootFile } });
    if (part.kind === "steps" && !isDone(part.steps, "do")) return findings.warn("this system does not trust kt's CA", [install]).list;
    return findings.list.length > 0 ? findings.list : findings.ok(`this system trusts kt's CA, until ${isoDay(untilMs)}`).list;
  } catch (error) {
    const { message, hints } = toKtError(error, "authority-unusable", "read kt's CA");
    return findings.broken(message, hints).list;
  }
}
