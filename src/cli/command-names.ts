/** The names that a command of kt's resolves: followed in the hub for as long as it runs. */

import type { ReplyOf } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import { surroundings } from "#control/socket-path.ts";
import { ensureRuntimeDirectory } from "#daemon/process/runtime-dir.ts";
import { type PrivateCommand, PrivateNames } from "#host/names/private-names.ts";
import type { Started } from "#native/own-files.ts";

type Entries = ReplyOf<"names">["entries"];

export class CommandNames {
  readonly #known = Promise.withResolvers<void>();
  #entries: Entries = [];
  #files: PrivateNames | undefined;

  /** What an earlier hub said stands until this one says more. */
  follow(client: HubClient, profile: string): void {
    const told = client.stream({ type: "names", profile }, (reply) => {
      if (reply.type === "names") this.#take(reply.entries);
    });
    void told.catch(() => this.#known.resolve());
  }

  /** Undefined where there are no names. */
  async start(command: PrivateCommand): Promise<Started | undefined> {
    await this.#known.promise;
    if (this.#entries.length === 0) return undefined;
    this.#files = new PrivateNames(await ensureRuntimeDirectory(surroundings()), this.#entries);
    const started = this.#files.start(command);
    if (started.kind !== "running") this.close();
    return started;
  }

  /** Those that are known now, each once. */
  get all(): readonly string[] {
    return [...new Set(this.#entries.flatMap(({ names }) => names))];
  }

  close(): void {
    this.#files?.close();
    this.#files = undefined;
  }

  #take(entries: Entries): void {
    this.#entries = entries;
    this.#known.resolve();
    this.#files?.update(entries);
  }
}
