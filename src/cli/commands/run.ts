/** `kt run`: a command with its tunnels up and its variables set, which ends as the command does. */

import { type Subprocess, spawn } from "bun";
import { cliLimits } from "#cli/limits.ts";
import { messageOf } from "#base/errors.ts";
import { type Attached, attach, attachAgain, showAttachError, warnHubDied } from "#cli/attach.ts";
import type { CommandContext } from "#cli/command.ts";
import { withConsent } from "#cli/consent.ts";
import { loadAllowedHere } from "#cli/local-plan.ts";
import type { Output } from "#cli/screen/output.ts";
import { PassedSignals } from "#cli/passed-signals.ts";
import { routesOf, type Variables, variablesOf } from "#cli/plan-env.ts";
import { profileFile, shellEnvironment } from "#cli/profile-file.ts";
import { showUnready, waitingText } from "#cli/unready.ts";
import { warnUnresolved } from "#cli/unresolved.ts";
import type { ReplyOf } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import { hasTerminal } from "#native/terminal.ts";
import type { Plan } from "#profile/values/plan.ts";

export async function run(context: CommandContext): Promise<number> {
  const { args, options, output } = context;
  const file = await profileFile(options);
  const signals = new PassedSignals(await hasTerminal());
  try {
    const prepared = await withConsent(file, output, () => Promise.race([prepare(context, file), signals.ended]));
    if (typeof prepared === "number") return prepared;
    const { attached, plan, routes } = prepared;
    const failed = showUnready(routes, output);
    if (failed !== undefined) return failed;
    await warnUnresolved(plan, output);
    const lease = new KeptLease(context, file, attached.client);
    const code = await runCommand(args, variablesOf(plan), signals, output);
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
}

/** The hub reads the profile for its own part, at the same time. */
async function prepare(context: CommandContext, file: string): Promise<Prepared> {
  const [{ plan }, attached] = await Promise.all([loadAllowedHere(file), attach(context, file, false)]);
  const { output } = context;
  const { client, profile } = attached;
  const names = routesOf(plan);
  // That the hub died is reported by what waits for the routes.
  const late = setTimeout(() => void tellWaiting(attached, names, output).catch(() => {}), cliLimits.waitNoticeMs);
  const { routes } = await client.ask({ type: "ready", profile, routes: names }, "ready").finally(() => clearTimeout(late));
  return { attached, plan, routes };
}

async function tellWaiting({ client, profile }: Attached, names: readonly string[], output: Output): Promise<void> {
  const snapshot = await client.snapshot();
  const text = waitingText(snapshot, profile, names);
  if (text !== undefined) output.progress(text);
}

/** Keeps the profile attached while the command runs, over as many hubs as it takes. */
class KeptLease {
  readonly #context: CommandContext;
  readonly #file: string;
  #client: HubClient;
  #isClosed = false;

  constructor(context: CommandContext, file: string, client: HubClient) {
    this.#context = context;
    this.#file = file;
    this.#client = client;
    void this.#keep();
  }

  close(): void {
    this.#isClosed = true;
    this.#client.close();
  }

  async #keep(): Promise<void> {
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
    }
  }
}

/** As shells say it: no such program, and one that cannot be run. */
const notFoundCode = 127;
const notRunCode = 126;

async function runCommand(args: readonly string[], variables: Variables, signals: PassedSignals, output: Output): Promise<number> {
  // Before the command writes something.
  await output.flush();
  let child: Subprocess;
  try {
    child = spawn([...args], { env: { ...shellEnvironment(), ...variables }, stdio: ["inherit", "inherit", "inherit"] });
  } catch (error) {
    return showNotRun(args[0] ?? "", error, output);
  }
  signals.passTo((signal) => child.kill(signal));
  // 128 and its number where a signal ended it.
  return await child.exited;
}

function showNotRun(name: string, error: unknown, output: Output): number {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") {
    output.error({ message: name.includes("/") ? `there is no program "${name}"` : `there is no program "${name}" in PATH`, hints: [] });
    return notFoundCode;
  }
  const why: Readonly<Record<string, string>> = {
    EACCES: "it is not an executable file",
    ENOEXEC: "it is neither a program for this machine nor a script that begins with #!",
  };
  const reason = why[String(code)] ?? messageOf(error);
  output.error({ message: `"${name}" cannot be run: ${reason}`, hints: [] });
  return notRunCode;
}
