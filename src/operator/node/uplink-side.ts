/** What an EdgeNode has in the cluster: brought to what is wanted, pods told of a changed document, and replaced one after the other. */

import { deepEquals } from "bun";
import { KtError } from "#base/errors.ts";
import { isStatus } from "#kube/api/api-problem.ts";
import type { UplinkDocument } from "#expose/host/uplink-document.ts";
import type { EdgeNodeSpec } from "#expose/resources/edge-node.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import type { ClusterObjects } from "#operator/cluster/cluster-objects.ts";
import { type KubeObject, kubeKinds } from "#operator/cluster/kinds.ts";
import type { SeenPod } from "#operator/cluster/seen.ts";
import { annotations, keysName, labels, labelsOf, uplinkName } from "#operator/cluster/names.ts";
import { uplinkKeys } from "#operator/desired/uplink-keys.ts";
import { uplinkConfigMap, uplinkService, uplinkStatefulSet, type WantedObject } from "#operator/desired/uplink-objects.ts";
import type { PodTemplate } from "#operator/desired/uplink-pod.ts";
import { NodeFailure, orFail } from "./node-failure.ts";

export class UplinkSide {
  readonly #objects: ClusterObjects;
  readonly #node: ObjectName;
  /** Of the pods, as they were last wanted: what is not wanted any more is taken from them. */
  #metadata: PodTemplate["metadata"] | undefined;

  constructor(objects: ClusterObjects, node: ObjectName) {
    this.#objects = objects;
    this.#node = node;
  }

  /** The public keys by ordinal; what the Secret lacks is made. Rejects with NodeFailure, as all of them. */
  async keys(spec: EdgeNodeSpec, ordinals: readonly number[]): Promise<ReadonlyMap<number, string>> {
    return await orFail("KeyGenerationFailed", "make the uplinks' keys", async () => {
      const name = { namespace: spec.uplink.namespace, name: keysName(this.#node) };
      const metadata = { ...name, labels: labelsOf(this.#node) };
      const there =
        (await this.#objects.get(kubeKinds.secret, name)) ?? (await this.#objects.create(kubeKinds.secret, { metadata, data: {} }));
      if (there === undefined) throw new KtError("cluster-error", `Secret "${formatName(name)}" was made by another meanwhile`);
      this.#mustOwn(there);
      const { publicKeys, missing } = await orFail("InvalidKey", "read the uplinks' keys", () =>
        uplinkKeys(there.data ?? {}, ordinals, spec.tunnel.transport),
      );
      if (Object.keys(missing).length === 0) return publicKeys;
      // With its version: a key that another has just made must not be replaced.
      const { uid, resourceVersion } = there.metadata;
      const value = { metadata: { uid, resourceVersion, labels: labelsOf(this.#node) }, data: missing };
      if (await this.#objects.merge(kubeKinds.secret, name, value)) return publicKeys;
      throw new KtError("cluster-error", `Secret "${formatName(name)}" has changed meanwhile`);
    });
  }

  #mustOwn(keys: KubeObject): void {
    const owner = ownerOf(keys, this.#node);
    if (owner === this.#node.namespace) return;
    const message = `the uplinks "${uplinkName(this.#node)}" in namespace "${keys.metadata.namespace}" are those of EdgeNode "${owner}/${this.#node.name}"`;
    throw new NodeFailure(
      "UplinkNamespaceCollision",
      new KtError("cluster-error", message, { hints: ["give one of them another spec.uplink.namespace"] }),
    );
  }

  async apply(spec: EdgeNodeSpec, document: UplinkDocument, template: PodTemplate): Promise<void> {
    const node = this.#node;
    const applied = async (reason: string, wanted: WantedObject): Promise<void> => {
      await orFail(reason, `apply the ${wanted.kind.kind}`, () => this.#objects.apply(wanted.kind, wanted.manifest));
    };
    await applied("ConfigMapUpdateFailed", uplinkConfigMap(node, spec, document));
    await applied("ServiceUpdateFailed", uplinkService(node, spec));
    const set = uplinkStatefulSet(node, spec, template);
    try {
      await applied("StatefulSetUpdateFailed", set);
    } catch (error) {
      // Of achetronic/tunnel: its selector is another one, and cannot be changed.
      if (!(error instanceof NodeFailure) || !isStatus(error.cause, 422)) throw error;
      await this.#objects.remove(kubeKinds.statefulSet, { namespace: spec.uplink.namespace, name: uplinkName(node) });
      await applied("StatefulSetUpdateFailed", set);
    }
  }

  /** A pod that is changed has the kubelet read its volumes at once. Labels that pods need not know are changed without replacing them. */
  async mark(pods: readonly SeenPod[], document: string, { metadata }: PodTemplate): Promise<void> {
    const before = this.#metadata ?? metadata;
    this.#metadata = metadata;
    const { [annotations.podHash]: _own, ...wanted } = metadata.annotations;
    const wantedAnnotations = { ...gone(before.annotations, metadata.annotations), ...wanted, [annotations.document]: document };
    const wantedLabels = { ...gone(before.labels, metadata.labels), ...metadata.labels };
    await Promise.all(
      pods.map(async ({ meta }) => {
        const change = { labels: differing(meta.labels, wantedLabels), annotations: differing(meta.annotations, wantedAnnotations) };
        if (deepEquals(change, { labels: {}, annotations: {} })) return;
        const name = { namespace: meta.namespace ?? "", name: meta.name };
        await orFail("StatefulSetUpdateFailed", "mark a pod", () =>
          this.#objects.merge(kubeKinds.pod, name, { metadata: { uid: meta.uid, ...change } }),
        );
      }),
    );
  }

  async replace({ meta }: SeenPod): Promise<void> {
    await orFail("StatefulSetUpdateFailed", "replace a pod", () =>
      this.#objects.remove(kubeKinds.pod, { namespace: meta.namespace ?? "", name: meta.name }),
    );
  }

  /** Nothing of that name is another EdgeNode's. */
  async isOwner(namespace: string): Promise<boolean> {
    const keys = await this.#objects.get(kubeKinds.secret, { namespace, name: keysName(this.#node) });
    return keys === undefined || ownerOf(keys, this.#node) === this.#node.namespace;
  }

  async remove(namespace: string): Promise<void> {
    const name = { namespace, name: uplinkName(this.#node) };
    const keys = { namespace, name: keysName(this.#node) };
    for (const kind of [kubeKinds.statefulSet, kubeKinds.service, kubeKinds.configMap]) await this.#objects.remove(kind, name);
    await this.#objects.remove(kubeKinds.secret, keys);
  }
}

/** The namespace of the EdgeNode whose it is. */
function ownerOf({ metadata }: KubeObject, node: ObjectName): string {
  return metadata.labels?.[labels.ownerNamespace] ?? node.namespace;
}

type Texts = Readonly<Record<string, string>>;

/** As a merge patch removes them. */
function gone(before: Texts, now: Texts): Record<string, null> {
  return Object.fromEntries(Object.keys(before).flatMap((key) => (key in now ? [] : [[key, null]])));
}

function differing(there: Texts = {}, wanted: Readonly<Record<string, string | null>>): Record<string, string | null> {
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => (there[key] ?? null) !== value));
}
