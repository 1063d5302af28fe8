/** Writes the help of kt and of each command. */

import { type CommandSpec, commandGroups } from "./command.ts";
import { globalOptions } from "./commands.ts";
import { alignColumns, type Style, visibleLength } from "./style.ts";

/** Fits a screen of 24 lines with 80 columns: what people need every day has a line, the rest is named. */
export function mainHelp(commands: readonly CommandSpec[], style: Style): string[] {
  const shown = commands.filter(({ hidden }) => hidden !== true);
  const rows = commandGroups.flatMap((group) =>
    shown.filter((spec) => spec.group === group).map(({ name, summary }, index) => [index === 0 ? style.bold(group) : "", name, summary]),
  );
  const others = shown.filter(({ group }) => group === undefined).map(({ name }) => name);
  const flags = globalOptions.map(([text]) => text);
  return [
    "kt: every Kubernetes service you need on your own machine, on demand",
    "",
    ...alignColumns(rows, visibleLength),
    `${style.bold("More")}     ${others.join(", ")}`,
    "",
    `${style.bold("Options")}  ${flags.join("   ")}`,
    `${style.bold("Example")}  kt init && kt up`,
    "kt COMMAND --help says more about each.",
  ];
}

export function commandHelp(spec: CommandSpec, style: Style): string[] {
  return [
    `kt ${spec.name}: ${spec.summary}`,
    "",
    style.bold("Usage"),
    `  kt ${usage(spec)}${spec.alias === undefined ? "" : `   (or kt ${spec.alias})`}`,
    ...(spec.notes === undefined ? [] : ["", ...spec.notes]),
    "",
    style.bold("Options"),
    ...optionLines([...spec.options, ...globalOptions]),
    "",
    style.bold("Example"),
    ...spec.example.map((line) => `  ${line}`),
  ];
}

export function usage({ name, args, passesOn }: CommandSpec): string {
  const words = passesOn === true ? [name, "[options]", args] : [name, args, "[options]"];
  return words.filter((word) => word !== "").join(" ");
}

function optionLines(options: CommandSpec["options"]): string[] {
  return alignColumns(options.map(([flags, description]) => [`  ${flags.startsWith("--") ? `    ${flags}` : flags}`, description]));
}
