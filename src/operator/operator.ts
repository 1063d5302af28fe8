/** The operator while it leads: follows all objects of the public edge, and has a worker for each EdgeNode. */

import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { formatName } from "#expose/resources/read-objects.ts";
import type { Api } from "#kube/api/api.ts";
import { ClusterObjects } from "#operator/cluster/cluster-objects.ts";
import { type ChangeKind, EdgeState } from "#operator/cluster/edge-state.ts";
import { Events, timestamp } from "#operator/cluster/events.ts";
import { nameOf } from "#operator/cluster/seen.ts";
import type { UplinkImage } from "#operator/desired/uplink-pod.ts";
import type { OpenHost } from "#operator/node/edge-host.ts";
import { NodeWorker } from "#operator/node/node-worker.ts";
import type { AskUplink } from "#operator/node/read-edge.ts";
import type { WorkerContext } from "#operator/node/worker-context.ts";
import { portBindingFindings } from "#operator/status/binding-status.ts";
import { StatusWriter } from "#operator/status/status-writer.ts";

export interface OperatorOptions {
  readonly api: Api;
  /** Of the EdgeNodes and PortBindings; default: all. */
  readonly namespace?: string | undefined;
  readonly image: UplinkImage;
  readonly openHost: OpenHost;
  readonly askUplink: AskUplink;
  readonly clock: Clock;
  readonly log: Log;
}

export class Operator {
  readonly #context: WorkerContext;
  readonly #stopping = new AbortController();
  readonly #workers = new Map<string, NodeWorker>();
  #isReady = false;

  constructor({ api, namespace, clock, log, ...options }: OperatorOptions) {
    const objects = new ClusterObjects(api, this.#stopping.signal);
    const state = new EdgeState({ api, namespace, clock, log, onChange: (node, kind) => this.#changed(node, kind) });
    const events = new Events({ objects, clock, log });
    const statuses = new StatusWriter({ objects, now: () => timestamp(clock) });
    this.#context = { state, objects, events, statuses, clock, log, ...options };
  }

  /** Resolves once all is being looked after. */
  async start(): Promise<void> {
    const { state } = this.#context;
    await state.ready();
    this.#isReady = true;
    const referred = [...state.portBindings.items.values()].flatMap(({ object: { node } }) =>
      node === undefined ? [] : [formatName(node)],
    );
    for (const node of new Set([...state.nodes.items.keys(), ...referred])) this.#changed(node, "wanted");
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#stopping.abort();
    this.#context.state.close();
    for (const worker of this.#workers.values()) worker.close();
    this.#workers.clear();
  }

  #changed(node: string, kind: ChangeKind): void {
    if (!this.#isReady || this.#stopping.signal.aborted) return;
    const there = this.#context.state.nodes.items.get(node);
    const worker = this.#workers.get(node);
    if (there === undefined) {
      worker?.close();
      this.#workers.delete(node);
      void this.#strayed(node);
    } else if (worker === undefined) this.#workers.set(node, new NodeWorker(nameOf(there.meta), this.#context));
    else worker.wake(kind);
  }

  /** PortBindings of a node that is not there. */
  async #strayed(node: string): Promise<void> {
    const { state, statuses, log } = this.#context;
    for (const binding of state.bindingsOf(node)) {
      try {
        await statuses.writeBinding(binding, portBindingFindings(binding.object, "no node"));
      } catch (error) {
        if (!this.#stopping.signal.aborted)
          log("warn", "status-not-written", { name: formatName(binding.object), reason: messageOf(error) });
      }
    }
  }
}
