/** Brings one EdgeNode to what is wanted: keys, then its host, then its uplinks. In this order no change loses a connection. */

import { edgeNodeDefaults, type EdgeNodeSpec } from "#expose/resources/edge-node.ts";
import { uplinkDocumentOf } from "#expose/host/uplink-document.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import { isRecord } from "#expose/schema/problem.ts";
import { KtError } from "#base/errors.ts";
import { kubeKinds } from "#operator/cluster/kinds.ts";
import { type SeenNode, sshSecretOf } from "#operator/cluster/seen.ts";
import type { Certified } from "#operator/desired/certificates.ts";
import { annotations, finalizer } from "#operator/cluster/names.ts";
import { podTemplate } from "#operator/desired/uplink-pod.ts";
import type { NodeFacts, Wanted } from "#operator/status/node-facts.ts";
import type { EdgeHost, HostDone, HostRequest } from "./edge-host.ts";
import { HostSession } from "./host-session.ts";
import { NodeFailure, orFail } from "./node-failure.ts";
import { departing, edgeDocument, plannedNode } from "./node-plan.ts";
import { nextToReplace } from "./replaced-pod.ts";
import { UplinkSide } from "./uplink-side.ts";
import type { WorkerContext } from "./worker-context.ts";

export interface ReconcilerListener {
  /** What is wanted is known, and nothing has been changed yet. */
  onPlanned(): void;
  /** By what the edge says of the uplink; true where it says nothing. */
  isHealthy(ordinal: number): boolean;
}

export class NodeReconciler {
  readonly #name: ObjectName;
  readonly #context: WorkerContext;
  readonly #listener: ReconcilerListener;
  readonly #session: HostSession;
  readonly #uplinks: UplinkSide;
  #wanted: Wanted | undefined;
  #publicKey: string | undefined;
  #isEnrolled = false;
  #hostHash: string | undefined;
  #takenPorts: HostDone["takenPorts"] = [];
  /** Of the document that the uplinks should have, how often their pods were poked for it, and since when. */
  #sent = { hash: "", pokes: 0, atMs: 0 };

  constructor(name: ObjectName, context: WorkerContext, listener: ReconcilerListener) {
    this.#name = name;
    this.#context = context;
    this.#listener = listener;
    this.#session = new HostSession(context.openHost);
    this.#uplinks = new UplinkSide(context.objects, name);
  }

