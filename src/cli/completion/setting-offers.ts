/** What may follow `--set`: the key of a setting, and behind its `=` a value that it takes. */

import type { Tunable } from "#profile/sections/tunable.ts";
import { tuning } from "#profile/sections/tuning.ts";
import type { Offer } from "./offers.ts";

export function settingOffers(typed: string): readonly Offer[] {
  const equals = typed.indexOf("=");
  if (equals < 0) return tuning.map(({ key, tunable }) => ({ value: `${key}=`, about: firstSentence(tunable.what) }));
  const found = tuning.find(({ key }) => key === typed.slice(0, equals));
  if (!found) return [];
  const { key, tunable } = found;
  return valuesOf(tunable).map((value) => ({ value: `${key}=${value}`, about: value === tunable.fallback ? "the default" : "" }));
}

/** The default first, then what the documentation takes for examples. */
function valuesOf(tunable: Tunable): readonly (string | number | boolean)[] {
  if (tunable.kind === "switch") return [tunable.fallback, !tunable.fallback];
  const examples = tunable.kind === "duration" ? (tunable.examples ?? []) : tunable.example === undefined ? [] : [tunable.example];
  return [...new Set([tunable.fallback, ...examples])];
}

function firstSentence(text: string): string {
  return /^.*?\.(?=\s|$)/.exec(text)?.[0] ?? text;
}
