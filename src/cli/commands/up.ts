/** `kt up`: attaches the profile, starting the hub where none runs, and shows what is live until Ctrl-C. */

import { KtError, toKtError } from "#base/errors.ts";
import { limits } from "#base/limits.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { LiveView } from "#cli/live-view.ts";
import { profileFile, shellEnvironment } from "#cli/profile-file.ts";
import type { LogEntry, ReplyOf } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import { surroundings } from "#control/socket-path.ts";
import { findOrStartHub } from "#daemon/find-hub.ts";

export async function up(context: CommandContext): Promise<number> {
  const file = await profileFile(context.options);
  const pin = context.options.flag("detach");
  const interrupted = onceInterrupted();
  try {
    const attached = await Promise.race([attach(context, file, pin), interrupted]);
    if (attached === "interrupted") return exitCodes.interrupted;
    const { client, profile } = attached;
    return pin ? await showOnce(context, client, profile) : await new Attachment(context, file, profile).stay(client, interrupted);
  } catch (error) {
    if (!isProfileError(error)) throw error;
    // The hub names the first problem; all of them are for `check` to tell.
    const { showProblems } = await import("./check.ts");
    return await showProblems(file, context.output, error);
  }
}

interface Attached {
  readonly client: HubClient;
  readonly profile: string;
}

/** A hub that was just ending is replaced by a new one; that happens once at most. */
async function attach({ build }: CommandContext, file: string, pin: boolean): Promise<Attached> {
  for (let isSecond = false; ; isSecond = true) {
    const client = await findOrStartHub(surroundings(), build);
    try {
      const { profile } = await client.ask({ type: "attach", file, environment: shellEnvironment(), pin }, "attached");
      return { client, profile };
    } catch (error) {
      client.close();
      if (isSecond || !(error instanceof KtError) || !endedCodes.has(error.code)) throw error;
    }
  }
}

const endedCodes: ReadonlySet<string> = new Set(["hub-unreachable", "shutting-down"]);

async function showOnce({ output }: CommandContext, client: HubClient, profile: string): Promise<number> {
  const { snapshot } = await client.ask({ type: "snapshot" }, "snapshot");
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

  constructor(context: CommandContext, file: string, profile: string) {
    this.#context = context;
    this.#file = file;
    this.#view = new LiveView(context.output, profile, ["Ctrl-C detaches"]);
  }

  async stay(first: HubClient, interrupted: Promise<"interrupted">): Promise<number> {
    for (let client = first; ; ) {
      this.#watch(client);
      const ending = await Promise.race([client.closed, client.gone, interrupted]);
      if (ending === "interrupted") {
        client.close();
        return exitCodes.interrupted;
      }
      if (ending !== undefined) return this.#gone(client, ending);
      this.#context.output.warning("the hub died; starting a new one");
      const next = await Promise.race([this.#attachAgain(), interrupted]);
      if (next === "interrupted") return exitCodes.interrupted;
      client = next;
    }
  }

  /** What ends the stream also ends the connection, which `stay` hears of. */
  #watch(client: HubClient): void {
    const { output } = this.#context;
    void client.stream({ type: "watch" }, (reply) => reply.type === "snapshot" && this.#view.show(reply.snapshot)).catch(() => {});
    if (!output.verbose) return;
    const show = ({ level, text, event }: LogEntry): void => output.log(level, event.type, { text });
    void client.stream({ type: "logs", follow: true }, (reply) => reply.type === "entry" && show(reply.entry)).catch(() => {});
  }

  #gone(client: HubClient, { profile }: ReplyOf<"gone">): number {
    client.close();
    if (profile === undefined) throw new KtError("shutting-down", "the hub was stopped", { hints: ["kt up"] });
    this.#context.output.note("detached by kt down");
    return exitCodes.done;
  }

  /** Tries until it works: whoever is attached wants to be. */
  async #attachAgain(): Promise<HubClient> {
    let said = "";
    for (let pauseMs: number = limits.backoffMinMs; ; pauseMs = Math.min(pauseMs * 2, limits.backoffMaxMs)) {
      await pause(pauseMs);
      try {
        return (await attach(this.#context, this.#file, false)).client;
      } catch (error) {
        const shown = toKtError(error, "hub-failed", "attach again");
        if (shown.message !== said) this.#context.output.error(shown);
        said = shown.message;
      }
    }
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

function onceInterrupted(): Promise<"interrupted"> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve("interrupted"));
    process.once("SIGTERM", () => resolve("interrupted"));
  });
}

function isProfileError(error: unknown): error is KtError {
  return error instanceof KtError && error.code.startsWith("profile-");
}
