/** Writes the help of kt and of each command. */

import { type CommandSpec, commandGroups } from "./command.ts";
import { globalOptions } from "./commands.ts";
import { bold, type Line, line, tableLines } from "#base/text.ts";
import { firstWords } from "./words.ts";

const helpColumns = 80;

/** Fits a screen of 24 lines with 80 columns: commands of every day have a line, the others are named. */
export function mainHelp(commands: readonly CommandSpec[]): Line[] {
  const shown = commands.filter(({ hidden }) => hidden !== true);
  const rows = commandGroups.flatMap((group) =>
    shown.filter((spec) => spec.group === group).map(({ name, summary }, index) => [index === 0 ? bold(group) : "", name, summary]),
  );
  const others = firstWords(shown.filter(({ group }) => group === undefined));
  const flags = globalOptions.map(([text]) => text);
  return [
    line("kt: every Kubernetes service you need on your own machine, on demand"),
    line(""),
    ...tableLines(rows),
    ...namedLines(others),
    line(""),
    line([bold("Options"), `  ${flags.join("   ")}`], indent),
    line([bold("Example"), "  kt init && kt up        kt COMMAND --help says more about each."], indent),
  ];
}

/** The width of the column with the groups. */
const indent = 9;

/** As many names in a line as its screen takes. */
function namedLines(names: readonly string[]): Line[] {
  const rows: string[] = [""];
  for (const name of names) {
    const longer = `${rows.at(-1)} ${name}`.trimStart();
    if (indent + longer.length <= helpColumns) rows[rows.length - 1] = longer;
    else rows.push(name);
  }
  return rows.map((row, at) => line([at === 0 ? bold("More") : "    ", `     ${row}`], indent));
}

export function commandHelp(spec: CommandSpec): Line[] {
  return [
    line(`kt ${spec.name}: ${spec.summary}`, 4),
    line(""),
    line(bold("Usage")),
    line(`  kt ${usage(spec)}${alsoCalled(spec)}`, 6),
    ...(spec.notes === undefined ? [] : ["", ...spec.notes].map((note) => line(note))),
    line(""),
    line(bold("Options")),
    ...optionLines([...spec.options, ...globalOptions]),
    line(""),
    line(bold("Example")),
    ...spec.example.map((text): Line => ({ text: `  ${text}`, hang: 6, isCommand: true })),
  ];
}

/** Of commands that share their first word. */
export function familyHelp(word: string, family: readonly CommandSpec[]): Line[] {
  return [
    line(`kt ${word} has these commands:`),
    line(""),
    ...tableLines(family.map(({ name, summary }) => [`  kt ${name}`, summary])),
    line(""),
    line(`kt ${word} COMMAND --help says more about each.`),
  ];
}

function alsoCalled({ aliases = [] }: CommandSpec): string {
  return aliases.length === 0 ? "" : `   (or ${aliases.map((alias) => `kt ${alias}`).join(", ")})`;
}

export function usage({ name, args, passesOn }: CommandSpec): string {
  const words = passesOn === true ? [name, "[options]", args] : [name, args, "[options]"];
  return words.filter((word) => word !== "").join(" ");
}

function optionLines(options: CommandSpec["options"]): Line[] {
  return tableLines(options.map(([flags, description]) => [`  ${flags.startsWith("--") ? `    ${flags}` : flags}`, description]));
}
