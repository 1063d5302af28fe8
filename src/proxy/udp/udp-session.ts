/** One client of a UDP port and its flow to the target. */

import { DatagramQueue } from "#base/datagram-queue.ts";
import type { Datagrams, DatagramsHandler } from "#base/datagrams.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { toProblem } from "#observe/events.ts";
import { RouteUse } from "#observe/meter.ts";
import { formatTarget, type Target } from "#route/target.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { refusableBytes, refuseDatagram } from "./udp-refusal.ts";

export interface UdpRoute {
  readonly profile: string;
  readonly route: string;
  readonly target: Target;
  /** How long a client may be silent, both ways, before its session is over. */
  readonly sessionTimeoutMs?: number;
}

/** What a session asks of its port. */
export interface SessionOwner {
  /** A datagram came or went. */
  used(session: UdpSession): void;
  /** It is over: the client's next datagram begins another one. */
  over(session: UdpSession): void;
  /** Whether so many bytes more may wait for a flow. */
  mayWait(bytes: number): boolean;
  /** So many more wait, or less where negative. */
  waits(bytes: number): void;
}

export interface UdpSessionOptions {
  readonly key: string;
  readonly context: DoorContext;
  readonly route: UdpRoute;
  readonly owner: SessionOwner;
  /** To the client; returns whether there was room. */
  readonly send: (payload: Uint8Array) => boolean;
}

type State =
  | { readonly phase: "opening"; readonly waiting: DatagramQueue; readonly giveUp: AbortController }
  | { readonly phase: "open"; readonly flow: Datagrams }
  /** What comes is answered with the reason, or dropped, until a new try is due. */
  | { readonly phase: "refused"; readonly error: KtError; readonly cancelEnd: () => void }
  | { readonly phase: "over" };

export class UdpSession implements DatagramsHandler {
  readonly #options: UdpSessionOptions;
  readonly #use: RouteUse;
  readonly key: string;
  /** By the clock; its owner's. */
  usedMs = 0;
  #state: State = { phase: "opening", waiting: new DatagramQueue(), giveUp: new AbortController() };
  /** The latest datagram that was sent on, if nothing has come back since and the answer to it may be a refusal. */
  #unanswered: Uint8Array | undefined;

  constructor(options: UdpSessionOptions) {
    const { key, context, route } = options;
    this.#options = options;
    this.key = key;
    this.#use = new RouteUse(context, route, route.route);
  }

  /** Opens the flow; what the client sends meanwhile waits. */
  open(): void {
    const { context, route } = this.#options;
    if (this.#state.phase !== "opening") return;
    const { giveUp } = this.#state;
    const { dialer } = context;
    if (dialer.openFlow)
      dialer.openFlow(route.target, giveUp.signal).then(
        (flow) => this.#opened(flow),
        (error: unknown) => this.#refuse(toKtError(error, "internal", `open a flow to ${formatTarget(route.target)}`)),
      );
    else this.#refuse(new KtError("internal", "internal error: nothing carries datagrams here"));
  }

  /** From the client. */
  received(payload: Uint8Array): void {
    const { owner } = this.#options;
    owner.used(this);
    if (this.#state.phase === "open") this.#sendOn(this.#state.flow, payload);
    else if (this.#state.phase === "opening" && owner.mayWait(payload.length) && this.#state.waiting.push(payload))
      owner.waits(payload.length);
    else this.#drop(payload, this.#state.phase === "refused" ? this.#state.error : undefined);
  }

  /** From the target. */
  onDatagram(payload: Uint8Array): void {
    const { owner, send } = this.#options;
    owner.used(this);
    this.#unanswered = undefined;
    this.#use.worked();
    if (send(payload)) this.#use.add("received", payload.length);
    else this.#use.dropped();
  }

  onUnreachable(error: KtError): void {
    this.#answer(error);
    this.#use.failed(error);
  }

  onClose(error: KtError | undefined): void {
    if (error) this.#answer(error);
    this.#end(error?.code === "connection-lost" ? undefined : error);
  }

  close(): void {
    const state = this.#state;
    this.#end(undefined);
    if (state.phase === "open") state.flow.close();
    else if (state.phase === "opening") state.giveUp.abort(new KtError("shutting-down", "the session is over"));
  }

  #opened(flow: Datagrams): void {
    const state = this.#state;
    if (state.phase !== "opening") {
      flow.close();
      return;
    }
    this.#state = { phase: "open", flow };
    flow.start(this);
    for (const payload of this.#takeWaiting(state.waiting)) this.#sendOn(flow, payload);
  }

  #sendOn(flow: Datagrams, payload: Uint8Array): void {
    if (flow.send(payload)) this.#use.add("sent", payload.length);
    else this.#use.dropped();
    this.#unanswered = payload.length <= refusableBytes ? payload : undefined;
  }

  /** Of the datagrams themselves only the latest is known. */
  #answer(error: KtError): void {
    const refusal = this.#unanswered && refuseDatagram(this.#unanswered, error);
    if (refusal) this.#options.send(refusal);
    this.#unanswered = undefined;
  }

  #drop(payload: Uint8Array, error: KtError | undefined): void {
    this.#use.dropped();
    const refusal = error && refuseDatagram(payload, error);
    if (refusal) this.#options.send(refusal);
  }

  #takeWaiting(queue: DatagramQueue): Uint8Array[] {
    const taken: Uint8Array[] = [];
    for (let payload = queue.shift(); payload; payload = queue.shift()) taken.push(payload);
    this.#options.owner.waits(-taken.reduce((bytes, { length }) => bytes + length, 0));
    return taken;
  }

  #refuse(error: KtError): void {
    if (this.#state.phase !== "opening") return;
    const { context, route, owner } = this.#options;
    for (const payload of this.#takeWaiting(this.#state.waiting)) this.#drop(payload, error);
    this.#use.failed(error);
    context.report({ type: "refused", name: route.route, problem: toProblem(error) });
    const cancelEnd = context.clock.after(proxyLimits.udpRefusedMs, () => this.#end(undefined));
    this.#state = { phase: "refused", error, cancelEnd };
    owner.used(this);
  }

  #end(error: KtError | undefined): void {
    const state = this.#state;
    if (state.phase === "over") return;
    this.#state = { phase: "over" };
    if (state.phase === "opening") this.#takeWaiting(state.waiting);
    else if (state.phase === "refused") state.cancelEnd();
    this.#options.owner.over(this);
    this.#use.close(error);
  }
}
