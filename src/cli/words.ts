/** The words of a command line: options as their flags are written, and where a command's own words end. */

import type { CommandSpec } from "./command.ts";

export interface Flags {
  /** As they are typed: `-f`, `--file`. */
  readonly words: readonly string[];
  /** As cac names them: camel case; `--no-names` is `names` and false. */
  readonly names: readonly string[];
  readonly long: string;
  /** What stands between `<` and `>`; undefined for a flag without a value. */
  readonly value: string | undefined;
}

/** `-f, --file <file>` */
export function readFlags(flags: string): Flags {
  const words = flags
    .replace(/<.*>/, "")
    .split(",")
    .map((word) => word.trim());
  const names = words.map((word) => word.replace(/^-+(?:no-)?/, "").replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  return { words, names, long: words.at(-1) ?? flags, value: /<(.*)>/.exec(flags)?.[1] };
}

/** An option that takes a value. */
export interface Valued {
  readonly option: Flags;
  /** What stands in the same word; undefined where it is the next one. */
  readonly value: string | undefined;
  /** Flags before it in the same word: `-v` of `-vnshop`; "" for none. */
  readonly flags: string;
}

/** Reads `-f`, `--file`, `--file=x`, and as getopt does `-fx` and `-vfx`; undefined for all else. */
export function readValued(word: string, options: readonly Flags[]): Valued | undefined {
  return /^-[^-]/.test(word) ? readShort(word, options) : readLong(word, options);
}

function readLong(word: string, options: readonly Flags[]): Valued | undefined {
  const [name = "", ...rest] = word.split("=");
  const option = options.find(({ words, value }) => value !== undefined && words.includes(name));
  return option && { option, value: rest.length > 0 ? rest.join("=") : undefined, flags: "" };
}

function readShort(word: string, options: readonly Flags[]): Valued | undefined {
  for (let at = 1; at < word.length; at++) {
    const option = options.find(({ words }) => words.includes(`-${word[at]}`));
    if (!option) return undefined;
    if (option.value === undefined) continue;
    const value = at + 1 < word.length ? word.slice(at + 1).replace(/^=/, "") : undefined;
    return { option, value, flags: at > 1 ? word.slice(0, at) : "" };
  }
  return undefined;
}

export function isOption(word: string): boolean {
  return word.startsWith("-") && word !== "-";
}

export interface Walked {
  readonly spec: CommandSpec | undefined;
  /** Where the words of the command's name stand; empty without a command. */
  readonly named: readonly number[];
  /** Where each argument stands that is neither an option, nor an option's value, nor the command's name. */
  readonly args: readonly number[];
  /** The option whose value would come next. */
  readonly awaiting: Flags | undefined;
  /** Where the words begin that the command passes on as they are; undefined where there are none yet. */
  readonly passedOn: number | undefined;
  /** After `--` nothing is an option. */
  readonly isLiteral: boolean;
}

/** Reads words as kt will, without judging them. */
export function walkWords(words: readonly string[], commands: readonly CommandSpec[], globals: CommandSpec["options"]): Walked {
  const args: number[] = [];
  let named: readonly number[] = [];
  let spec: CommandSpec | undefined;
  let awaiting: Flags | undefined;
  for (const [index, word] of words.entries()) {
    if (word === "--") return literal(words, index, { spec, named, args });
    if (awaiting) awaiting = undefined;
    else if (isOption(word)) awaiting = awaitedAfter(readValued(word, optionsOf(spec, globals)));
    else if (spec?.passesOn === true) return { spec, named, args, awaiting, passedOn: index, isLiteral: true };
    else {
      args.push(index);
      if (spec) continue;
      const typed = args.map((at) => words[at]).join(" ");
      spec = commands.find(({ name, aliases }) => typed === name || aliases?.includes(typed));
      if (spec) named = args.splice(0);
    }
  }
  return { spec, named, args, awaiting, passedOn: undefined, isLiteral: false };
}

/** The commands whose names begin with this word and have another: `kt edge plan`. */
export function familyOf(word: string, commands: readonly CommandSpec[]): CommandSpec[] {
  return commands.filter(({ name, hidden }) => name.startsWith(`${word} `) && hidden !== true);
}

/** What may come first on a command line: a command, or the word that a family of them shares. */
export function firstWords(commands: readonly CommandSpec[]): string[] {
  return [...new Set(commands.filter(({ hidden }) => hidden !== true).map(({ name }) => name.split(" ")[0] ?? name))];
}

function awaitedAfter(found: Valued | undefined): Flags | undefined {
  return found?.value === undefined ? found?.option : undefined;
}

function literal(words: readonly string[], dashes: number, { spec, named, args }: Pick<Walked, "spec" | "named" | "args">): Walked {
  const rest = words.slice(dashes + 1).map((_, index) => dashes + 1 + index);
  const passedOn = spec?.passesOn === true ? dashes + 1 : undefined;
  return { spec, named, args: passedOn === undefined ? [...args, ...rest] : args, awaiting: undefined, passedOn, isLiteral: true };
}

export function optionsOf(spec: CommandSpec | undefined, globals: CommandSpec["options"]): Flags[] {
  return [...[...(spec?.options ?? []), ...globals].map(([flags]) => flags), ...(spec?.unused ?? [])].map(readFlags);
}

/**
 * Rewrites what the parser would misread: `-nshop` as `--namespace=shop`, and `--` before what a command passes
 * on, so that the options there stay its own: `kt run npm test --watch`. A name of two words becomes one.
 */
export function wordsForParser(
  argv: readonly string[],
  commands: readonly CommandSpec[],
  globals: CommandSpec["options"],
): readonly string[] {
  const { spec, named, passedOn } = walkWords(argv, commands, globals);
  const dashes = argv.indexOf("--");
  const end = passedOn ?? (dashes < 0 ? argv.length : dashes);
  const options = optionsOf(spec, globals);
  const own = argv.slice(0, end).flatMap((word, index, all) => {
    if (named.length > 1 && named.includes(index)) return index === named[0] ? [spec?.name ?? word] : [];
    if (word === "-" && isAwaiting(all[index - 1], options)) return [];
    return apart(isAwaiting(word, options) && all[index + 1] === "-" ? `${word}=-` : word, options);
  });
  const rest = argv.slice(end);
  return passedOn === undefined || argv[passedOn - 1] === "--" ? [...own, ...rest] : [...own, "--", ...rest];
}

/** Whether its value is the next word, which may be a dash alone: standard input. */
function isAwaiting(word: string | undefined, options: readonly Flags[]): boolean {
  const found = word !== undefined && isOption(word) ? readValued(word, options) : undefined;
  return found !== undefined && found.value === undefined;
}

/** `-v 6`, `-v=6` and `--v=6` are kubectl's: kt has one level besides `-q`. */
export function withoutLevels(words: readonly string[]): string[] {
  const dashes = words.indexOf("--");
  const own = dashes < 0 ? words : words.slice(0, dashes);
  const plain = own.flatMap((word, index) => {
    if (isLevel(word) && /^--?v$/.test(own[index - 1] ?? "")) return [];
    const [, name, level] = /^(--?v)(?:=([0-9]+))?$/.exec(word) ?? [];
    if (name === undefined) return [word];
    return Number(level ?? (isLevel(own[index + 1]) ? own[index + 1] : 1)) > 0 ? ["-v"] : [];
  });
  return [...plain, ...words.slice(own.length)];
}

/** kubectl's go to 10; what is larger is a port. */
function isLevel(word: string | undefined): boolean {
  return word !== undefined && /^([0-9]|10)$/.test(word);
}

function apart(word: string, options: readonly Flags[]): string[] {
  const found = isOption(word) ? readValued(word, options) : undefined;
  // The parser takes the next word for the value of a switch whose name has dashes.
  if (found === undefined && /^--(?!no-).+-/.test(word) && options.some(({ long }) => long === word)) return [`${word}=true`];
  if (found?.value === undefined) return [word];
  return [found.flags, `${found.option.long}=${found.value}`].filter((part) => part !== "");
}
