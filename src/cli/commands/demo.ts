/** `kt demo`: the whole product against an embedded Kubernetes API, in one process. It leaves the user's files alone, but for one link. */

import { KtError } from "#base/errors.ts";
import type { LogFields, LogLevel } from "#base/log.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { hintLine } from "#cli/screen/hint.ts";
import { cyan, dim, green, type Line, line, red, tableLines, widthOf } from "#base/text.ts";
import type { Output } from "#cli/screen/output.ts";
import { surroundings } from "#control/socket-path.ts";
import { registerDemo } from "#daemon/demo-register.ts";
import { Hub } from "#daemon/hub.ts";
import { realProviders } from "#daemon/providers.ts";
import { runUntilEnd } from "#daemon/run-hub.ts";
import { type Demo, type Invitation, startDemo } from "#demo/demo.ts";

export async function demo({ options, output, build }: CommandContext): Promise<number> {
  const running = await startDemo();
  const once = options.flag("once");
  const show = new Show(output, !once);
  try {
    const log = show.log.bind(show);
    const hub = await Hub.start({
      ...build,
      directory: running.directory,
      lingers: false,
      providers: realProviders(),
      log,
      logsRequests: true,
    });
    if (!hub) throw new KtError("hub-failed", `something else uses "${running.directory}"`);
    // The demo's own kubeconfig needs nothing of the user's environment, and nothing of it should reach the demo.
    await hub.pin({ file: running.profile, environment: {} });
    return once ? await tryOnce(running, hub, output) : await stay(running, hub, output, show);
  } finally {
    await running.close();
  }
}

/** What happens in the demo, for the terminal that it runs in. */
class Show {
  readonly #output: Output;
  /** Events and requests are what the demo is for; all else is for `-v`. */
  readonly #showsEvents: boolean;
  #begun = false;

  constructor(output: Output, showsEvents: boolean) {
    this.#output = output;
    this.#showsEvents = showsEvents;
  }

  /** From now on: how the demo itself started is not shown. */
  begin(): void {
    this.#begun = true;
  }

  /** Nor is how it goes down. */
  end(): void {
    this.#begun = false;
  }

  log(level: LogLevel, event: string, fields?: LogFields): void {
    const isEvent = level !== "debug" || event === "request";
    if (this.#output.verbose) this.#output.log(level, event, fields);
    else if (this.#showsEvents && this.#begun && isEvent && !this.#output.quiet) this.#output.event(level, event, fields);
  }
}

async function tryOnce(running: Demo, hub: Hub, output: Output): Promise<number> {
  const tried = running.tryAll(({ what, where, answer, ok }) => {
    const verdict = ok ? green("ok") : red("FAILED");
    output.line([verdict, `  ${what.padEnd(13)} ${where}`], 4);
    output.line(["    ", dim(answer)], 4);
  });
  const interrupted = new Promise<"interrupted">((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve("interrupted"));
  });
  const outcome = await Promise.race([tried, interrupted]);
  await hub.stop(0);
  if (outcome === "interrupted") return exitCodes.interrupted;
  return outcome ? exitCodes.done : exitCodes.failed;
}

async function stay(running: Demo, hub: Hub, output: Output, show: Show): Promise<number> {
  const unregister = await registerDemo(surroundings(), running.directory).catch(() => async () => {});
  // It hears of signals before anything is said that makes people send one.
  const ended = runUntilEnd(hub, { ignoreHangup: false, log: show.log.bind(show) });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => show.end());
  try {
    introduce(running, output);
    show.begin();
    await ended;
  } finally {
    await unregister();
  }
  return exitCodes.done;
}

function introduce({ invitations, profile }: Demo, output: Output): void {
  output.line("An embedded Kubernetes API with sample services; kt serves it as it would serve yours. Try:");
  output.line();
  output.lines(invitationLines(invitations, output.columns));
  output.line();
  output.line(`The profile, read again when you save it: ${profile}`);
  output.line(dim("What happens is shown below; Ctrl-C ends it and leaves nothing behind"));
}

/** Beside what they are, where there is room for all of them: a command must stay whole to be pasted. */
function invitationLines(invitations: readonly Invitation[], columns: number): Line[] {
  const table = tableLines(invitations.map(({ what, how }) => [`  ${what}`, cyan(how)]));
  if (table.every(({ text }) => widthOf(text) <= columns)) return table;
  return invitations.flatMap(({ what, how }) => [line(`  ${what}`, 2), hintLine(how, 4, cyan)]);
}
