/** Label selectors as kubectl and the API write them: checked here, so that a slip is found before the cluster is asked. */

import { KtError } from "#base/errors.ts";

const name = "[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?";
const key = `([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?${name}`;
const value = `(${name})?`;
const values = `\\( *${value} *(, *${value} *)*\\)`;

const requirement = new RegExp(`^ *(!? *${key}|${key} *(==?|!=) *${value}|${key} +(in|notin) *${values}) *$`);

/** Its requirements; a comma inside brackets separates values. */
function requirementsOf(selector: string): string[] {
  return selector.split(/,(?![^(]*\))/);
}

/** Throws KtError `profile-invalid` for what the API would not take. */
export function checkSelector(selector: string): string {
  const wrong = requirementsOf(selector).find((each) => !requirement.test(each));
  if (wrong === undefined) return selector.trim();
  const what = wrong.trim() === "" ? "has an empty requirement" : `has the requirement "${wrong.trim()}", which is not valid`;
  throw new KtError("profile-invalid", `selector "${selector}" ${what}`, {
    hints: ['for example "tier=backend", "tier!=test", "app in (api, db)", "canary" or "!canary", joined by commas'],
  });
}
