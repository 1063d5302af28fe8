/** The hub's end of the control socket: one session for each client, which is that client's lease. */

import { listen, type UnixSocketListener } from "bun";
import * as v from "valibot";
import { KtError, toKtError } from "#base/errors.ts";
import { controlLimits } from "./limits.ts";
import { toProblem } from "#observe/events.ts";
import { type Hello, type Reply, type Request, requestLineSchema } from "./api.ts";
import { type ChannelState, channelEvents, LineChannel } from "./line-channel.ts";

/** One connected client. */
export interface ControlSession {
  /** Says something unasked. */
  notify(reply: Reply): void;
  /** True while the client is behind with reading: newer news should wait. */
  busy(): boolean;
  /** Calls back whenever the client is no longer behind, until the returned function is called. */
  whenDrained(callback: () => void): () => void;
  /** Runs once when the client is gone. */
  onGone(callback: () => void): void;
  end(): void;
}

/** Answers requests; what it throws or rejects with becomes the error reply. `reply` may be called any number of times. */
export type RequestHandler = (request: Request, session: ControlSession, reply: (reply: Reply) => void) => void | Promise<void>;

class ServerSession implements ControlSession {
  readonly #handle: RequestHandler;
  readonly #goneCallbacks: (() => void)[] = [];
  readonly #drainedCallbacks = new Set<() => void>();
  #gone = false;
  #underWay = 0;
  channel: LineChannel | undefined;

  constructor(handle: RequestHandler) {
    this.#handle = handle;
  }

  notify(reply: Reply): void {
    this.channel?.send({ id: 0, reply });
  }

  busy(): boolean {
    return (this.channel?.waitingBytes ?? 0) > 0;
  }

  onGone(callback: () => void): void {
    if (this.#gone) callback();
    else this.#goneCallbacks.push(callback);
  }

  end(): void {
    this.channel?.end();
  }

  takesMore(): boolean {
    return this.#underWay < controlLimits.controlRequestsAtOnce;
  }

  onValue(value: unknown): void {
    const parsed = v.safeParse(requestLineSchema, value);
    if (!parsed.success) {
      this.notify(errorReply(new KtError("protocol", `the hub does not understand this request: ${v.summarize(parsed.issues)}`)));
      this.end();
      return;
    }
    const { id, request } = parsed.output;
    void this.#answer(request, (reply) => this.channel?.send({ id, reply }));
  }

  async #answer(request: Request, reply: (reply: Reply) => void): Promise<void> {
    this.#underWay += 1;
    try {
      await this.#handle(request, this, reply);
    } catch (error) {
      reply(errorReply(toKtError(error, "internal", request.type)));
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === controlLimits.controlRequestsAtOnce - 1) this.channel?.goOn();
    }
  }

  whenDrained(callback: () => void): () => void {
    this.#drainedCallbacks.add(callback);
    return () => this.#drainedCallbacks.delete(callback);
  }

  onDrained(): void {
    for (const callback of this.#drainedCallbacks) callback();
  }

  onClose(): void {
    this.#gone = true;
    for (const callback of this.#goneCallbacks.splice(0)) callback();
  }
}

function errorReply(error: KtError): Reply {
  const { code, message, hints } = toProblem(error);
  return { type: "error", problem: { code, message, hints: [...hints] } };
}

export interface ControlServerOptions {
  /** Must be free. */
  readonly path: string;
  readonly hello: Hello;
  readonly handle: RequestHandler;
}

export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #sessions = new Set<ServerSession>();
  #listener: UnixSocketListener<ChannelState>;

  /** Binds the socket, mode 0600. */
  constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#listener = this.#bind();
  }

  /** Binds the path anew where the socket was removed; who is connected stays so. */
  listenAgain(): void {
    this.#listener.stop(false);
    this.#listener = this.#bind();
  }

  #bind(): UnixSocketListener<ChannelState> {
    const { path, hello, handle } = this.#options;
    const sessions = this.#sessions;
    const umask = process.umask(0o177);
    try {
      return listen<ChannelState>({
        unix: path,
        socket: {
          ...channelEvents,
          open(socket) {
            const session = new ServerSession(handle);
            const channel = new LineChannel(socket, session);
            session.channel = channel;
            socket.data = { channel };
            sessions.add(session);
            session.onGone(() => sessions.delete(session));
            session.notify({ type: "hello", ...hello });
          },
        },
      });
    } finally {
      process.umask(umask);
    }
  }

  /** Says goodbye to every client and removes the socket. */
  close(): void {
    for (const session of this.#sessions) {
      session.notify({ type: "gone" });
      session.end();
    }
    this.#listener.stop(false);
  }
}
