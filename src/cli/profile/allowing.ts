/** Shows what a profile needs consent for, asks for it in a terminal, and remembers it. */

import { cliLimits } from "#cli/limits.ts";
import { type ExaminedPlan, examinePlan, recordsOf } from "#daemon/plans/consent.ts";
import type { ConsentFact } from "#profile/consent/consent-fact.ts";
import { loadOptions } from "./local-plan.ts";
import type { Output } from "#cli/screen/output.ts";
import { agree } from "#cli/screen/prompts.ts";

/** A file of another user's is not accepted in passing: that takes `kt allow`. */
export async function askInPassing(file: string, output: Output): Promise<boolean> {
  const examined = await examinePlan(loadOptions(file));
  if (examined.isAllowed || examined.facts.some(({ isForeign }) => isForeign === true)) return false;
  return await askToAllow(examined, output);
}

/** True where it was allowed, which is then remembered. */
export async function askToAllow(examined: ExaminedPlan, output: Output): Promise<boolean> {
  showFacts(examined, output, (text) => text);
  if (!(await agree("Allow this? It is asked again when any of it changes"))) return false;
  await remember(examined);
  return true;
}

export async function remember({ plan, profile, facts }: ExaminedPlan): Promise<void> {
  await recordsOf(loadOptions(plan.profile)).allow(profile, facts);
}

/** All of it: what a user agrees to must not hide behind a summary, nor behind a mask. */
export function showFacts({ plan, facts }: Pick<ExaminedPlan, "plan" | "facts">, output: Output, shown: (text: string) => string): void {
  output.line(plan.profile);
  for (const fact of facts) for (const line of linesOf(fact)) output.line(shown(line));
}

function linesOf({ what, why, detail = "" }: ConsentFact): readonly string[] {
  const left = detail.length - cliLimits.consentDetailChars;
  const more = detail
    .slice(0, cliLimits.consentDetailChars)
    .split("\n")
    .filter((line) => line !== "");
  const rest = left > 0 ? [`… and ${left} characters more, which are there to be read in the file`] : [];
  return [`- ${what}: ${why}`, ...[...more, ...rest].map((line) => `    ${line}`)];
}
