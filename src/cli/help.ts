/** Writes the help of kt and of each command. */

import type { CommandSpec } from "./command.ts";
import { globalOptions } from "./commands.ts";
import { alignColumns, type Style } from "./style.ts";

export function mainHelp(commands: readonly CommandSpec[], style: Style): string[] {
  const shown = commands.filter(({ hidden }) => hidden !== true);
  const rows = shown.map((spec) => [`  ${usage(spec)}`, spec.summary]);
  return [
    "kt: every Kubernetes service you need on your own machine, on demand",
    "",
    style.bold("Usage"),
    "  kt COMMAND [options]",
    "",
    style.bold("Commands"),
    ...alignColumns(rows),
    "",
    style.bold("Options"),
    ...optionLines(globalOptions),
    "",
    style.bold("Example"),
    "  kt init && kt up",
    "",
    "kt COMMAND --help says more about each.",
  ];
}

export function commandHelp(spec: CommandSpec, style: Style): string[] {
  return [
    `kt ${spec.name}: ${spec.summary}`,
    "",
    style.bold("Usage"),
    `  kt ${usage(spec)} [options]${spec.alias === undefined ? "" : `   (or kt ${spec.alias})`}`,
    "",
    style.bold("Options"),
    ...optionLines([...spec.options, ...globalOptions]),
    "",
    style.bold("Example"),
    ...spec.example.map((line) => `  ${line}`),
  ];
}

function usage({ name, args }: CommandSpec): string {
  return args === "" ? name : `${name} ${args}`;
}

function optionLines(options: CommandSpec["options"]): string[] {
  return alignColumns(options.map(([flags, description]) => [`  ${flags.startsWith("--") ? `    ${flags}` : flags}`, description]));
}
