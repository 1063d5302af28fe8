/** `kt run`: a command with its tunnels up, its names and its variables set, which ends as the command does. */

import { spawn } from "bun";
import { cliLimits } from "#cli/limits.ts";
import { KtError, messageOf } from "#base/errors.ts";
import { systemCode } from "#base/system-error.ts";
import { askedProfile } from "#cli/asked/asked-profile.ts";
import { type Attached, attach, attachAgain, showAttachError, warnHubDied } from "#cli/hub/attach.ts";
import type { CommandContext } from "#cli/command.ts";
import { CommandNames } from "#cli/run/command-names.ts";
import { withConsent } from "#cli/profile/consent.ts";
import { loadAllowedHere } from "#cli/profile/local-plan.ts";
import { warnMissingNames } from "#cli/run/missing-names.ts";
import { warnOtherPorts } from "#cli/run/other-ports.ts";
import type { Output } from "#cli/screen/output.ts";
import { PassedSignals } from "#cli/run/passed-signals.ts";
import { type ForwardedAddresses, forwardedIn, routesOf, variablesOf } from "#daemon/status/plan-env.ts";
import { shellEnvironment } from "#cli/profile/profile-file.ts";
import { trustedIn } from "#cli/trust/trusted-in.ts";
import { proxiedEnvironment } from "#cli/run/proxied-environment.ts";
import { listed, showUnready, waitingText, warnEmptyNamespaces } from "#cli/run/unready.ts";
import { warnUnresolved } from "#cli/run/unresolved.ts";
import type { ReplyOf } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import type { RunningProgram } from "#native/own-files.ts";
import { firstFreePort } from "#native/low-ports.ts";
import { hasTerminal } from "#native/terminal.ts";
import { formatListen } from "#profile/values/listen.ts";
import type { Plan } from "#profile/values/plan.ts";

export async function run(context: CommandContext): Promise<number> {
  return await runWithNames(context, context.args, true);
}

/** With `waits` it starts once the routes that it needs are ready, and not at all where one is not. */
export async function runWithNames(context: CommandContext, args: readonly string[], waits: boolean): Promise<number> {
  const { options, output } = context;
  const { file, isAdHoc } = await askedProfile(context);
  const signals = new PassedSignals(await hasTerminal());
  try {
    const prepared = await withConsent(file, output, () =>
      output.waitFor(`attaching ${file}`, (say) => Promise.race([prepare(context, file, waits && !isAdHoc, say), signals.ended])),
    );
    if (typeof prepared === "number") return prepared;
    const { attached, plan, routes, forwarded } = prepared;
    const failed = showUnready(routes, output);
    if (failed !== undefined) return failed;
    const names = options.isOff("names") ? undefined : new CommandNames(plan.forwards.length > 0 && firstFreePort() > 0);
    const lease = new KeptLease(context, file, attached, names);
    const shell = shellEnvironment();
    const environment = {
      ...shell,
      ...(await trustedIn(plan, shell)),
      ...(await proxiedEnvironment(plan, shell)),
      ...variablesOf(plan, forwarded),
    };
    const code = await runCommand({ args, environment, plan, names }, signals, output);
    lease.close();
    return code;
  } catch (error) {
    return await showAttachError(error, file, output);
  }
}

interface Prepared {
  readonly attached: Attached;
  readonly plan: Plan;
  readonly routes: ReplyOf<"ready">["routes"];
  readonly forwarded: ForwardedAddresses;
}

/** The hub reads the profile for its own part, at the same time. */
async function prepare(context: CommandContext, file: string, waits: boolean, say: Say): Promise<Prepared> {
  const [{ plan }, attached] = await Promise.all([loadAllowedHere(file), attach(context, file, false)]);
  const { output } = context;
  const names = waits ? routesOf(plan) : [];
  if (plan.proxy.env) await checkProxy(plan, attached);
  const [routes, forwarded] = await Promise.all([waitFor(attached, names, output, say), forwardedBy(plan, attached, output)]);
  return { attached, plan, routes, forwarded };
}

/** Without it the command would reach nothing at all. Throws KtError of why it does not listen. */
async function checkProxy({ listeners }: Plan, { client, profile }: Attached): Promise<void> {
  const wanted = listeners.flatMap(({ kind, listen }) => (kind === "proxy" ? listen.map(formatListen) : []));
  const { profiles } = await client.snapshot();
  const states = profiles.find((each) => each.profile === profile)?.listeners ?? [];
  const [first] = states.filter(({ address }) => address === wanted[0]);
  if (first?.open !== false) return;
  const { code, message, hints } = first.problem ?? { code: "listen-failed" as const, message: `${wanted[0]} is not open`, hints: [] };
  throw new KtError(code, message, { hints: [...hints] });
}

