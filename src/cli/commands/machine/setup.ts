/** `kt setup`: the few changes of the machine that need root, shown before they are made, and undone to the byte. */

import { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { nearest } from "#base/nearest.ts";
import { command } from "#base/shell.ts";
import { askedDns } from "#cli/asked/asked-dns.ts";
import { askedUser } from "#cli/asked/asked-user.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import type { Output } from "#cli/screen/output.ts";
import { agree, canAsk, Declined } from "#cli/screen/prompts.ts";
import { surroundings } from "#control/socket-path.ts";
import { ownCommand } from "#daemon/process/own-process.ts";
import { carryOut } from "#host/steps/carry-out.ts";
import type { SetupPart, SetupRequest } from "#host/setup/setup-part.ts";
import { isPartName, type PartName, partNames, setupPart } from "#host/setup/setup-parts.ts";
import { type Direction, describeSteps, isDone, type SetupStep } from "#host/steps/setup-step.ts";
import { runAsRoot } from "#native/elevate.ts";

/** A part that changes something now. */
interface Change {
  readonly name: PartName;
  readonly steps: readonly SetupStep[];
  readonly done: string;
}

export async function setup({ args, options, output }: CommandContext): Promise<number> {
  const direction: Direction = options.flag("undo") ? "undo" : "do";
  const uid = askedUser(options.text("user"), "kt setup --user 1000");
  const dns = await askedDns({ domains: options.texts("domain"), listen: options.text("listen") });
  const changes = changesOf(args, { platform: surroundings().platform, direction, uid, program: builtProgram(), dns }, output);
  for (const { name, steps } of changes) {
    output.note(`${name}: as root, this will`);
    for (const each of describeSteps(steps, direction)) output.note(`  ${each}`);
  }
  if (changes.length === 0 || options.flag("dryRun")) return exitCodes.done;
  await confirm(options.flag("yes"), args);
  const code = process.geteuid?.() === 0 ? await here(changes, direction) : await asRoot(changes, uid, direction, dns);
  if (code !== exitCodes.done) return code;
  for (const { name, done } of changes) output.note(`${name}: ${direction === "do" ? done : "nothing of it is left on this machine"}`);
  return code;
}

/** Of the parts that were asked for; without words, of all that this machine can have. */
function changesOf(words: readonly string[], request: SetupRequest, output: Output): Change[] {
  const names = words.length === 0 ? partNames.filter(isPartName) : [...new Set(words)].map(known);
  return names.flatMap((name) => {
    const part = setupPart(name, request);
    if (part.kind === "impossible" && words.length > 0)
      throw new KtError("service-unavailable", `"${name}" cannot be set up here: ${part.why}`, { hints: part.hints });
    if (part.kind === "steps" && !isDone(part.steps, request.direction)) return { name, ...part };
    output.note(`${name}: ${stateOf(part, request.direction)}`);
    return [];
  });
}

function stateOf(part: SetupPart, direction: Direction): string {
  if (part.kind === "steps") return direction === "do" ? "set up already" : "not set up";
  return part.kind === "needless" ? `nothing to do: ${part.why}` : `left out: ${part.why}`;
}

function known(word: string): PartName {
  if (isPartName(word)) return word;
  const near = nearest(word, partNames);
  throw new KtError("usage", `kt setup does not know "${word}"`, {
    hints: (near === undefined ? partNames : [near]).map((name) => command`kt setup ${name}`),
  });
}

function builtProgram(): string | undefined {
  const [path, ...more] = ownCommand();
  return more.length === 0 ? path : undefined;
}

async function confirm(yes: boolean, words: readonly string[]): Promise<void> {
  if (yes) return;
  if (!canAsk()) throw new KtError("usage", "kt setup asks before it changes anything", { hints: [command`kt setup ${words} --yes`] });
  if (!(await agree("Do this?"))) throw new Declined();
}

async function here(changes: readonly Change[], direction: Direction): Promise<number> {
  for (const { steps } of changes) await carryOut(steps, direction);
  return exitCodes.done;
}

async function asRoot(changes: readonly Change[], uid: number, direction: Direction, dns: SetupRequest["dns"]): Promise<number> {
  const undo = direction === "undo" ? ["--undo"] : [];
  const names = changes.map(({ name }) => name);
  const where = names.includes("dns")
    ? ["--listen", formatHostPort(dns.listen), ...dns.domains.flatMap((domain) => ["--domain", domain])]
    : [];
  return await runAsRoot([...ownCommand(), "setup", ...names, "--yes", "--quiet", "--user", String(uid), ...where, ...undo]);
}
