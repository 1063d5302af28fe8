/** How a tunnel uses a relay: to an address that only it reaches, or as the faster way to what another carrier reaches as well. */

import type { Clock } from "#base/clock.ts";
import { isAbout } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import type { Endpoint } from "#kube/objects/types.ts";
import type { RelayStreamError } from "#mux/relay-stream.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { Carrier } from "#tunnel/pipe/carrier.ts";
import type { Pipe, PipeListener } from "#tunnel/pipe/pipe.ts";
import type { Slot } from "#tunnel/pipe/slot.ts";
import type { RelayedAddress, RelayWay } from "./relay-way.ts";
import { RelayPipe, type RelayPipeHooks } from "./relay-pipe.ts";

/** To an address that the relay reaches. The endpoint is the relay's own pod. */
export class RelayCarrier implements Carrier {
  readonly #relay: RelayWay;
  readonly #to: RelayedAddress;
  #open = 0;

  constructor(relay: RelayWay, to: RelayedAddress) {
    this.#relay = relay;
    this.#to = to;
  }

  async reserve(endpoint: Endpoint): Promise<Slot> {
    const count = (by: number): void => {
      this.#open += by;
    };
    const open = (listener: PipeListener): Pipe =>
      openPipe(this.#relay, this.#to, listener, {
        describe: (failure) => describe(failure, this.#relay, this.#to),
        count,
        hasOtherWay: false,
      });
    return { ...endpoint, open, drop() {} };
  }

  openOn(): number {
    return this.#open;
  }

  sessionsOn(): number {
    return this.#relay.sessions;
  }

  retire(): void {}
  tick(): void {}
  ping(): void {}
  close(): void {}
}

export interface RelayFirstOptions {
  /** Undefined while there is none. */
  readonly relay: () => RelayWay | undefined;
  /** Where the relay finds what the endpoint stands for. */
  readonly placeOf: (endpoint: Endpoint) => RelayedAddress | undefined;
  readonly fallback: Carrier;
  readonly clock: Clock;
}

/**
 * Over the relay where it is ready, else as without it. What the relay cannot reach, as a port that a pod opens on its own loopback only or
 * what a network policy keeps from it, goes the other way for a while, whose answer is the one that counts.
 */
export class RelayFirstCarrier implements Carrier {
  readonly #options: RelayFirstOptions;
  readonly #openOn = new Map<string, number>();
  /** Endpoints that are not tried over the relay, until when and why. */
  readonly #unreached = new Map<string, { readonly untilMs: number; readonly problem: KtError }>();

  constructor(options: RelayFirstOptions) {
    this.#options = options;
  }

  async reserve(endpoint: Endpoint): Promise<Slot> {
    const { relay: find, placeOf, clock } = this.#options;
    const relay = find();
    const to = placeOf(endpoint);
    const key = `${endpoint.pod}:${endpoint.port}`;
    if (!relay?.isReady || !to || this.#isUnreached(key, clock.now())) return await this.#fallBack(key, endpoint);
    const count = (by: number): void => this.#count(endpoint.pod, by);
    const open = (listener: PipeListener): Pipe =>
      openPipe(relay, to, listener, { describe: (failure) => this.#failed(key, describe(failure, relay, to)), count, hasOtherWay: true });
    return { ...endpoint, open, drop() {} };
  }

  openOn(pod: string): number {
    return (this.#openOn.get(pod) ?? 0) + this.#options.fallback.openOn(pod);
  }

  sessionsOn(pod: string): number {
    return this.#options.fallback.sessionsOn(pod) + (this.#openOn.has(pod) ? 1 : 0);
  }

  retire(pod: string): void {
    for (const key of this.#unreached.keys()) if (key.startsWith(`${pod}:`)) this.#unreached.delete(key);
    this.#options.fallback.retire(pod);
  }

  tick(nowMs: number): void {
    for (const [key, { untilMs }] of this.#unreached) if (untilMs <= nowMs) this.#unreached.delete(key);
    this.#options.fallback.tick(nowMs);
  }

  ping(): void {
    this.#options.fallback.ping();
  }

  close(): void {
    this.#options.fallback.close();
  }

  #isUnreached(key: string, nowMs: number): boolean {
    return (this.#unreached.get(key)?.untilMs ?? 0) > nowMs;
  }

  /** Where that way is not allowed, the first one's answer is all there is. */
  async #fallBack(key: string, endpoint: Endpoint): Promise<Slot> {
    try {
      return await this.#options.fallback.reserve(endpoint);
    } catch (error) {
      const unreached = this.#unreached.get(key);
      throw unreached && error instanceof KtError && error.code === "forbidden" ? unreached.problem : error;
    }
  }

  #count(pod: string, by: number): void {
    const open = (this.#openOn.get(pod) ?? 0) + by;
    if (open > 0) this.#openOn.set(pod, open);
    else this.#openOn.delete(pod);
  }

  /** "connection-lost": the same pod is tried once more, the other way. */
  #failed(key: string, problem: KtError): KtError {
    // A relay that is about to end, or has too much to do, says nothing about the pod.
    if (isAbout(problem.code, "target"))
      this.#unreached.set(key, { untilMs: this.#options.clock.now() + tunnelLimits.relayUnreachedMs, problem });
    return new KtError("connection-lost", problem.message, { cause: problem });
  }
}

interface OpenHooks extends RelayPipeHooks {
  readonly hasOtherWay: boolean;
}

function openPipe(relay: RelayWay, to: RelayedAddress, listener: PipeListener, hooks: OpenHooks): Pipe {
  const stream = relay.openStream(to, hooks.hasOtherWay);
  if (stream) return new RelayPipe(stream, listener, hooks);
  queueMicrotask(() => listener.pipeFailed(new KtError("connection-lost", "the relay was lost"), "always"));
  return { hasSent: false, halfCloses: false, write: () => true, end() {}, abort() {}, pause() {}, resume() {} };
}

const codes = {
  refused: "target-refused",
  "not-found": "target-not-found",
  unreachable: "target-unreachable",
  lost: "connection-lost",
  cancelled: "connection-lost",
  overloaded: "overloaded",
} as const;

function describe({ reason, message }: RelayStreamError, { title }: RelayWay, to: RelayedAddress): KtError {
  const address = formatHostPort(to);
  const what =
    reason === "lost" || reason === "cancelled" ? `the connection to ${address} was lost` : `${title} cannot connect to ${address}`;
  return new KtError(codes[reason], `${what}: ${message}`);
}
