/** A client of the hub: one connection, requests with their replies, and what the hub says unasked. */

import { connect } from "bun";
import * as v from "valibot";
import { KtError } from "#base/errors.ts";
import { controlLimits } from "./limits.ts";
import { command } from "#base/shell.ts";
import { type Hello, protocolVersion, type Reply, type ReplyOf, replyLineSchema, type Request, type Snapshot } from "./api.ts";
import { type ChannelState, channelEvents, LineChannel } from "./line-channel.ts";
import { StatusView } from "./status-view.ts";

interface Waiting {
  readonly onReply: (reply: Reply, id: number) => void;
  readonly onLost: (error: KtError) => void;
}

export class HubClient {
  readonly #waiting = new Map<number, Waiting>();
  #channel: LineChannel | undefined;
  #nextId = 1;
  #hello: Hello | undefined;
  readonly #gone = Promise.withResolvers<ReplyOf<"gone">>();
  #onHello: (() => void) | undefined;
  readonly #closed = Promise.withResolvers<undefined>();
  #lost: KtError | undefined;
  /** Resolves when the hub says goodbye: to a profile that this connection held, or to everyone. */
  readonly gone: Promise<ReplyOf<"gone">> = this.#gone.promise;
  /** Resolves when the connection is over. */
  readonly closed: Promise<undefined> = this.#closed.promise;

  private constructor() {}

  /**
   * Rejects with KtError `hub-unreachable` where no hub listens, `hub-failed` where one does not answer, or speaks a different version of
   * kt's language; a hub of any version understands that it is to detach.
   */
  static async connect(path: string, greetMs: number = controlLimits.hubGreetMs, versions: "own" | "any" = "own"): Promise<HubClient> {
    const client = new HubClient();
    try {
      await connect<ChannelState>({
        unix: path,
        data: { channel: undefined },
        socket: {
          ...channelEvents,
          open(socket) {
            client.#channel = new LineChannel(socket, client);
            socket.data = { channel: client.#channel };
          },
        },
      });
    } catch (error) {
      throw new KtError("hub-unreachable", "no hub is running", { hints: ["kt up"], cause: error });
    }
    const late = setTimeout(() => client.#lose(silent(path, greetMs)), greetMs);
    await client.#greeted(versions).finally(() => clearTimeout(late));
    return client;
  }

  get hello(): Hello {
    if (!this.#hello) throw new KtError("internal", "internal error: the hub has not said hello");
    return this.#hello;
  }

  /** One request, one reply of the expected type. Rejects with the hub's own error, or KtError `hub-unreachable` when it dies. */
  async ask<Type extends Reply["type"]>(request: Request, expected: Type): Promise<ReplyOf<Type>> {
    const reply = await new Promise<Reply>((resolve, reject) => {
      const onReply = (each: Reply, id: number): void => {
        this.#waiting.delete(id);
        resolve(each);
      };
      this.#start(request, { onReply, onLost: reject });
    });
    if (reply.type === "error") throw fromProblem(reply.problem);
    if (!isType(reply, expected)) throw new KtError("protocol", `the hub answered "${reply.type}" instead of "${expected}"`);
    return reply;
  }

  /** A request with many replies; resolves at their end, rejects as `ask` does. */
  async stream(request: Request, onReply: (reply: Reply) => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const each = (reply: Reply, id: number): void => {
        if (reply.type === "end" || reply.type === "error") this.#waiting.delete(id);
        if (reply.type === "end") resolve();
        else if (reply.type === "error") reject(fromProblem(reply.problem));
        else onReply(reply);
      };
      this.#start(request, { onReply: each, onLost: reject });
    });
  }

  async snapshot(): Promise<Snapshot> {
    const view = new StatusView();
    await this.stream({ type: "snapshot" }, (reply) => reply.type === "changes" && view.apply(reply));
    return view.snapshot();
  }

  /** Calls back with the status now and after each change; rejects when the connection ends. */
  async watch(show: (snapshot: Snapshot) => void): Promise<void> {
    const view = new StatusView();
    await this.stream({ type: "watch" }, (reply) => {
      if (reply.type !== "changes") return;
      view.apply(reply);
      if (reply.isComplete) show(view.snapshot());
    });
  }

  close(): void {
    this.#channel?.end();
  }

  /** Called by the channel. */
  onValue(value: unknown): void {
    const parsed = v.safeParse(replyLineSchema, value);
    if (!parsed.success) {
      this.#lose(new KtError("protocol", "the hub uses a different version of the control protocol", { hints: ["kt down --all"] }));
      return;
    }
    const { id, reply } = parsed.output;
    if (id !== 0) this.#waiting.get(id)?.onReply(reply, id);
    else this.#onUnasked(reply);
  }

  /** Called by the channel. */
  onClose(): void {
    this.#lost ??= new KtError("hub-unreachable", "the hub ended", { hints: ["kt up"] });
    for (const { onLost } of this.#waiting.values()) onLost(this.#lost);
    this.#waiting.clear();
    this.#onHello?.();
    this.#closed.resolve(undefined);
  }

  #onUnasked(reply: Reply): void {
    if (reply.type === "gone") this.#gone.resolve(reply);
    else if (reply.type === "error") this.#lose(fromProblem(reply.problem));
    else if (reply.type === "hello") {
      this.#hello = reply;
      this.#onHello?.();
    }
  }

  #lose(error: KtError): void {
    this.#lost ??= error;
    this.#channel?.abort();
  }

  async #greeted(versions: "own" | "any"): Promise<void> {
    if (!this.#hello && !this.#lost) await new Promise<void>((resolve) => (this.#onHello = resolve));
    if (this.#lost) throw this.#lost;
    if (versions === "own" && this.hello.protocol !== protocolVersion) {
      const { version } = this.hello;
      this.close();
      throw new KtError("hub-failed", `the running hub is version ${version}, which uses a different control protocol`, {
        hints: ["kt down --all"],
      });
    }
  }

  #start(request: Request, waiting: Waiting): void {
    if (this.#lost || !this.#channel) {
      waiting.onLost(this.#lost ?? new KtError("hub-unreachable", "no hub is running"));
      return;
    }
    const id = this.#nextId++;
    this.#waiting.set(id, waiting);
    this.#channel.send({ id, request });
  }
}

function silent(path: string, greetMs: number): KtError {
  return new KtError("hub-failed", `the hub that runs did not answer within ${greetMs / 1000} s`, {
    hints: [command`kill -9 $(lsof -t ${path})`],
  });
}

function isType<Type extends Reply["type"]>(reply: Reply, type: Type): reply is ReplyOf<Type> {
  return reply.type === type;
}

function fromProblem(problem: ReplyOf<"error">["problem"]): KtError {
  return new KtError(problem.code, problem.message, { hints: problem.hints });
}
