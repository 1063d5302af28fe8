/** Looks after one EdgeNode: brings its host and its uplinks to what is wanted at each change, and says what is. Others do not wait for it. */

import { Backoff } from "#base/backoff.ts";
import { messageOf } from "#base/errors.ts";
import type { EdgeStatus } from "#expose/host/edge-status.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import type { ChangeKind } from "#operator/cluster/edge-state.ts";
import { kubeKinds } from "#operator/cluster/kinds.ts";
import type { SeenNode } from "#operator/cluster/seen.ts";
import { operatorLimits } from "#operator/limits.ts";
import type { NodeFacts } from "#operator/status/node-facts.ts";
import { hostFailure } from "./node-failure.ts";
import { NodeReconciler } from "./node-reconciler.ts";
import { readEdge } from "./read-edge.ts";
import type { WorkerContext } from "./worker-context.ts";

export class NodeWorker {
  readonly #name: ObjectName;
  readonly #context: WorkerContext;
  readonly #reconciler: NodeReconciler;
  readonly #closing = new AbortController();
  /** The pauses of what brings it to what is wanted, and of what looks at it. */
  readonly #pauses: { readonly wanted: Backoff; readonly status: Backoff };
  #isChanged = true;
  #edge: EdgeStatus | undefined;
  #silence = "";
  #failure: NodeFacts["failure"];
  #writing: Promise<void> = Promise.resolve();

  constructor(name: ObjectName, context: WorkerContext) {
    this.#name = name;
    this.#context = context;
    this.#pauses = { wanted: new Backoff(context.clock), status: new Backoff(context.clock) };
    this.#reconciler = new NodeReconciler(name, context, {
      onPlanned: () => void this.#publish(),
      isHealthy: (ordinal) => this.#edge === undefined || healthyOf(this.#edge).includes(ordinal),
    });
    void this.#keepWanted();
    void this.#keepStatus();
  }

  wake(kind: ChangeKind): void {
    if (kind === "wanted") {
      this.#isChanged = true;
      this.#pauses.wanted.skip();
    }
    this.#pauses.status.skip();
  }

  close(): void {
    this.#closing.abort();
    this.#reconciler.close();
  }

  get #node(): SeenNode | undefined {
    return this.#context.state.nodes.items.get(formatName(this.#name));
  }

  async #keepWanted(): Promise<void> {
    const { signal } = this.#closing;
    const pause = this.#pauses.wanted;
    const retry = { maxMs: operatorLimits.retryMaxMs, leastMs: operatorLimits.retryLeastMs };
    while (!signal.aborted) {
      await pause.wait(operatorLimits.settleMs, signal);
      this.#isChanged = false;
      await this.#attempt();
      this.#pauses.status.skip();
      if (this.#failure !== undefined) await pause.afterFailure(signal, retry);
      else {
        pause.reset();
        // What has changed meanwhile is not waited for.
        if (!this.#isChanged) await pause.wait(operatorLimits.resyncMs, signal);
      }
    }
  }

  async #attempt(): Promise<void> {
    const node = this.#node;
    if (node === undefined || this.#closing.signal.aborted) return;
    try {
      if (node.meta.deletionTimestamp === undefined) await this.#reconciler.reconcile(node);
      else await this.#reconciler.tearDown(node);
      this.#failure = undefined;
    } catch (error) {
      // The lease was lost, or the node is gone.
      if (this.#closing.signal.aborted) return;
      const { reason, message } = hostFailure(error);
      this.#failure = { reason, message };
      await this.#context.events.record(kubeKinds.edgeNode, node.meta, "Warning", reason, message);
    }
  }

  async #keepStatus(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#look();
      await this.#publish();
      await this.#pauses.status.wait(this.#isCalm() ? operatorLimits.calmPollMs : operatorLimits.busyPollMs, signal);
    }
  }

  async #look(): Promise<void> {
    const pods = this.#context.state.podsOf(formatName(this.#name)).filter(({ address }) => address !== "");
    const addresses = [...pods.filter(({ isReady }) => isReady), ...pods.filter(({ isReady }) => !isReady)].map(({ address }) => address);
    const before = healthyOf(this.#edge);
    try {
      this.#edge = await readEdge(addresses, this.#context.askUplink);
    } catch (error) {
      this.#edge = undefined;
      this.#silence = messageOf(error);
      return;
    }
    // Another pod may be replaced now.
    if (healthyOf(this.#edge).join() !== before.join()) this.wake("wanted");
    this.#pokeLate(this.#edge);
  }

  /** A document that its uplinks do not serve after a while may not have reached them. */
  #pokeLate(edge: EdgeStatus): void {
    const isLate = this.#context.clock.now() - this.#reconciler.sentAtMs >= operatorLimits.pokeAgainMs;
    if (!isLate || this.#reconciler.pokes >= operatorLimits.pokes || healthyOf(edge).length === 0) return;
    const bindings = this.#reconciler.facts.wanted?.document?.bindings ?? [];
    const hashes = new Map(bindings.map(({ id, hash }) => [id, hash]));
    const isOpen = edge.bindings.some(({ id, hash, state }) => hashes.has(id) && (state === "NoUplink" || hashes.get(id) !== hash));
    if (!isOpen) return;
    this.#reconciler.pokeAgain();
    this.wake("wanted");
  }

  /** Nothing is on its way. */
  #isCalm(): boolean {
    const { wanted } = this.#reconciler.facts;
    if (this.#edge === undefined || this.#isChanged) return false;
    const { bindings, hash } = this.#edge;
    const all = wanted?.plan.settings.uplinks.length ?? 0;
    return hash === wanted?.document?.hash && bindings.every(({ state }) => state === "Listening") && healthyOf(this.#edge).length >= all;
  }

  /** One after the other, and each by what is known when its turn comes. */
  #publish(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const { state, statuses, log } = this.#context;
    const node = this.#node;
    if (node === undefined || this.#closing.signal.aborted) return;
    const facts: NodeFacts = { ...this.#reconciler.facts, failure: this.#failure, edge: this.#edge, silence: this.#silence };
    try {
      await statuses.write(node, state.bindingsOf(formatName(this.#name)), facts);
    } catch (error) {
      if (!this.#closing.signal.aborted) log("warn", "status-not-written", { name: formatName(this.#name), reason: messageOf(error) });
    }
  }
}

function healthyOf(edge: EdgeStatus | undefined): number[] {
  return (edge?.uplinks ?? []).filter(({ isHealthy }) => isHealthy).map(({ ordinal }) => ordinal);
}
