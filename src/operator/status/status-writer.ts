/** Writes the statuses of an EdgeNode and of its PortBindings where they differ from what the cluster has. */

import { nodeProblem } from "#expose/conditions.ts";
import { formatName } from "#expose/resources/read-objects.ts";
import type { ClusterObjects } from "#operator/cluster/cluster-objects.ts";
import { type KubeKind, kubeKinds } from "#operator/cluster/kinds.ts";
import { nameOf, type Seen, type SeenBinding, type SeenNode } from "#operator/cluster/seen.ts";
import { type PortBindingFindings, portBindingFindings } from "./binding-status.ts";
import type { NodeFacts } from "./node-facts.ts";
import { nodeConditions, uplinkStatuses } from "./node-status.ts";
import { datedConditions, statusPatch } from "./written-status.ts";

export interface StatusWriterOptions {
  readonly objects: ClusterObjects;
  /** As Kubernetes writes times. */
  readonly now: () => string;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** Rejects as `ClusterObjects.merge` does. */
  async write(node: SeenNode, portBindings: readonly SeenBinding[], facts: NodeFacts): Promise<void> {
    const isWrong = node.object.spec === undefined;
    const { wanted, publicKey, edge } = facts;
    const isPlanned = ({ meta }: SeenNode | SeenBinding): boolean => wanted?.generations.get(meta.uid ?? "") === meta.generation;
    const later: NodeFacts = { ...facts, wanted: wanted && { ...wanted, document: undefined } };
    const found = portBindings.map((each) => {
      const known = isPlanned(each) ? facts : { ...facts, wanted: undefined };
      return [each, portBindingFindings(each.object, isWrong ? "wrong node" : known)] as const;
    });
    await Promise.all(found.map(([each, findings]) => this.writeBinding(each, findings)));
    await this.#write(kubeKinds.edgeNode, node, nodeConditions(isPlanned(node) ? facts : later, nodeProblem(node.object)), {
      publicKey,
      uplink: uplinkStatuses(facts),
      appliedConfigHash: edge?.hash,
      ...(wanted && { appliedBindings: found.flatMap(([{ object }, findings]) => (isReady(findings) ? [formatName(object)] : [])).sort() }),
    });
  }

  async writeBinding(seen: SeenBinding, { conditions, bindings }: PortBindingFindings): Promise<void> {
    await this.#write(kubeKinds.portBinding, seen, conditions, { bindings });
  }

  async #write<Item>(
    kind: KubeKind,
    { meta, status }: Seen<Item>,
    conditions: PortBindingFindings["conditions"],
    rest: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const generation = meta.generation ?? 0;
    const dated = datedConditions(status["conditions"], conditions, generation, this.#options.now());
    const patch = statusPatch(status, { observedGeneration: generation, conditions: dated, ...rest });
    // Another one of its name, which was made meanwhile, has another uid.
    if (patch) await this.#options.objects.merge(kind, nameOf(meta), { metadata: { uid: meta.uid }, status: patch }, "status");
  }
}

function isReady({ conditions }: PortBindingFindings): boolean {
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}
