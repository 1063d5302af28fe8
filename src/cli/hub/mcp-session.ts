/** One agent's session over standard input: what it attaches stays as long as it does, over as many hubs as it takes. */

import { KtError } from "#base/errors.ts";
import type { FindingStatus, Reply, ReplyOf, Request } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import { surroundings } from "#control/socket-path.ts";
import { findHub } from "#daemon/process/find-hub.ts";
import { ensureRuntimeDirectory } from "#daemon/process/runtime-dir.ts";
import { removeTargetProfile, writeTargetProfile } from "#daemon/plans/target-profile.ts";
import type { HubQuestions, McpHost, WantedForward } from "#mcp/host.ts";
import { findProfile } from "#profile/read/find.ts";
import { attach } from "./attach.ts";
import type { CommandContext } from "#cli/command.ts";
import { diagnosisOf } from "./diagnosis.ts";
import { namedFile, shellEnvironment } from "#cli/profile/profile-file.ts";

export class McpSession implements McpHost {
  readonly #context: Pick<CommandContext, "build" | "output">;
  /** The leases, by the path of the profile. */
  readonly #leases = new Map<string, HubClient>();
  /** Profiles whose hub died. */
  readonly #lost = new Set<string>();
  readonly version: string;

  constructor(context: Pick<CommandContext, "build" | "output">) {
    this.#context = context;
    this.version = context.build.version;
  }

  /** A connection for each call: it ends with the call, and what was asked for then ends, too. */
  async withHub<T>(signal: AbortSignal, work: (hub: HubQuestions) => Promise<T>): Promise<T> {
    await this.#attachAgain();
    const client = await this.#find();
    const leave = (): void => client.close();
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await work(questionsOf(client));
    } finally {
      signal.removeEventListener("abort", leave);
      client.close();
    }
  }

  async attach(given: string | undefined): Promise<string> {
    const file = given === undefined ? await findProfile(process.cwd()) : await namedFile(given);
    if (this.#leases.has(file)) return file;
    const { client, profile } = await attach(this.#context, file, false);
    this.#keep(profile, client);
    return profile;
  }

  async detach(profile: string, signal: AbortSignal): Promise<string[]> {
    const own = this.#leases.get(profile);
    const wasOurs = this.#leases.delete(profile) || this.#lost.delete(profile);
    own?.close();
    const { profiles } = await this.withHub(signal, (hub) => hub.ask({ type: "detach", profile }, "detached"));
    await this.#removeForwards([profile]);
    return wasOurs && !profiles.includes(profile) ? [profile, ...profiles] : profiles;
  }

  async forward(wanted: WantedForward): Promise<string> {
    const file = await writeTargetProfile(await ensureRuntimeDirectory(surroundings()), wanted);
    try {
      return await this.attach(file);
    } catch (error) {
      await this.#removeForwards([file]);
      throw error;
    }
  }

  async diagnose(profile: string | undefined): Promise<readonly FindingStatus[]> {
    const file = profile === undefined ? undefined : await namedFile(profile);
    return await diagnosisOf({ file, directory: process.cwd(), environment: shellEnvironment() }, this.#context.build);
  }

  /** Nothing of the session is left. */
  async close(): Promise<void> {
    const profiles = [...this.#leases.keys(), ...this.#lost];
    const clients = [...this.#leases.values()];
    this.#leases.clear();
    for (const client of clients) client.close();
    await this.#removeForwards(profiles);
  }

  /** Rejects with what an agent can do about it. */
  async #find(): Promise<HubClient> {
    try {
      return await findHub(surroundings());
    } catch (error) {
      if (!(error instanceof KtError) || error.code !== "hub-unreachable") throw error;
      throw new KtError(error.code, "no hub is running: no profile is attached", { hints: ["call attach_profile", "kt up"], cause: error });
    }
  }

  /** What a hub had that died is attached to the next one; what was detached on purpose is not: then the hub says goodbye first. */
  #keep(profile: string, client: HubClient): void {
    this.#leases.set(profile, client);
    const isKept = (): boolean => this.#leases.get(profile) === client && this.#leases.delete(profile);
    void client.gone.then(() => isKept() && client.close());
    void client.closed.then(() => isKept() && this.#lost.add(profile));
  }

  async #attachAgain(): Promise<void> {
    for (const profile of this.#lost) {
      this.#lost.delete(profile);
      const again = await attach(this.#context, profile, false);
      this.#keep(again.profile, again.client);
    }
  }

  async #removeForwards(profiles: readonly string[]): Promise<void> {
    const directory = await ensureRuntimeDirectory(surroundings());
    for (const profile of profiles) await removeTargetProfile(directory, profile);
  }
}

function questionsOf(client: HubClient): HubQuestions {
  return {
    snapshot: () => client.snapshot(),
    ask: (request: Request, type) => client.ask(request, type),
    async list<Type extends Reply["type"]>(request: Request, type: Type) {
      const replies: ReplyOf<Type>[] = [];
      await client.stream(request, (reply) => {
        if (isOf(reply, type)) replies.push(reply);
      });
      return replies;
    },
  };
}

function isOf<Type extends Reply["type"]>(reply: Reply, type: Type): reply is ReplyOf<Type> {
  return reply.type === type;
}
