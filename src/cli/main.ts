/** Reads the command line, runs the command, and shows what went wrong. */

import { cac } from "cac";
import { KtError, toKtError } from "#base/errors.ts";
import { cliLimits } from "./limits.ts";
import { command } from "#base/shell.ts";
import { nearest } from "#base/nearest.ts";
import { setVariable } from "#profile/values/set-variable.ts";
import { plainTypography, typographicHint } from "#base/typography.ts";
import { buildInfo } from "./build.ts";
import { type CommandSpec, Options } from "./command.ts";
import { commands, globalOptions } from "./commands.ts";
import { DescriptorSink, isSameFile } from "#cli/screen/descriptor-sink.ts";
import { exitCodeOf, exitCodes } from "./exit.ts";
import { commandHelp, familyHelp, mainHelp } from "./help.ts";
import { Output } from "#cli/screen/output.ts";
import type { TextSink } from "#cli/screen/text-sink.ts";
import { Declined } from "#cli/screen/prompts.ts";
import type { Line } from "#base/text.ts";
import { familyOf, firstWords, type Flags, optionsOf, withoutLevels, wordsForParser } from "./words.ts";

interface Call {
  readonly spec: CommandSpec | undefined;
  readonly args: readonly string[];
  readonly values: Readonly<Record<string, unknown>>;
}

const signalNumbers = [
  ["SIGINT", 2],
  ["SIGTERM", 15],
] as const;

/** Resolves to the exit code, with everything written. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const call = parse(wordsForParser(usual(argv), commands, globalOptions));
  const stdout = await DescriptorSink.open(1);
  const output = outputFor(call, stdout, isSameFile(1, 2) ? stdout : await DescriptorSink.open(2));
  const ran = run(call, output).catch((error: unknown) => {
    if (error instanceof Declined) return exitCodes.done;
    const shown = toKtError(error, "internal", "internal error");
    output.error(shown);
    return exitCodeOf(shown);
  });
  const code = await Promise.race([ran, stdout.failed.then(() => exitCodes.done)]);
  await flushed(output, code);
  return stdout.failure === undefined ? code : await codeWithout(stdout.failure, code, output);
}

/** Who asks for an end, or has asked, need not wait for a reader that takes nothing. */
async function flushed(output: Output, code: number): Promise<void> {
  for (const [signal, number] of signalNumbers) process.once(signal, () => process.exit(128 + number));
  await (code === exitCodes.interrupted ? output.flushWhileTaken(cliLimits.outputLeaveMs) : output.flush());
}

/** How the command ends when its result was not written. A reader that has seen enough, as in `kt logs -f | head`, is not a failure. */
async function codeWithout({ code: reason, message }: NodeJS.ErrnoException, code: number, output: Output): Promise<number> {
  if (reason === "EPIPE") return code;
  // "ENOSPC: no space left on device, write"
  const why = message.replace(/^[A-Z]+: /, "").replace(/, write$/, "");
  output.error(new KtError("file-unwritable", `the output cannot be written: ${why}`));
  await output.flush();
  return code === exitCodes.done ? exitCodes.failed : code;
}

/** What people try first, by other tools' habits. */
function usual(argv: readonly string[]): readonly string[] {
  const [first, ...rest] = argv;
  if (first === "--version") return ["version", ...rest];
  if (first === "forward") return [first, ...withoutLevels(rest)];
  return first === "help" ? [...rest, "--help"] : argv;
}

function parse(argv: readonly string[]): Call {
  const cli = cac("kt");
  for (const [flags, description] of globalOptions) cli.option(flags, description);
  for (const spec of commands) {
    const command = cli.command(`${spec.name} ${spec.args}`.trim(), spec.summary);
    for (const [flags, description] of spec.options) command.option(flags, description);
    for (const flags of spec.unused ?? []) command.option(flags, "");
    for (const alias of spec.aliases ?? []) command.alias(alias);
  }
  const { args, options } = cli.parse(["", "kt", ...argv.map(keepText)], { run: false });
  const spec = commands.find(({ name }) => name === cli.matchedCommand?.name);
  const { "--": rest, ...values } = options;
  return { spec, args: [...args, ...(Array.isArray(rest) ? rest : [])].map(asWritten).map(String), values: mapValues(values, asWritten) };
}

/** cac makes a number of what looks like one: the namespace "007" would become 7. No argument can hold this character. */
const textMark = "\u0000";

function keepText(word: string): string {
  const [, option = "", value = word] = /^(--?[^=]+=)(.*)$/s.exec(word) ?? [];
  return Number.isNaN(Number(value)) ? word : `${option}${textMark}${value}`;
}

function asWritten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asWritten);
  return typeof value === "string" && value.startsWith(textMark) ? value.slice(1) : value;
}