  get facts(): Pick<NodeFacts, "wanted" | "isEnrolled" | "publicKey" | "takenPorts"> {
    return { wanted: this.#wanted, isEnrolled: this.#isEnrolled, publicKey: this.#publicKey, takenPorts: this.#takenPorts };
  }

  /** When the uplinks were last given a document, or poked for it. */
  get sentAtMs(): number {
    return this.#sent.atMs;
  }

  /** With the next attempt the pods are changed once more. */
  pokeAgain(): void {
    this.#sent = { ...this.#sent, pokes: this.#sent.pokes + 1, atMs: this.#context.clock.now() };
  }

  get pokes(): number {
    return this.#sent.pokes;
  }

  close(): void {
    this.#session.close();
  }

  /** Rejects with NodeFailure, or as the cluster's objects do. */
  async reconcile(node: SeenNode): Promise<void> {
    this.#remember(node);
    const { spec } = node.object;
    const certified = await plannedNode(this.#context.state, node);
    if (spec === undefined || certified === undefined) return this.#listener.onPlanned();
    await this.#addFinalizer(node);
    const ordinals = certified.plan.settings.uplinks.map(({ ordinal }) => ordinal);
    const extra = departing(this.#context.state, this.#name, certified.plan);
    const publicKeys = await this.#uplinks.keys(spec, [...ordinals, ...extra]);
    const document = edgeDocument(certified, publicKeys, extra);
    this.#wanted = { plan: certified.plan, document, publicKeys, generations: certified.generations };
    this.#listener.onPlanned();
    await this.#bringHost(node, spec, certified, this.#wanted);
    await this.#bringUplinks(spec, certified);
  }

  /** As it was left by the operator before this one. */
  #remember({ status }: SeenNode): void {
    const { publicKey, conditions } = status;
    if (typeof publicKey === "string") this.#publicKey ??= publicKey;
    const all: readonly unknown[] = Array.isArray(conditions) ? conditions : [];
    this.#isEnrolled ||= all.some((each) => isRecord(each) && each["type"] === "Enrolled" && each["status"] === "True");
  }

  async #addFinalizer({ meta }: SeenNode): Promise<void> {
    if (meta.finalizers?.includes(finalizer)) return;
    // Applied, which leaves those of others; with its UID, which makes none where it has gone meanwhile.
    const metadata = { ...this.#name, ...(meta.uid !== undefined && { uid: meta.uid }), finalizers: [finalizer] };
    await this.#context.objects.apply(kubeKinds.edgeNode, { metadata });
  }

  async #bringHost(node: SeenNode, spec: EdgeNodeSpec, { files }: Certified, wanted: Wanted): Promise<void> {
    const { document } = wanted;
    if (document === undefined) return;
    const request = { document, certificates: files, disablesOffloads: spec.host.disableNicOffloads };
    const done = await this.onHost(node, async (host) => await host.reconcile(request));
    this.#publicKey = done.publicKey ?? this.#publicKey;
    this.#isEnrolled = true;
    await this.#tellOf(node, done);
    this.#hostHash = done.hash;
    this.#takenPorts = done.takenPorts;
    if (node.meta.annotations?.[annotations.restartEdge] !== undefined) await this.#restart(node, request);
  }

  /** Rejects with NodeFailure. */
  async onHost<Value>({ object }: SeenNode, run: (host: EdgeHost) => Promise<Value>): Promise<Value> {
    const secret = sshSecretOf(object);
    if (object.spec === undefined || secret === undefined)
      throw new NodeFailure("PlanBuildFailed", new KtError("cluster-error", "the EdgeNode is wrong itself"));
    return await this.#session.use(object.spec, secret, await this.#context.state.secrets.read(secret), run);
  }

  async #tellOf({ meta }: SeenNode, { isNew, repairs, hash, warnings }: HostDone): Promise<void> {
    const tell = async (type: "Normal" | "Warning", reason: string, message: string): Promise<void> => {
      await this.#context.events.record(kubeKinds.edgeNode, meta, type, reason, message);
    };
    for (const warning of warnings) await tell("Warning", "HostDegraded", warning);
    if (isNew) await tell("Normal", "Provisioned", "the host has been set up");
    const former = repairs.filter(({ kind }) => kind === "taken-over");
    if (former.length > 0) await tell("Normal", "TakenOver", former.map(({ text }) => text).join("; "));
    const keys = repairs.filter(({ kind }) => kind === "certificate");
    if (keys.length > 0) {
      const texts = keys.map(({ text }) => text).join("; ");
      await tell("Warning", "PrivateKeyOnEdge", `private keys of certificates are on the host, which can be stolen: ${texts}`);
    }
    if (isNew || hash !== this.#hostHash || repairs.length === 0) return;
    await tell("Warning", "DriftRepaired", repairs.map(({ text }) => text).join("; "));
  }

  /** Asked for by an annotation, which is consumed once it was done. */
  async #restart(node: SeenNode, request: HostRequest): Promise<void> {
    const { uid, annotations: there } = node.meta;
    if (there?.[annotations.restartEdge] === "true") {
      try {
        await this.onHost(node, async (host) => await host.restart(request));
      } catch (error) {
        throw error instanceof NodeFailure ? new NodeFailure("EnvoyRestartFailed", error, error) : error;
      }
      const message = "the edge has given its ports to a fresh instance of itself";
      await this.#context.events.record(kubeKinds.edgeNode, node.meta, "Normal", "EnvoyRestarted", message);
    }
    await this.#context.objects.merge(kubeKinds.edgeNode, this.#name, {
      metadata: { uid, annotations: { [annotations.restartEdge]: null } },
    });
  }

  async #bringUplinks(spec: EdgeNodeSpec, { plan }: Certified): Promise<void> {
    const { state, image, clock } = this.#context;
    if (this.#publicKey === undefined)
      throw new NodeFailure("ProvisioningFailed", new KtError("ssh-failed", "the host has not made its end of the tunnel yet"));
    const document = uplinkDocumentOf(plan, this.#publicKey);
    if (document.hash !== this.#sent.hash) this.#sent = { hash: document.hash, pokes: 0, atMs: clock.now() };
    const template = podTemplate(this.#name, spec, image);
    await this.#uplinks.apply(spec, document, template);
    const pods = state.podsOf(formatName(this.#name));
    const mark = `${document.hash.slice(0, 16)}.${this.#sent.pokes}`;
    await this.#uplinks.mark(
      pods.filter(({ isTerminating }) => !isTerminating),
      mark,
      template,
    );
    const next = nextToReplace({
      node: this.#name,
      pods,
      ordinals: plan.settings.uplinks.map(({ ordinal }) => ordinal),
      podHash: template.metadata.annotations[annotations.podHash] ?? "",
      isHealthy: (ordinal) => this.#listener.isHealthy(ordinal),
    });
    if (next !== undefined) await this.#uplinks.replace(next);
  }

  /** The host as it was before, the objects in the cluster gone, and then the EdgeNode itself. */
  async tearDown(node: SeenNode): Promise<void> {
    const { finalizers = [], annotations: marks } = node.meta;
    if (!finalizers.includes(finalizer)) return;
    const { objects, events } = this.#context;
    const isSkipped = marks?.[annotations.skipDeprovision] === "true";
    const namespace = node.object.spec?.uplink.namespace ?? edgeNodeDefaults.uplinkNamespace;
    const isOwner = await this.#uplinks.isOwner(namespace);
    if (isOwner && !isSkipped) await this.onHost(node, async (host) => await host.remove());
    if (isOwner) await orFail("ProvisioningFailed", "remove the uplinks", () => this.#uplinks.remove(namespace));
    const how = isSkipped
      ? "the host was left as it is, and the uplinks are gone"
      : "the host is as it was before, and the uplinks are gone";
    await events.record(kubeKinds.edgeNode, node.meta, "Normal", "TornDown", isOwner ? how : "nothing was its own");
    // Nothing can be added to an object that is going, so what others do to it meanwhile is not lost.
    const value = { metadata: { uid: node.meta.uid, finalizers: finalizers.filter((each) => each !== finalizer) } };
    await objects.merge(kubeKinds.edgeNode, this.#name, value);
  }
}
