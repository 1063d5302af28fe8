/** `kt up`: attaches the profile, starting the hub where none runs, and shows what is live until Ctrl-C. */

import { KtError } from "#base/errors.ts";
import { askedProfile } from "#cli/asked/asked-profile.ts";
import { attach, attachAgain, showAttachError, warnHubDied } from "#cli/hub/attach.ts";
import type { CommandContext } from "#cli/command.ts";
import { withConsent } from "#cli/profile/consent.ts";
import { exitCodes } from "#cli/exit.ts";
import { LiveView } from "#cli/screen/live-view.ts";
import type { Output } from "#cli/screen/output.ts";
import type { LogEntry, ReplyOf } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";

export async function up(context: CommandContext): Promise<number> {
  const pin = context.options.flag("detach");
  const isInteractive = context.options.flag("interactive");
  if (isInteractive) return await upFullScreen(context, pin);
  const { file, isAdHoc } = await askedProfile(context);
  const interrupted = onceInterrupted();
  try {
    const attached = await withConsent(file, context.output, () =>
      context.output.waitFor(`attaching ${file}`, () => Promise.race([attach(context, file, pin), interrupted])),
    );
    if (attached === "interrupted") return exitCodes.interrupted;
    const { client, profile } = attached;
    if (!isAdHoc) await adviseEmpty(client, profile, context.output);
    return pin ? await showOnce(context, client, profile) : await new Attachment(context, file, profile).stay(client, interrupted);
  } catch (error) {
    return await showAttachError(error, file, context.output);
  }
}

async function upFullScreen(context: CommandContext, pin: boolean): Promise<number> {
  if (pin) throw new KtError("usage", "-i shows the profile as long as it is attached, and -d returns", { hints: ["kt up -d", "kt tui"] });
  const { attachAndShow, checkTerminal } = await import("#cli/hub/full-screen-view.ts");
  checkTerminal(context, "kt up");
  return await attachAndShow(context, (await askedProfile(context)).file);
}

/** Nothing would ever be seen of a profile without routes. */
async function adviseEmpty(client: HubClient, file: string, output: Output): Promise<void> {
  const snapshot = await client.snapshot();
  const attached = snapshot.profiles.find(({ profile }) => profile === file);
  if (attached === undefined || attached.routes.length > 0 || attached.namespaces !== undefined) return;
  output.note(`profile "${attached.name}" has no routes yet`);
  output.advice(["kt add", "every service has a name already: http://NAME-PORT.svc.NAMESPACE.ns.CONTEXT.cx.k8s.localhost:8989"]);
}

async function showOnce({ output }: CommandContext, client: HubClient, profile: string): Promise<number> {
  const snapshot = await client.snapshot();
  client.close();
  new LiveView(output, profile).show(snapshot);
  output.note("attached until kt down");
  return exitCodes.done;
}

/** The time from here to Ctrl-C, over as many hubs as it takes. */
class Attachment {
  readonly #context: CommandContext;
  readonly #file: string;
  readonly #view: LiveView;
  readonly #sinceMs = Date.now();

  constructor(context: CommandContext, file: string, profile: string) {
    this.#context = context;
    this.#file = file;
    this.#view = new LiveView(context.output, profile, ["Ctrl-C detaches"]);
  }

  async stay(first: HubClient, interrupted: Promise<"interrupted">): Promise<number> {
    try {
      return await this.#stay(first, interrupted);
    } finally {
      this.#context.output.settle();
    }
  }

  async #stay(first: HubClient, interrupted: Promise<"interrupted">): Promise<number> {
    for (let client = first; ; ) {
      this.#watch(client);
      const ending = await Promise.race([client.closed, client.gone, interrupted]);
      if (ending === "interrupted") {
        client.close();
        return exitCodes.interrupted;
      }
      if (ending !== undefined) return this.#gone(client, ending);
      warnHubDied(this.#context.output);
      const next = await Promise.race([attachAgain(this.#context, this.#file), interrupted]);
      if (next === "interrupted") return exitCodes.interrupted;
      client = next;
    }
  }

  /** What ends the stream also ends the connection, which `stay` hears of. */
  #watch(client: HubClient): void {
    const { output } = this.#context;
    void client.watch((snapshot) => this.#view.show(snapshot)).catch(() => {});
    if (!output.verbose) return;
    const show = ({ level, atMs, route, text, event }: LogEntry): void => output.log(level, event.type, { route, text }, atMs);
    // What was before stands in `kt logs`.
    const request = { type: "logs", follow: true, sinceMs: this.#sinceMs, requests: true } as const;
    void client.stream(request, (reply) => reply.type === "entry" && show(reply.entry)).catch(() => {});
  }

  #gone(client: HubClient, { profile }: ReplyOf<"gone">): number {
    client.close();
    this.#context.output.settle();
    if (profile === undefined) throw new KtError("shutting-down", "the hub was stopped", { hints: ["kt up"] });
    this.#context.output.note("detached by kt down");
    return exitCodes.done;
  }
}

function onceInterrupted(): Promise<"interrupted"> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve("interrupted"));
    process.once("SIGTERM", () => resolve("interrupted"));
  });
}
