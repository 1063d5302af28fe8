/** What is followed besides the status, over a connection of its own that ends with it, and what is asked for now and then. */

import { type Clock, sleep } from "#base/clock.ts";
import { toKtError } from "#base/errors.ts";
import type { LogEntry, Reply, Request } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import { tuiLimits } from "./limits.ts";
import type { Source } from "./model/log.ts";

export interface FeedListener {
  onEntries(source: Source, entries: readonly LogEntry[]): void;
  onLines(source: Source, lines: readonly string[], leftOut: number): void;
  /** Nothing more comes, and why. */
  onEnd(source: Source, why: string): void;
}

export interface FeedOptions {
  /** To the hub that is there now. Rejects with KtError. */
  readonly connect: () => Promise<HubClient>;
  readonly listener: FeedListener;
  readonly clock: Clock;
}

/** What is not being looked for any more. */
type Followed = Exclude<Source, { kind: "pods" }>;

export class Feed {
  readonly #options: FeedOptions;
  #source: Source | undefined;
  #client: HubClient | undefined;
  /** Entries come by the hundred at first: they are handed on together. */
  #entries: LogEntry[] = [];

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Leaves what was followed before. */
  follow(source: Source | undefined): void {
    if (source === this.#source) return;
    this.#source = source;
    this.#client?.close();
    this.#client = undefined;
    this.#entries = [];
    if (source && source.kind !== "pods") void this.#run(source);
  }

  /** What cannot be followed now, as while a container has yet to start or the hub is another one, is tried again. */
  async #run(source: Followed): Promise<void> {
    const { clock, listener } = this.#options;
    while (this.#source === source) {
      try {
        await this.#stream(source);
        if (this.#source === source) listener.onEnd(source, "the container has ended; r reads its log again");
        return;
      } catch (error) {
        if (this.#source === source) listener.onEnd(source, toKtError(error, "internal", "read the log").message);
      }
      await sleep(clock, tuiLimits.feedRetryMs);
    }
  }

  async #stream(source: Followed): Promise<void> {
    const client = await this.#options.connect();
    if (this.#source !== source) {
      client.close();
      return;
    }
    this.#client = client;
    try {
      await client.stream(requestFor(source), (reply) => this.#heard(source, reply));
    } finally {
      client.close();
    }
  }

  #heard(source: Followed, reply: Reply): void {
    if (this.#source !== source) return;
    // Of all routes together only what matters is of use: single connections are thousands.
    if (reply.type === "entry" && source.kind === "hub" && reply.entry.level === "debug") return;
    if (reply.type === "entry") void this.#entry(source, reply.entry);
    else if (reply.type === "lines") this.#options.listener.onLines(source, reply.lines, reply.leftOut);
  }

  async #entry(source: Source, entry: LogEntry): Promise<void> {
    this.#entries.push(entry);
    if (this.#entries.length > 1) return;
    await sleep(this.#options.clock, tuiLimits.drawPauseMs);
    const entries = this.#entries;
    this.#entries = [];
    if (this.#source === source) this.#options.listener.onEntries(source, entries);
  }
}

function requestFor(source: Followed): Request {
  if (source.kind === "pod") return { type: "pod-log", ...podOf(source), lines: tuiLimits.podLogLines };
  return { type: "logs", follow: true, ...(source.kind === "route" ? { route: source.route } : {}) };
}

function podOf({
  profile,
  route,
  pod,
  container,
}: Extract<Source, { kind: "pod" }>): Omit<Extract<Request, { type: "pod-log" }>, "type" | "lines"> {
  return { profile, route, pod, container };
}
