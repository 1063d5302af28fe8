/** `kt run`: a command with its tunnels up and its variables set, which ends as the command does. */

import { type Subprocess, spawn } from "bun";
import type { ErrorCode } from "#base/errors.ts";
import { type Attached, attach, attachAgain, showAttachError } from "#cli/attach.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodeFor, exitCodes } from "#cli/exit.ts";
import { loadHere } from "#cli/local-plan.ts";
import type { Output } from "#cli/output.ts";
import { PassedSignals } from "#cli/passed-signals.ts";
import { routesOf, type Variables, variablesOf } from "#cli/plan-env.ts";
import { profileFile, shellEnvironment } from "#cli/profile-file.ts";
import type { ReplyOf } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import { hasTerminal } from "#native/terminal.ts";

export async function run(context: CommandContext): Promise<number> {
  const { args, options, output } = context;
  const file = await profileFile(options);
  const signals = new PassedSignals();
  try {
    const prepared = await Promise.race([prepare(context, file), signals.ended]);
    if (typeof prepared === "number") return prepared;
    const { attached, routes, variables } = prepared;
    const problems = routes.flatMap(({ name, problem }) => (problem ? [{ name, ...problem }] : []));
    if (problems.length > 0) return showProblems(problems, output);
    const lease = new KeptLease(context, file, attached.client);
    const code = await runCommand(args, variables, signals, output);
    lease.close();
    return code;
  } catch (error) {
    return await showAttachError(error, file, output);
  }
}

interface Prepared {
  readonly attached: Attached;
  readonly routes: ReplyOf<"ready">["routes"];
  readonly variables: Variables;
}

/** The hub reads the profile for its own part, at the same time. */
async function prepare({ build }: CommandContext, file: string): Promise<Prepared> {
  const [{ plan }, attached] = await Promise.all([loadHere(file), attach(build, file, false)]);
  const { routes } = await attached.client.ask({ type: "ready", profile: attached.profile, routes: routesOf(plan) }, "ready");
  return { attached, routes, variables: variablesOf(plan) };
}

interface RouteProblem {
  readonly name: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hints: readonly string[];
}

/** What is wrong on this machine, as against in the cluster or on the way to it. */
const localCodes: ReadonlySet<ErrorCode> = new Set(["port-taken", "listen-failed", "route-conflict", "shutting-down", "internal"]);

function showProblems(problems: readonly RouteProblem[], output: Output): number {
  for (const { name, message, hints } of problems) output.error({ message: `"${name}" is not ready: ${message}`, hints });
  const local = problems.find(({ code }) => localCodes.has(code));
  return local ? exitCodeFor(local.code) : exitCodes.cluster;
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
      output.warning("the hub died; starting a new one");
      this.#client = await attachAgain(this.#context, this.#file);
      if (this.#isClosed) this.#client.close();
    }
  }
}

/** As shells say it: no such program, and one that cannot be run. */
const notFoundCode = 127;
const notRunCode = 126;

async function runCommand(args: readonly string[], variables: Variables, signals: PassedSignals, output: Output): Promise<number> {
  const isOnTerminal = await hasTerminal();
  let child: Subprocess;
  try {
    child = spawn([...args], { env: { ...shellEnvironment(), ...variables }, stdio: ["inherit", "inherit", "inherit"] });
  } catch (error) {
    return showNotRun(args[0] ?? "", error, output);
  }
  signals.passTo((signal) => child.kill(signal), isOnTerminal);
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
    EACCES: "it is no file that may be executed",
    ENOEXEC: "it is no program for this machine, nor a script that begins with #!",
  };
  const reason = why[String(code)] ?? (error instanceof Error ? error.message : String(error));
  output.error({ message: `"${name}" cannot be run: ${reason}`, hints: [] });
  return notRunCode;
}
