/** Serves the streams of an edge: each asks for a target by its key, and is joined with a connection to it. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { splice, type SpliceCount } from "#net/splice.ts";
import type { connectTcp } from "#net/tcp.ts";
import { encodeUplinkAnswer, type TargetKey, type UplinkAnswer, uplinkAnswers, type UplinkRequest } from "#wire/uplink-frame.ts";
import { dialTarget } from "#uplink/targets/dial-target.ts";
import { uplinkLimits } from "#uplink/limits.ts";
import type { NewsStreams } from "./news-streams.ts";
import { refuseStream } from "./refusal.ts";
import { readStreamRequest } from "./stream-request.ts";
import type { Targets } from "#uplink/targets/targets.ts";

export interface StreamServerOptions {
  readonly targets: Targets;
  readonly news: NewsStreams;
  readonly clock: Clock;
  readonly log: Log;
  readonly connect: typeof connectTcp;
  /** What an edge asks for that has no way to an address of this uplink. They own the Conn, which was answered. */
  readonly page: (conn: Conn) => void;
  readonly datagrams: (conn: Conn) => void;
}

type OpenRequest = Extract<UplinkRequest, { kind: "open" }>;

/** What was counted since it started. */
export interface StreamTotals {
  /** By what was answered. */
  readonly answers: Readonly<Record<UplinkAnswer, number>>;
  /** Streams that did not begin as one of an edge, or were more than may wait. */
  readonly invalid: number;
  /** From the edge to targets, and back. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

class ByteCount implements SpliceCount {
  sent = 0;
  received = 0;

  add(direction: "sent" | "received", bytes: number): void {
    this[direction] += bytes;
  }
}

export class StreamServer {
  readonly #options: StreamServerOptions;
  #waiting = 0;
  #open = 0;
  #isDraining = false;
  #whenIdle = Promise.withResolvers<void>();
  readonly #dials = new Map<TargetKey, number>();
  readonly #answers = Object.fromEntries(uplinkAnswers.map((answer) => [answer, 0])) as Record<UplinkAnswer, number>;
  #invalid = 0;
  readonly #bytes = new ByteCount();

  constructor(options: StreamServerOptions) {
    this.#options = options;
  }

  /** Those that lead to a target, or will. */
  get openStreams(): number {
    return this.#open;
  }

  get totals(): StreamTotals {
    return { answers: this.#answers, invalid: this.#invalid, sentBytes: this.#bytes.sent, receivedBytes: this.#bytes.received };
  }

  /** Owns the Conn. */
  accept(conn: Conn): void {
    if (this.#waiting < uplinkLimits.waitingRequests) void this.#serve(conn);
    else this.#drop(conn, "too many streams wait with their requests");
  }

  /** Opens no more streams. Resolves once those that are open have ended. */
  drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#open === 0) this.#whenIdle.resolve();
    return this.#whenIdle.promise;
  }

  async #serve(conn: Conn): Promise<void> {
    const { clock, news } = this.#options;
    this.#waiting += 1;
    try {
      const { request, left } = await readStreamRequest(conn, clock).finally(() => (this.#waiting -= 1));
      if (request === "version") this.#refuse(conn, "version");
      else if (request.kind === "news") news.serve(conn);
      else if (request.kind === "page" || request.kind === "datagrams") {
        conn.write(encodeUplinkAnswer("opened"));
        this.#options[request.kind](conn);
      } else await this.#join(conn, request, left);
    } catch (error) {
      this.#drop(conn, messageOf(error));
    }
  }

  #refuse(conn: Conn, answer: UplinkAnswer): void {
    this.#counted(answer);
    refuseStream(conn, answer, this.#options.clock);
  }

  #counted(answer: UplinkAnswer): void {
    this.#answers[answer] += 1;
  }

  /** Not a word to a peer that is not an edge. */
  #drop(conn: Conn, why: string): void {
    this.#invalid += 1;
    this.#options.log("debug", "stream-dropped", { text: why });
    conn.abort();
  }

  async #join(conn: Conn, request: OpenRequest, left: AbortSignal): Promise<void> {
    if (this.#isDraining) return this.#refuse(conn, "draining");
    if (this.#open >= uplinkLimits.streams) return this.#refuse(conn, "overloaded");
    this.#open += 1;
    const target = await this.#dial(request, left);
    if (typeof target === "string") {
      if (!left.aborted) this.#refuse(conn, target);
      return this.#closed();
    }
    // An edge that has left has closed the Conn: the target's is ended in order by the splice, which hears of that.
    this.#counted("opened");
    conn.write(encodeUplinkAnswer("opened"));
    splice(conn, target, this.#bytes, () => this.#closed());
  }

  async #dial({ target: key, connectTimeoutMs }: OpenRequest, signal: AbortSignal): Promise<Conn | UplinkAnswer> {
    const { targets, clock, connect } = this.#options;
    const target = targets.get(key, "TCP");
    if (!target) return "unknown";
    const underWay = this.#dials.get(key) ?? 0;
    if (underWay >= uplinkLimits.dialsPerTarget) return "overloaded";
    this.#dials.set(key, underWay + 1);
    const { address, port } = target;
    const onOver = (): void => this.#dialled(key);
    return await dialTarget({ address, port, timeoutMs: connectTimeoutMs, signal, clock, connect, onOver });
  }

  #dialled(key: TargetKey): void {
    const others = (this.#dials.get(key) ?? 1) - 1;
    if (others > 0) this.#dials.set(key, others);
    else this.#dials.delete(key);
  }

  #closed(): void {
    this.#open -= 1;
    if (this.#isDraining && this.#open === 0) this.#whenIdle.resolve();
  }
}
