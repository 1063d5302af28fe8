/** Whether a file is named after what it exports. */

import type { SourceText } from "./house.ts";

/** What the file exports and is not named after, or undefined. A file with several things of equal weight has a name of its own. */
export function misnamed({ path, text }: SourceText): string | undefined {
  const main = mainExport(text);
  if (main === undefined) return undefined;
  const file = path.slice(path.lastIndexOf("/") + 1, -".ts".length);
  const fits = main.isFunction ? sharesWord : isPartOf;
  return fits(file, kebab(main.name)) ? undefined : `${path} exports ${main.name}`;
}

/** The only class, else the only value, else the only type. An error that stands beside others is not what a file is for. */
function mainExport(text: string): { name: string; isFunction: boolean } | undefined {
  const all = [...text.matchAll(/^export (?:abstract |async )*(class|function\*?|const|interface|type) (\w+)/gm)];
  const exported = all.map(([, kind = "", name = ""]) => ({ kind, name }));
  const values = exported.filter(({ kind }) => kind !== "interface" && kind !== "type");
  const classes = values.filter(({ kind, name }) => kind === "class" && !(name.endsWith("Error") && values.length > 1));
  const rest = values.length === 0 ? exported : values;
  const [main] = classes.length === 0 ? rest : classes;
  if (main === undefined || (classes.length === 0 ? rest.length : classes.length) > 1) return undefined;
  return { name: main.name, isFunction: main.kind.startsWith("function") || main.kind === "const" };
}

function kebab(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1-$2")
    .toLowerCase();
}

/** A file may leave words of a class out, and name many of it. */
function isPartOf(file: string, name: string): boolean {
  const rest = name.split("-").map(singular);
  return file.split("-").every((word) => {
    const at = rest.indexOf(singular(word));
    rest.splice(0, at + 1);
    return at >= 0;
  });
}

/** Files are nouns and functions are verbs, so that one word of both is enough: `free-port.ts` has `isFree`. */
function sharesWord(file: string, name: string): boolean {
  if (file.replaceAll("-", "") === name.replaceAll("-", "")) return true;
  const stems = new Set(name.split("-").map(stem));
  return file.split("-").some((word) => stems.has(stem(word)));
}

function singular(word: string): string {
  return word.replace(/(?<=\w\w)s$/, "");
}

/** Of `wrapped` and `wrap`, `fitting` and `fits`, `refusal` and `refuse`. */
function stem(word: string): string {
  return word.replace(/(?:ies|ing|ed|ers|er|es|s|e|al|y)$/, "").slice(0, 5);
}
