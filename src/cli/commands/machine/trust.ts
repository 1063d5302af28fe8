/** `kt trust`: lets the programs of this machine trust the certificates that kt makes for names with tls = "terminate", and takes it back. */

import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { askedUser } from "#cli/asked/asked-user.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import type { Output } from "#cli/screen/output.ts";
import { agree, canAsk, Declined } from "#cli/screen/prompts.ts";
import { askedDomains } from "#cli/asked/asked-domains.ts";
import { showTrust } from "#cli/trust/trust-status.ts";
import { surroundings } from "#control/socket-path.ts";
import { ownAuthority } from "#daemon/own-authority.ts";
import { ownCommand } from "#daemon/process/own-process.ts";
import { carryOut } from "#host/steps/carry-out.ts";
import { type Direction, describeSteps, isDone, type SetupStep } from "#host/steps/setup-step.ts";
import { PlannedAuthority } from "#host/trust/planned-authority.ts";
import type { TrustPart, TrustRequest } from "#host/stores/trust-part.ts";
import { isStoreName, type StoreName, storeNames, trustPart } from "#host/stores/trust-parts.ts";
import { runAsRoot } from "#native/elevate.ts";

/** A store that changes now. */
interface Change {
  readonly name: StoreName;
  readonly steps: readonly SetupStep[];
  readonly asRoot: boolean;
}

export async function trust(context: CommandContext): Promise<number> {
  const [action = "status"] = context.args;
  if (action === "status") return showTrust(context);
  if (action === "install") return await change(context, "do");
  if (action === "uninstall") return await change(context, "undo");
  throw new KtError("usage", `kt trust does not know "${action}"`, {
    hints: ["kt trust status", "kt trust install", "kt trust uninstall"],
  });
}

async function change(context: CommandContext, direction: Direction): Promise<number> {
  const { options, output } = context;
  const at = surroundings();
  const given = options.text("ca");
  const authority = given === undefined ? await plannedAuthority(context, direction) : PlannedAuthority.of(given);
  const { platform, home, environment } = at;
  const uid = askedUser(options.text("user"), "kt trust install --user 1000");
  const request = { platform, direction, uid, home, environment, root: authority.root };
  const changes = changesOf(storesIn(context), request, output);
  for (const line of authority.changes) output.note(line);
  for (const { name, steps, asRoot } of changes) {
    output.note(`${name}: ${asRoot ? "as root, " : ""}this will`);
    for (const each of describeSteps(steps, direction).filter((line) => !line.startsWith("    "))) output.note(`  ${each}`);
  }
  if ((changes.length === 0 && authority.changes.length === 0) || options.flag("dryRun")) return exitCodes.done;
  await confirm(options.flag("yes"), direction);
  if (direction === "do") authority.carryOut();
  const code = await carryOutAll(changes, request);
  if (code !== exitCodes.done) return code;
  if (direction === "undo") authority.carryOut();
  for (const { name } of changes) output.note(`${name}: ${direction === "do" ? "trusts kt's CA" : "trusts kt's CA no more"}`);
  return code;
}

async function plannedAuthority({ options, output }: CommandContext, direction: Direction): Promise<PlannedAuthority> {
  const store = ownAuthority(surroundings());
  if (direction === "undo") return PlannedAuthority.removal(store, options.texts("store").length === 0);
  return PlannedAuthority.installation(store, await askedDomains(options.texts("domain"), output), systemClock.wallMs());
}

/** Those that were asked for; all without a word. */
function storesIn({ options }: CommandContext): readonly StoreName[] {
  const words = options.texts("store");
  return words.length === 0 ? storeNames.filter(isStoreName) : words.map(known);
}

function known(word: string): StoreName {
  if (isStoreName(word)) return word;
  throw new KtError("usage", `kt trust does not know the store "${word}"`, {
    hints: storeNames.map((name) => command`kt trust install --store ${name}`),
  });
}

/** Without a word on the command line a store that cannot be had is only mentioned. */
function changesOf(names: readonly StoreName[], request: TrustRequest, output: Output): Change[] {
  return names.flatMap((name) => {
    const part = trustPart(name, request);
    if (part.kind === "steps" && !isDone(part.steps, request.direction)) return [{ name, ...part }];
    output.note(`${name}: ${stateOf(part, request.direction)}`);
    if (part.kind === "impossible") output.hints(part.hints);
    return [];
  });
}

function stateOf(part: TrustPart, direction: Direction): string {
  if (part.kind === "steps") return direction === "do" ? "trusts it already" : "has nothing of kt's";
  return part.kind === "needless" ? `nothing to do: ${part.why}` : `left out: ${part.why}`;
}

async function confirm(yes: boolean, direction: Direction): Promise<void> {
  if (yes) return;
  const again = direction === "do" ? "kt trust install --yes" : "kt trust uninstall --yes";
  if (!canAsk()) throw new KtError("usage", "kt trust asks before it changes anything", { hints: [again] });
  if (!(await agree("Do this?"))) throw new Declined();
}

/** The user's own stores first: root may be refused. */
async function carryOutAll(changes: readonly Change[], request: TrustRequest): Promise<number> {
  const isRoot = process.geteuid?.() === 0;
  for (const { steps, asRoot } of changes) if (isRoot || !asRoot) await carryOut(steps, request.direction);
  const left = isRoot ? [] : changes.filter(({ asRoot }) => asRoot);
  if (left.length === 0) return exitCodes.done;
  const action = request.direction === "do" ? "install" : "uninstall";
  const stores = left.flatMap(({ name }) => ["--store", name]);
  const whose = ["--ca", request.root.file, "--user", String(request.uid)];
  return await runAsRoot([...ownCommand(), "trust", action, ...stores, ...whose, "--yes", "--quiet"]);
}
