/** Runs the full-screen view in this terminal, and gives the terminal back whatever ends it. */

import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import type { Snapshot } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import { surroundings } from "#control/socket-path.ts";
import { findHub, findOrStartHub } from "#daemon/process/find-hub.ts";
import { openInBrowser } from "#native/browser.ts";
import type { Loss } from "#tui/hub-link.ts";
import type { Left, Tui } from "#tui/tui.ts";
import { type Attached, attach, restore, showAttachError } from "./attach.ts";
import { noBrowser } from "./no-browser.ts";
import type { CommandContext } from "#cli/command.ts";
import { withConsent } from "#cli/profile/consent.ts";
import { exitCodes } from "#cli/exit.ts";
import { shellEnvironment } from "#cli/profile/profile-file.ts";

/** Before anything is attached. Throws KtError where there is no terminal that can be drawn on. */
export function checkTerminal({ output }: Pick<CommandContext, "output">, hint: string): void {
  if (output.live && process.stdin.isTTY) return;
  const why =
    process.env["TERM"] === "dumb" ? 'a terminal that can be drawn on, and TERM is "dumb"' : "a terminal for its input and output";
  throw new KtError("usage", `the full-screen view needs ${why}`, { hints: [hint] });
}

/** Of the profile that the view keeps attached; without it what is attached already is shown. */
export interface Shown {
  readonly client: HubClient;
  /** As it is now, where that is known already: it is shown before anything else is asked for. */
  readonly snapshot?: Snapshot;
  readonly leased: { readonly file: string; readonly attached: Attached } | undefined;
}

/** Attached as long as the view is there, or for longer where the user says so at its end. */
export async function attachAndShow(context: CommandContext, file: string): Promise<number> {
  try {
    const attached = await withConsent(file, context.output, () => attach(context, file, false));
    return await showFullScreen(context, { client: attached.client, leased: { file, attached } });
  } catch (error) {
    return await showAttachError(error, file, context.output);
  }
}

/** Resolves to the exit code. */
export async function showFullScreen(context: CommandContext, { client, snapshot, leased }: Shown): Promise<number> {
  const { output } = context;
  const terminal = output.takeScreen();
  if (terminal === undefined) throw new KtError("internal", "internal error: the terminal cannot be drawn on");
  const { Tui } = await import("#tui/tui.ts");
  const tui = new Tui({
    terminal,
    clock: systemClock,
    client,
    ...(snapshot && { snapshot }),
    lease: leased?.attached.profile,
    connect: (loss) => reconnect(context, leased?.file, loss),
    connectToo: () => findHub(surroundings()),
    openPage,
  });
  const ending = new Ending(tui);
  try {
    await leave(context, leased?.file, await tui.run());
  } finally {
    ending.over();
    output.returnScreen();
  }
  return ending.code;
}

/** What ends the process from outside, or from within where something went wrong. */
class Ending {
  readonly #tui: Tui;
  readonly #signals = Object.entries({ SIGHUP: 129, SIGINT: exitCodes.interrupted, SIGTERM: 143 });
  readonly #handlers: (readonly [event: string, handler: (value: unknown) => void])[];
  code: number = exitCodes.done;

  constructor(tui: Tui) {
    this.#tui = tui;
    const fail = (error: unknown): void => tui.fail(error);
    this.#handlers = [
      ...this.#signals.map(([signal, code]) => [signal, () => this.#end(code)] as const),
      ["SIGTSTP", () => tui.suspend()],
      ["SIGCONT", () => tui.redraw()],
      ["uncaughtException", fail],
      ["unhandledRejection", fail],
      ["exit", () => tui.abandon()],
    ];
    for (const [event, handler] of this.#handlers) process.on(event, handler);
    // A terminal that has gone without a signal.
    process.stdin.once("end", () => this.#end(129));
  }

  over(): void {
    for (const [event, handler] of this.#handlers) process.off(event, handler);
  }

  #end(code: number): void {
    this.code = code;
    this.#tui.leave();
  }
}

/** A hub that was stopped on purpose is not started again; the profile of this view is attached again to one that died. */
async function reconnect(context: CommandContext, file: string | undefined, loss: Loss): Promise<HubClient> {
  if (loss === "stopped") return await findHub(surroundings());
  if (file !== undefined) return (await attach(context, file, false)).client;
  const { client, left } = await findOrStartHub(surroundings(), context.build);
  await restore(client, left, context.output);
  return client;
}

async function openPage(url: string): Promise<void> {
  if ((await openInBrowser(url, shellEnvironment())) === undefined) throw noBrowser();
}

/** The profile of the view stays where the user wants it to, and is detached by the end of the connection else. */
async function leave(context: CommandContext, file: string | undefined, { keepAttached, client }: Left): Promise<void> {
  if (file !== undefined && keepAttached) {
    const { client: pinned } = await attach(context, file, true);
    pinned.close();
    context.output.note("attached until kt down");
  }
  client?.close();
}
