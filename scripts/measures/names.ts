/** Whether a file is named after what it exports. */

import type { SourceText } from "./house.ts";

interface Exported {
  readonly kind: string;
  readonly name: string;
}

/** The main export that the file is not named after, or undefined. A file of several things of equal weight has a name of its own. */
export function misnamed({ path, text }: SourceText): string | undefined {
  const file = path.slice(path.lastIndexOf("/") + 1, path.lastIndexOf("."));
  const main = mainExport(text);
  return main === undefined || fits(file, main) ? undefined : `${path} exports ${main.name}`;
}

/** The only value, else the only type. */
function mainExport(text: string): Exported | undefined {
  const all = [...text.matchAll(/^export (?:abstract |async )*(class|function\*?|const|interface|type) (\w+)/gm)];
  const exported = all.map(([, kind = "", name = ""]) => ({ kind, name }));
  const values = exported.filter(({ kind }) => kind !== "interface" && kind !== "type");
  const [main, ...others] = values.length === 0 ? exported : values;
  return others.length === 0 ? main : undefined;
}

/**
 * A class or type gives all the file's words, and may have more. Files are nouns and functions are verbs, so that of a function one
 * word is enough: `free-port.ts` has `isFree`.
 */
function fits(file: string, { kind, name }: Exported): boolean {
  const stems = new Set(wordsOf(name).map(stem));
  const isShared = (word: string): boolean => stems.has(stem(word));
  const words = file.split("-");
  if (words.join("") === wordsOf(name).join("")) return true;
  const isThing = kind === "class" || kind === "interface" || kind === "type";
  return isThing ? words.every(isShared) : words.some(isShared);
}

function wordsOf(name: string): string[] {
  const kebab = name.replace(/([a-z0-9])([A-Z])/g, "$1-$2").replace(/([A-Z])([A-Z][a-z])/g, "$1-$2");
  return kebab.toLowerCase().split("-");
}

/** Of `wrapped` and `wrap`, `fitting` and `fits`, `refusal` and `refuse`. */
function stem(word: string): string {
  return word
    .replace(/s$/, "")
    .replace(/(?<=\w{3})(?:ie|ing|ed|er|e|al|y)$/, "")
    .replace(/([b-df-hj-np-tv-z])\1$/, "$1")
    .slice(0, 5);
}
