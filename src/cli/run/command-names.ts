/** The names that a command of kt's resolves, and the ports that it reaches: followed in the hub for as long as it runs. */

import type { ReplyOf } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import { surroundings } from "#control/socket-path.ts";
import { ensureRuntimeDirectory } from "#daemon/process/runtime-dir.ts";
import { type PrivateCommand, PrivateNames } from "#host/names/private-names.ts";
import type { Started } from "#native/own-files.ts";

type Entries = ReplyOf<"names">["entries"];

export class CommandNames {
  readonly #movesPorts: boolean;
  readonly #known = Promise.withResolvers<void>();
  #entries: Entries = [];
  #files: PrivateNames | undefined;

  /** `movesPorts`: there may be services with ports which kt may not listen on. */
  constructor(movesPorts: boolean) {
    this.#movesPorts = movesPorts;
  }

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
    this.#files = new PrivateNames(await ensureRuntimeDirectory(surroundings()), this.#entries, this.#movesPorts);
    const started = this.#files.start(command);
    if (started.kind !== "running") this.close();
    return started;
  }

  /** Those that are known now, each once. */
  get all(): readonly string[] {
    return [...new Set(this.#entries.flatMap(({ names }) => names))];
  }

  /** Those for which others stand: 80 → 8080. */
  get lowPorts(): ReadonlyMap<number, number> {
    return new Map(this.#entries.flatMap(({ lowPorts = [] }) => lowPorts.map(({ port, localPort }) => [port, localPort] as const)));
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