function mapValues(values: Call["values"], change: (value: unknown) => unknown): Call["values"] {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

function outputFor({ spec, values }: Call, stdout: TextSink, stderr: TextSink): Output {
  const environment: Readonly<Record<string, string | undefined>> = process.env;
  const { LOG_FORMAT: format, LOG_LEVEL: level = "" } = spec?.logsByEnvironment === true ? environment : {};
  const logFormat = (values["logFormat"] ?? format) === "json" ? "json" : "text";
  const verbose = values["verbose"] === true || level === "debug";
  const quiet = values["quiet"] === true || level === "warn" || level === "error";
  return new Output({ stdout, stderr, environment, verbose, quiet, logFormat });
}

async function run(call: Call, output: Output): Promise<number> {
  const { spec, args, values } = call;
  checkTypography(spec, args);
  if (!spec) return runNone(call, output);
  if (values["help"] === true) return showHelp(commandHelp(spec), output);
  checkOptions(spec, values);
  checkArguments(spec, args);
  const options = new Options(values);
  putSettings(options.texts("set"));
  const command = await spec.load();
  return await command({
    args,
    options,
    output,
    build: await buildInfo(),
    table: { commands, globals: globalOptions },
  });
}

/** They go with the shell's environment to whatever loads the profile. */
function putSettings(settings: readonly string[]): void {
  if (settings.length === 0) return;
  process.env[setVariable] = [process.env[setVariable] ?? "", ...settings].join(" ").trim();
}

function runNone({ args, values }: Call, output: Output): number {
  const [word, second] = args;
  const family = word === undefined ? [] : familyOf(word, commands);
  if (word !== undefined && (family.length === 0 || second !== undefined)) throw unknownCommand(word, second, family);
  checkOptions(undefined, values);
  showHelp(word === undefined ? mainHelp(commands) : familyHelp(word, family), output);
  return values["help"] === true ? exitCodes.done : exitCodes.usage;
}

function unknownCommand(word: string, second: string | undefined, family: readonly CommandSpec[]): KtError {
  if (family.length === 0) {
    const near = nearest(word, firstWords(commands));
    return new KtError("usage", `there is no command "${word}"`, { hints: [near === undefined ? "kt --help" : command`kt ${near}`] });
  }
  const names = family.map(({ name }) => name.slice(word.length + 1));
  const near = nearest(second ?? "", names);
  const hints = near === undefined ? names.map((name) => command`kt ${[word, name]}`) : [command`kt ${[word, near]}`];
  return new KtError("usage", `kt ${word} has no command "${second}"`, { hints });
}

function showHelp(lines: readonly Line[], output: Output): number {
  output.lines(lines);
  return exitCodes.done;
}

/** Also as other tools write it: `--quiet=true`. */
const isSwitch = (value: unknown): boolean => typeof value === "boolean" || value === "true" || value === "false";

/** cac gives each option under its short and its long name. */
function checkOptions(spec: CommandSpec | undefined, values: Call["values"]): void {
  const known = optionsOf(spec, globalOptions);
  for (const [name, value] of Object.entries(values)) {
    const option = known.find(({ names }) => names.includes(name));
    if (!option) throw unknownOption(name, spec, known);
    const { long } = option;
    if (option.value !== undefined && (typeof value === "boolean" || value === ""))
      throw new KtError("usage", `${long} needs a value`, { hints: [helpCommand(spec)] });
    if (option.value === undefined && !isSwitch(value))
      throw new KtError("usage", `${long} takes no value`, { hints: [helpCommand(spec)] });
  }
  const format = values["logFormat"];
  if (format !== undefined && format !== "text" && format !== "json") {
    throw new KtError("usage", `"${String(format)}" is not a valid log format`, { hints: ["--log-format text", "--log-format json"] });
  }
}

function unknownOption(name: string, spec: CommandSpec | undefined, known: readonly Flags[]): KtError {
  const written = name.length === 1 ? `-${name}` : `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const near = nearest(
    written,
    known.map(({ long }) => long),
  );
  const where = spec === undefined ? "kt" : `kt ${spec.name}`;
  return new KtError("usage", `${where} has no option "${written}"`, {
    hints: [near === undefined ? helpCommand(spec) : `${where} ${near}`],
  });
}

function helpCommand(spec: CommandSpec | undefined): string {
  return spec === undefined ? "kt --help" : command`kt ${spec.name.split(" ")} --help`;
}

/** Of a command line that was pasted from a chat or a page. What a command passes on is not ours to judge. */
function checkTypography(spec: CommandSpec | undefined, args: readonly string[]): void {
  const word = spec?.passesOn === true ? undefined : args.find((each) => /^[\u2010-\u2015\u2212]|[\u2018-\u201f]/.test(each));
  if (word === undefined) return;
  const hint = typographicHint(word);
  throw new KtError("usage", `"${word}" is not what you typed`, {
    hints: [...(hint === undefined ? [] : [hint]), `for example ${plainTypography(word)}`],
  });
}

function checkArguments(spec: CommandSpec, args: readonly string[]): void {
  const places = spec.args.split(" ").filter((place) => place !== "");
  const least = places.filter((place) => place.startsWith("<")).length;
  if (args.length < least) throw new KtError("usage", `kt ${spec.name} needs ${spec.args}`, { hints: spec.example.slice(0, 1) });
  const most = spec.args.includes("...") ? Number.POSITIVE_INFINITY : places.length;
  const extra = args[most];
  if (extra !== undefined)
    throw new KtError("usage", `kt ${spec.name} does not know what to do with "${extra}"`, { hints: [helpCommand(spec)] });
}
