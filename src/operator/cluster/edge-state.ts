/** All that the operator watches, and which EdgeNode each change is about. */

import { deepEquals } from "bun";
import type { SeenService } from "#expose/plan/lookups.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import { labels } from "./names.ts";
import { FollowedSecrets } from "./followed-secrets.ts";
import { Informer, type Watching } from "./informer.ts";
import { type KubeObject, kubeKinds, type ObjectMeta } from "./kinds.ts";
import {
  nameOf,
  type Seen,
  type SeenBinding,
  seenBinding,
  type SeenNode,
  seenNode,
  type SeenPod,
  seenPod,
  secretsOf,
  seenService,
  servicesOf,
  sshSecretOf,
} from "./seen.ts";

/** `wanted`: what should be may be other than before; `status`: what is may be. */
export type ChangeKind = "wanted" | "status";

export interface EdgeStateOptions extends Watching {
  /** Of the EdgeNodes and PortBindings; default: all. */
  readonly namespace?: string | undefined;
  /** By `namespace/name`; also of one that is not there. */
  readonly onChange: (node: string, kind: ChangeKind) => void;
}

export class EdgeState {
  readonly #onChange: EdgeStateOptions["onChange"];
  readonly nodes: Informer<SeenNode>;
  readonly portBindings: Informer<SeenBinding>;
  readonly services: Informer<NamedService>;
  readonly pods: Informer<SeenPod>;
  readonly #sets: Informer<ObjectMeta>;
  readonly #documents: Informer<OwnedDocument>;
  readonly secrets: FollowedSecrets;

  constructor({ onChange, namespace, ...watching }: EdgeStateOptions) {
    this.#onChange = onChange;
    const { edgeNode, portBinding, service, pod, statefulSet, configMap } = kubeKinds;
    const owned = labels.ownerName;
    this.secrets = new FollowedSecrets(watching, (name) => this.#secretChanged(name));
    this.nodes = new Informer({
      ...watching,
      namespace,
      kind: edgeNode,
      pick: seenNode,
      onChange: (now, was) => this.#nodeChanged(now, was),
    });
    this.portBindings = new Informer({
      ...watching,
      namespace,
      kind: portBinding,
      pick: seenBinding,
      onChange: (now, was) => this.#bindingChanged(now, was),
    });
    this.services = new Informer({
      ...watching,
      kind: service,
      pick: (raw) => ({ ...seenService(raw), name: nameOf(raw.metadata), owner: ownerOf(raw.metadata) }),
      onChange: (now, was) => this.#serviceChanged(now, was),
    });
    this.pods = new Informer({ ...watching, kind: pod, labels: owned, pick: seenPod, onChange: (now, was) => this.#podChanged(now, was) });
    const pick = ({ metadata }: KubeObject): ObjectMeta => metadata;
    this.#sets = new Informer({ ...watching, kind: statefulSet, labels: owned, pick, onChange: (now, was) => this.#setChanged(now, was) });
    this.#documents = new Informer({
      ...watching,
      kind: configMap,
      labels: owned,
      pick: ({ metadata, data }) => ({ owner: ownerOf(metadata), data }),
      onChange: (now, was) => this.#ownedChanged(now, was),
    });
  }

  /** Once everything has been listed. */
  async ready(): Promise<void> {
    await Promise.all(this.#informers.map(({ listed }) => listed));
    this.#followSecrets();
  }

  bindingsOf(node: string): SeenBinding[] {
    return [...this.portBindings.items.values()].filter(({ object }) => object.node && formatName(object.node) === node);
  }

  podsOf(node: string): SeenPod[] {
    return [...this.pods.items.values()].filter(({ meta }) => ownerOf(meta) === node);
  }

  close(): void {
    for (const informer of this.#informers) informer.close();
    this.secrets.close();
  }

  get #informers(): readonly Pick<Informer<unknown>, "listed" | "close">[] {
    return [this.nodes, this.portBindings, this.services, this.pods, this.#sets, this.#documents];
  }

  #nodeChanged(now: SeenNode | undefined, was: SeenNode | undefined): void {
    const meta = (now ?? was)?.meta;
    if (meta === undefined) return;
    if (isOtherSpec(now, was)) this.#followSecrets();
    const isNoise = !isOtherSpec(now, was) && deepEquals(now?.meta.annotations, was?.meta.annotations);
    this.#onChange(formatName(nameOf(meta)), isNoise ? "status" : "wanted");
  }

  #bindingChanged(now: SeenBinding | undefined, was: SeenBinding | undefined): void {
    const isWanted = isOtherSpec(now, was);
    if (isWanted) this.#followSecrets();
    const nodes = [now, was].flatMap((each) => (each?.object.node === undefined ? [] : [formatName(each.object.node)]));
    for (const node of new Set(nodes)) this.#onChange(node, isWanted ? "wanted" : "status");
  }

  #serviceChanged(now: NamedService | undefined, was: NamedService | undefined): void {
    const name = (now ?? was)?.name;
    if (name === undefined || deepEquals(now, was)) return;
    this.#changed(({ object }) => has(servicesOf(object), name));
    this.#ownedChanged(now, was);
  }