/** Nothing of the hub is asked for where nothing is. */
async function forwardedBy({ forwards }: Plan, { client, profile }: Attached, output: Output): Promise<ForwardedAddresses> {
  if (forwards.length === 0) return new Map();
  const snapshot = await client.snapshot();
  warnEmptyNamespaces(snapshot, profile, output);
  return forwardedIn(snapshot, profile);
}

/** Resolves when they are ready, or it is known why not. */
async function waitFor(attached: Attached, names: string[], output: Output, say: Say): Promise<Prepared["routes"]> {
  if (names.length === 0) return [];
  const { client, profile } = attached;
  say(`waiting for ${listed(names.map((name) => ({ name })))}`);
  // That the hub died is reported by what waits for the routes.
  const tell = (how: Say): void => void tellWaiting(attached, names, how).catch(() => {});
  // In a terminal the reason may change meanwhile, elsewhere it is written once.
  const timer = output.spins
    ? setInterval(() => tell(say), cliLimits.waitLookMs)
    : setTimeout(() => tell((text) => output.progress(text)), cliLimits.waitNoticeMs);
  const { routes } = await client.ask({ type: "ready", profile, routes: names }, "ready").finally(() => clearTimeout(timer));
  return routes;
}

/** Tells what is waited for. */
type Say = (text: string) => void;

async function tellWaiting({ client, profile }: Attached, names: readonly string[], say: Say): Promise<void> {
  const snapshot = await client.snapshot();
  const text = waitingText(snapshot, profile, names);
  if (text !== undefined) say(text);
}

/** Keeps the profile attached while the command runs, over as many hubs as it takes. */
class KeptLease {
  readonly #context: CommandContext;
  readonly #file: string;
  readonly #names: CommandNames | undefined;
  #client: HubClient;
  #isClosed = false;

  constructor(context: CommandContext, file: string, { client, profile }: Attached, names: CommandNames | undefined) {
    this.#context = context;
    this.#file = file;
    this.#names = names;
    this.#client = client;
    names?.follow(client, profile);
    void this.#keep(profile);
  }

  close(): void {
    this.#isClosed = true;
    this.#client.close();
    this.#names?.close();
  }

  async #keep(profile: string): Promise<void> {
    const { output } = this.#context;
    for (;;) {
      const ending = await Promise.race([this.#client.closed, this.#client.gone]);
      if (this.#isClosed) return;
      if (ending !== undefined) {
        output.warning(ending.profile === undefined ? "the hub was stopped" : "detached by kt down");
        return;
      }
      warnHubDied(output);
      this.#client = await attachAgain(this.#context, this.#file);
      if (this.#isClosed) this.#client.close();
      else this.#names?.follow(this.#client, profile);
    }
  }
}

/** As shells say it: no such program, and one that cannot be run. */
const notFoundCode = 127;
const notRunCode = 126;

interface ToRun {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly plan: Plan;
  /** Undefined: it is to have none of its own. */
  readonly names: CommandNames | undefined;
}

async function runCommand(wanted: ToRun, signals: PassedSignals, output: Output): Promise<number> {
  // Before the command writes something.
  await output.flush();
  const started = await wanted.names?.start({ command: wanted.args, environment: wanted.environment });
  const [name = ""] = wanted.args;
  if (started?.kind === "no-program") return showNotRun(name, started.code, started.code, output);
  if (started?.kind === "no-files") await warnMissingNames(wanted.names?.all ?? [], started.code, output);
  else if (started === undefined) await warnUnresolved(wanted.plan, output);
  const unmoved = started?.kind === "running" ? started.unmoved : started?.code;
  if (unmoved !== undefined) warnOtherPorts(wanted.names?.lowPorts ?? new Map(), unmoved, output);
  try {
    const program = started?.kind === "running" ? started.program : await startPlainly(wanted, output);
    signals.passTo((signal) => program.kill(signal));
    return await program.exited;
  } catch (error) {
    return showNotRun(name, systemCode(error) ?? "", messageOf(error), output);
  }
}

async function startPlainly({ args, environment }: ToRun, output: Output): Promise<RunningProgram> {
  await output.flush();
  return spawn([...args], { env: environment, stdio: ["inherit", "inherit", "inherit"] });
}

function showNotRun(name: string, code: string, otherwise: string, output: Output): number {
  if (code === "ENOENT") {
    output.error({ message: name.includes("/") ? `there is no program "${name}"` : `there is no program "${name}" in PATH`, hints: [] });
    return notFoundCode;
  }
  const why: Readonly<Record<string, string>> = {
    EACCES: "it is not an executable file",
    ENOEXEC: "it is neither a program for this machine nor a script that begins with #!",
  };
  output.error({ message: `"${name}" cannot be run: ${why[code] ?? otherwise}`, hints: [] });
  return notRunCode;
}
