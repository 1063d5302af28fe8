/** The sessions with one relay: at least two, so that a lost one takes only its own streams; more while they are busy. */

import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import type { Cluster } from "#kube/objects/types.ts";
import type { RelayFlow } from "#mux/relay-flow.ts";
import type { RelayStream } from "#mux/relay-stream.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { RelayLink, type ServeRelayed } from "./relay-link.ts";
import type { RelayedAddress } from "./relay-way.ts";

export interface RelayLinksOptions {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly pod: string;
  readonly user: string;
  readonly serve?: ServeRelayed;
  readonly clock: Clock;
  /** New connections are taken, which may not have been so before. */
  readonly onUsable: () => void;
  /** The relay is about to end, as with its node: what is open goes on. Called once, unless `onLost` was. */
  readonly onLeaving: () => void;
  /** The last session is gone. Called once. */
  readonly onLost: (error: KtError) => void;
}

export class RelayLinks {
  readonly #options: RelayLinksOptions;
  readonly #links = new Set<RelayLink>();
  readonly #abort = new AbortController();
  #opening = 0;
  #isLeaving = false;

  constructor(options: RelayLinksOptions) {
    this.#options = options;
  }

  get pod(): string {
    return this.#options.pod;
  }

  get count(): number {
    return this.#links.size;
  }

  get isUsable(): boolean {
    return this.#best() !== undefined;
  }

  /** Opens the first session; resolves when the relay has answered. A relay that has just started may not listen yet. */
  async begin(): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.now() + tunnelLimits.relayGreetMs;
    for (;;) {
      try {
        await this.#open();
        this.#keep();
        return;
      } catch (error) {
        const problem = toKtError(error, "relay-failed", "connect to the relay");
        if (problem.code !== "port-refused" || clock.now() >= untilMs || this.#abort.signal.aborted) throw problem;
        await new Promise<void>((resolve) => clock.after(tunnelLimits.relayListenMs, resolve));
      }
    }
  }

  /** Undefined where no session takes new connections. */
  openStream(to: RelayedAddress, hasOtherWay: boolean): RelayStream | undefined {
    return this.#best()?.openStream(to, hasOtherWay);
  }

  openFlow(to: RelayedAddress): RelayFlow | undefined {
    return this.#best()?.openFlow(to);
  }

  /** Called about every second. */
  tick(nowMs: number): void {
    for (const link of [...this.#links]) link.tick(nowMs);
    this.#keep();
  }

  ping(): void {
    for (const link of this.#links) link.ping();
  }

  close(error: KtError): void {
    this.#abort.abort(error);
    for (const link of [...this.#links]) link.close(error);
  }

  /** Says goodbye: the relay ends unless others use it. */
  async leave(): Promise<void> {
    this.#abort.abort(new KtError("shutting-down", "the relay is not used any more"));
    const [first, ...others] = this.#links;
    this.#links.clear();
    const left = first?.leave();
    for (const link of others) link.close(new KtError("shutting-down", "the relay is not used any more"));
    await left;
  }

  /** Of those that are not busy, the one with the fewest streams. */
  #best(): RelayLink | undefined {
    let best: RelayLink | undefined;
    for (const link of this.#links) {
      if (!link.usable) continue;
      const isBetter =
        !best || Number(link.isBusy) < Number(best.isBusy) || (link.isBusy === best.isBusy && link.openStreams < best.openStreams);
      if (isBetter) best = link;
    }
    return best;
  }

  /** Opens one more where there are too few. */
  #keep(): void {
    const free = [...this.#links].filter((link) => link.usable && !link.isBusy).length;
    const wanted = free > 0 ? tunnelLimits.relaySessions : tunnelLimits.relayBusySessions;
    if (this.#opening > 0 || this.#links.size >= wanted || this.#isLeaving || this.#abort.signal.aborted) return;
    this.#open().then(
      () => this.#keep(),
      () => {},
    );
  }

  async #open(): Promise<void> {
    const { cluster, namespace, pod, user, serve, clock } = this.#options;
    this.#opening += 1;
    try {
      const conn = await cluster.portForward(namespace, pod, this.#abort.signal);
      const onGone = (gone: RelayLink, error: KtError): void => this.#gone(gone, error);
      const onLeaving = (): void => this.#leaving();
      const link = new RelayLink({ conn, pod, user, ...(serve && { serve }), clock, onUsable: this.#options.onUsable, onLeaving, onGone });
      const cancel = clock.after(tunnelLimits.relayGreetMs, () =>
        link.close(new KtError("relay-failed", "the relay does not say what it is")),
      );
      try {
        await link.greeted;
      } finally {
        cancel();
      }
      if (this.#abort.signal.aborted) return link.close(new KtError("shutting-down", "the relay is not used any more"));
      this.#links.add(link);
      this.#options.onUsable();
    } finally {
      this.#opening -= 1;
    }
  }

  /** It says so on each of its sessions. */
  #leaving(): void {
    if (this.#isLeaving || this.#abort.signal.aborted) return;
    this.#isLeaving = true;
    this.#options.onLeaving();
  }

  #gone(link: RelayLink, error: KtError): void {
    const was = this.#links.delete(link);
    if (!was || this.#abort.signal.aborted) return;
    if (this.#links.size === 0) this.#options.onLost(error);
  }
}