  /** What the operator has made itself: also where it was removed or edited by another. */
  #ownedChanged(now: Owned | undefined, was: Owned | undefined): void {
    const owner = (now ?? was)?.owner;
    if (owner !== undefined && !deepEquals(now, was)) this.#onChange(owner, "wanted");
  }

  #secretChanged(name: ObjectName): void {
    this.#changed(({ object }) => has(secretsOf(object), name));
    for (const [key, { object }] of this.nodes.items) {
      const own = sshSecretOf(object);
      if (own && formatName(own) === formatName(name)) this.#onChange(key, "wanted");
    }
  }

  #podChanged(now: SeenPod | undefined, was: SeenPod | undefined): void {
    const node = ownerOf((now ?? was)?.meta);
    if (node === undefined) return;
    // Which uplinks there are decides which the host lets in, and which serve decides which may be replaced.
    const isSame = now !== undefined && now.isReady === was?.isReady && now.isTerminating === was.isTerminating;
    this.#onChange(node, isSame ? "status" : "wanted");
  }

  #setChanged(now: ObjectMeta | undefined, was: ObjectMeta | undefined): void {
    const node = ownerOf(now ?? was);
    if (node !== undefined && now?.generation !== was?.generation) this.#onChange(node, "wanted");
  }

  #changed(isAbout: (binding: SeenBinding) => boolean): void {
    const about = [...this.portBindings.items.values()].filter(isAbout);
    const nodes = about.flatMap(({ object: { node } }) => (node === undefined ? [] : [formatName(node)]));
    for (const node of new Set(nodes)) this.#onChange(node, "wanted");
  }

  #followSecrets(): void {
    const ssh = [...this.nodes.items.values()].flatMap(({ object }) => sshSecretOf(object) ?? []);
    const tls = [...this.portBindings.items.values()].flatMap(({ object }) => secretsOf(object));
    this.secrets.follow([...ssh, ...tls]);
  }
}

/** `owner`: the EdgeNode whose it is, where the operator has made it. */
interface Owned {
  readonly owner: string | undefined;
}

type NamedService = SeenService & Owned & { readonly name: ObjectName };
type OwnedDocument = Owned & { readonly data: KubeObject["data"] };

function isOtherSpec<Item>(now: Seen<Item> | undefined, was: Seen<Item> | undefined): boolean {
  const { generation, deletionTimestamp, uid } = now?.meta ?? {};
  return generation !== was?.meta.generation || deletionTimestamp !== was?.meta.deletionTimestamp || uid !== was?.meta.uid;
}

function has(names: readonly ObjectName[], name: ObjectName): boolean {
  return names.some((each) => formatName(each) === formatName(name));
}

function ownerOf(meta: ObjectMeta | undefined): string | undefined {
  const { [labels.ownerNamespace]: namespace, [labels.ownerName]: name } = meta?.labels ?? {};
  return namespace === undefined || name === undefined ? undefined : formatName({ namespace, name });
}
