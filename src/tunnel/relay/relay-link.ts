/** One session with a relay over one port-forward: greeted, kept alive, and given up when nothing is heard. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type { RelayFlow } from "#mux/relay-flow.ts";
import { RelaySession } from "#mux/relay-session.ts";
import { RelayStream } from "#mux/relay-stream.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { PodSession } from "#tunnel/forward/pod-session.ts";
import { TargetConn } from "#tunnel/pipe/target-conn.ts";
import type { RelayedAddress } from "./relay-way.ts";
import { relayPort } from "./manifest.ts";

/**
 * A client's first bytes are read in the turn after it was accepted: what opens its stream waits for them, and both leave in one message
 * instead of two at every hop. The first callback still runs before that turn has read anything.
 */
const afterPoll = (flush: () => void): void => void setImmediate(() => setImmediate(flush));

/** Owns a connection that the relay has accepted, at a port of its service. */
export type ServeRelayed = (stream: RelayStream, port: number) => void;

export interface RelayLinkOptions {
  /** An upgraded connection to the relay's pod. */
  readonly conn: Conn;
  readonly pod: string;
  /** Whose session it is: the same for all of a hub's. */
  readonly user: string;
  /** Absent: the relay may open nothing. */
  readonly serve?: ServeRelayed;
  readonly clock: Clock;
  /** It was silent, and takes new connections again. */
  readonly onUsable: () => void;
  /** The relay is about to end: what is open goes on. */
  readonly onLeaving: () => void;
  /** It carries nothing any more. */
  readonly onGone: (link: RelayLink, error: KtError) => void;
}

export class RelayLink {
  readonly #options: RelayLinkOptions;
  readonly #forward: PodSession;
  readonly #session: RelaySession;
  readonly #greeted = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  /** Streams to what is reached without the relay as well. All others wait for one that is slow: nothing else carries them. */
  readonly #passing = new WeakSet<RelayStream>();
  #heardMs: number;
  #expecting = false;
  /** Since when an answer is waited for. */
  #askedMs: number | undefined;
  /** Nothing was heard for so long that new connections go another way. */
  #isSilent = false;
  #carriedBytes = 0;
  /** What it carried in the last second. */
  #rateBytes = 0;

  constructor(options: RelayLinkOptions) {
    const { conn, pod, user, clock } = options;
    this.#options = options;
    this.#heardMs = clock.now();
    this.#forward = new PodSession({ conn, pod, clock, onGone: () => {}, onFree: () => {} });
    const slot = {
      pod,
      port: relayPort,
      open: (listener: Parameters<PodSession["open"]>[1]) => this.#forward.open(relayPort, listener),
      drop() {},
    };
    const stream = new TargetConn(slot, {
      clock,
      retry: (_, error) => Promise.reject(error),
      answered: () => {},
      closed: () => this.#over(),
    });
    this.#session = new RelaySession({
      conn: stream,
      role: "client",
      later: (moment, flush) => {
        if (moment === "turn") setImmediate(flush);
        else if (moment === "open") afterPoll(flush);
        else clock.after(tunnelLimits.relayEndMs, flush);
      },
      id: user,
      handler: {
        onHello: () => this.#greeted.resolve(),
        onOpen: (channel, { port }) => {
          if (options.serve && channel instanceof RelayStream) options.serve(channel, port);
          else channel.refuse("refused", "nothing is served here");
        },
        onHeard: () => this.#heard(),
        onPong: () => {},
        onGoAway: options.onLeaving,
        onClose: (error) => {
          this.#greeted.reject(error);
          options.onGone(this, error);
        },
      },
    });
    this.#greeted.promise.catch(() => {});
  }

  /** The relay has said that it understands us. Rejects with why not. */
  get greeted(): Promise<void> {
    return this.#greeted.promise;
  }

  /** Takes new connections. */
  get usable(): boolean {
    return this.#session.canOpen && !this.#isSilent;
  }

  /** Much is carried: others share it only where there is no other. */
  get isBusy(): boolean {
    return this.#rateBytes > tunnelLimits.relayBusyBytes || this.#session.isBlocked;
  }

  get openStreams(): number {
    return this.#session.openStreams;
  }

  openStream({ host, port }: RelayedAddress, hasOtherWay: boolean): RelayStream {
    const stream = this.#session.openStream(host, port);
    if (hasOtherWay) this.#passing.add(stream);
    this.#expectAnswer();
    return stream;
  }

  openFlow({ host, port }: RelayedAddress): RelayFlow {
    const flow = this.#session.openFlow(host, port);
    this.#expectAnswer();
    return flow;
  }

  /** Called about every second. */
  tick(nowMs: number): void {
    this.#forward.tick(nowMs, false);
    this.#rateBytes = this.#session.carriedBytes - this.#carriedBytes;
    this.#carriedBytes = this.#session.carriedBytes;
    if (this.#askedMs !== undefined && nowMs - this.#askedMs >= tunnelLimits.relayDeadMs)
      this.close(new KtError("connection-lost", "the relay does not answer"));
    else if (nowMs - this.#heardMs >= tunnelLimits.relayHeartbeatMs) this.#ask();
  }

  /** Asks for a sign of life now. */
  ping(): void {
    this.#ask();
  }

  close(error: KtError): void {
    this.#session.close(error);
  }

  /** Says that this user comes back no more; resolves when the relay has heard it, or does not say so in time. */
  async leave(): Promise<void> {
    this.#session.leave();
    const cancel = this.#options.clock.after(tunnelLimits.relayLeaveMs, () => this.#over());
    await this.#closed.promise;
    cancel();
  }

  /** The answer to a connection that was just opened proves that the relay is there; where none comes soon, it is asked. */
  #expectAnswer(): void {
    const { clock } = this.#options;
    if (this.#expecting || this.#askedMs !== undefined) return;
    this.#expecting = true;
    const sinceMs = clock.now();
    clock.after(tunnelLimits.relaySilenceMs / 2, () => {
      this.#expecting = false;
      if (this.#heardMs <= sinceMs) this.#ask();
    });
  }

  /** A relay that gives no sign of life is passed by, and what it has not begun goes another way. */
  #ask(): void {
    const { clock } = this.#options;
    if (this.#askedMs !== undefined || this.#session.isClosed) return;
    const askedMs = clock.now();
    this.#askedMs = askedMs;
    this.#session.ping();
    clock.after(tunnelLimits.relaySilenceMs / 2, () => {
      if (this.#askedMs !== askedMs) return;
      this.#isSilent = true;
      this.#session.failUnopened(this.#passing, new KtError("connection-lost", "the relay does not answer"));
    });
  }

  #heard(): void {
    this.#heardMs = this.#options.clock.now();
    this.#askedMs = undefined;
    if (!this.#isSilent) return;
    this.#isSilent = false;
    this.#options.onUsable();
  }

  #over(): void {
    this.#closed.resolve();
    this.#forward.close();
  }
}
