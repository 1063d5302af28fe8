/** What may come next on a command line, from the commands' own table. */

import type { CommandSpec, CommandTable } from "#cli/command.ts";
import { familyOf, firstWords, type Flags, isOption, optionsOf, readFlags, readValued, walkWords } from "#cli/words.ts";

export interface Offer {
  /** The whole word; one that ends in `/`, `:` or `=` goes on. */
  readonly value: string;
  readonly about: string;
}

export type Answer =
  | { readonly kind: "words"; readonly offers: readonly Offer[] }
  /** Shells complete these better themselves. `from` is where the other program's command line begins. */
  | { readonly kind: "files" }
  | { readonly kind: "command"; readonly from: number };

/** What the profile and the cluster have, by the name of an argument or of an option's value. */
export type Lookup = (kind: string, typed: string, line: TypedLine) => Promise<readonly Offer[]>;

/** What the line has already. */
export interface TypedLine {
  readonly spec: CommandSpec | undefined;
  readonly args: readonly string[];
  /** By the long flag: `--file`. */
  readonly options: ReadonlyMap<string, string>;
}

/** `words` are those after `kt`, up to the cursor; the last one is being typed. */
export async function answerFor(words: readonly string[], { commands, globals }: CommandTable, lookUp: Lookup): Promise<Answer> {
  const given = words[0] === "help" ? words.slice(1) : words;
  const [typed = "", before] = [given.at(-1), given.slice(0, -1)];
  const { spec, args, awaiting, passedOn, isLiteral } = walkWords(before, commands, globals);
  const options = [...(spec?.options ?? []), ...globals];
  const flags = optionsOf(spec, globals);
  const line: TypedLine = { spec, args: args.map((index) => before[index] ?? ""), options: optionValues(before, flags) };
  if (passedOn !== undefined) return { kind: "command", from: words.length - given.length + passedOn };
  if (awaiting) return await valuesOf(awaiting.value ?? "", "", typed, line, lookUp);
  if (!isLiteral && typed.startsWith("-")) return await optionAnswer(typed, options, line, lookUp);
  if (!spec) return { kind: "words", offers: commandOffers(line.args, commands) };
  if (spec.passesOn === true) return { kind: "command", from: words.length - 1 };
  const place = placeOf(spec, args.length);
  return place === undefined ? nothing : await valuesOf(place, "", typed, line, lookUp);
}

const nothing: Answer = { kind: "words", offers: [] };

/** After the first word of a family its other words. */
function commandOffers([word, ...others]: readonly string[], commands: readonly CommandSpec[]): Offer[] {
  if (others.length > 0) return [];
  if (word !== undefined) {
    return familyOf(word, commands).map(({ name, summary }) => ({ value: name.slice(word.length + 1), about: summary }));
  }
  return firstWords(commands).map((first) => ({ value: first, about: aboutFirst(first, commands) }));
}

function aboutFirst(first: string, commands: readonly CommandSpec[]): string {
  const spec = commands.find(({ name }) => name === first);
  const others = familyOf(first, commands).map(({ name }) => name.slice(first.length + 1));
  return spec?.summary ?? others.join(", ");
}

/** `--format` and, once there is a `=`, what comes after it. */
async function optionAnswer(typed: string, options: CommandSpec["options"], line: TypedLine, lookUp: Lookup): Promise<Answer> {
  const equals = typed.indexOf("=");
  if (equals < 0) return { kind: "words", offers: options.map(([flags, about]) => ({ value: readFlags(flags).long, about })) };
  const option = options.map(([flags]) => readFlags(flags)).find(({ words }) => words.includes(typed.slice(0, equals)));
  if (option?.value === undefined) return nothing;
  return await valuesOf(option.value, typed.slice(0, equals + 1), typed.slice(equals + 1), line, lookUp);
}

/** Small letters with bars between are typed as they are, "file" is a file, and all else is looked up. */
async function valuesOf(place: string, prefix: string, typed: string, line: TypedLine, lookUp: Lookup): Promise<Answer> {
  if (/^(?:files?|dir)$/i.test(place)) return { kind: "files" };
  if (/^[a-z0-9]+(\|[a-z0-9]+)+$/.test(place)) {
    return { kind: "words", offers: place.split("|").map((value) => ({ value: prefix + value, about: "" })) };
  }
  const offers = await lookUp(place, typed, line);
  return { kind: "words", offers: offers.map(({ value, about }) => ({ value: prefix + value, about })) };
}

/** The name of an argument without its brackets; the last one may come again when it says so. */
function placeOf({ args }: CommandSpec, index: number): string | undefined {
  const places = args.split(" ").filter((place) => place !== "");
  const last = places.at(-1);
  const place = places[index] ?? (last?.includes("...") === true ? last : undefined);
  return place?.replace(/^[[<](\.\.\.)?|[\]>]$/g, "");
}

function optionValues(before: readonly string[], flags: readonly Flags[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [index, word] of before.entries()) {
    const found = isOption(word) ? readValued(word, flags) : undefined;
    if (found) values.set(found.option.long, found.value ?? before[index + 1] ?? "");
  }
  return values;
}
