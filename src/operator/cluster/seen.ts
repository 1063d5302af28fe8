/** What the operator keeps of each object that it watches. Pure. */

import type { SeenService } from "#expose/plan/lookups.ts";
import type { BindingDefinition } from "#expose/resources/port-binding.ts";
import { type EdgeNodeObject, type ObjectName, type PortBindingObject, readObjects } from "#expose/resources/read-objects.ts";
import { isRecord } from "#expose/schema/problem.ts";
import { pickService, type RawObject } from "#kube/objects/objects.ts";
import { type KubeKind, type KubeObject, kubeKinds, type ObjectMeta } from "./kinds.ts";

export interface Seen<Item> {
  readonly meta: ObjectMeta;
  readonly object: Item;
  /** As it was written last, by whomever. */
  readonly status: Readonly<Record<string, unknown>>;
}

export type SeenNode = Seen<EdgeNodeObject>;
export type SeenBinding = Seen<PortBindingObject>;

export function seenNode(raw: KubeObject): SeenNode {
  const [object] = read(raw, kubeKinds.edgeNode).nodes;
  return seen(raw, object ?? { ...nameOf(raw.metadata), createdAt: undefined, spec: undefined, problems: [] });
}

export function seenBinding(raw: KubeObject): SeenBinding {
  const [object] = read(raw, kubeKinds.portBinding).portBindings;
  return seen(raw, object ?? { ...nameOf(raw.metadata), createdAt: undefined, node: undefined, bindings: [], problems: [] });
}

/** Items of a list do not say their kind. */
function read(raw: KubeObject, { kind, apiVersion }: KubeKind): ReturnType<typeof readObjects> {
  return readObjects([{ ...raw, kind, apiVersion }], "default");
}

function seen<Item>({ metadata, status }: KubeObject, object: Item): Seen<Item> {
  return { meta: metadata, object, status: isRecord(status) ? status : {} };
}

export function nameOf({ namespace = "", name }: ObjectMeta): ObjectName {
  return { namespace, name };
}

export function seenService(raw: KubeObject): SeenService {
  const { addresses = [], headless, ports, type } = pickService(raw as RawObject);
  const without = headless ? "it is headless" : `it is of type ${type}`;
  return { address: type === "ExternalName" ? undefined : addresses[0], without, ports };
}

/** A pod of an uplink. */
export interface SeenPod {
  readonly meta: ObjectMeta;
  readonly address: string;
  readonly isReady: boolean;
  readonly isTerminating: boolean;
}

export function seenPod({ metadata, status }: KubeObject): SeenPod {
  const { podIP, conditions } = isRecord(status) ? status : {};
  const all: readonly unknown[] = Array.isArray(conditions) ? conditions : [];
  return {
    meta: metadata,
    address: typeof podIP === "string" ? podIP : "",
    isReady: all.some((each) => isRecord(each) && each["type"] === "Ready" && each["status"] === "True"),
    isTerminating: metadata.deletionTimestamp !== undefined,
  };
}

/** The Services that its bindings lead to. */
export function servicesOf({ bindings }: PortBindingObject): ObjectName[] {
  return bindings.flatMap(({ definition }) => definition?.target.service ?? []);
}

/** The Secrets that its bindings end TLS with. */
export function secretsOf({ namespace, bindings }: PortBindingObject): ObjectName[] {
  return bindings.flatMap(({ definition }) => (definition === undefined ? [] : secretOf(definition, namespace)));
}

function secretOf({ tls }: BindingDefinition, namespace: string): ObjectName[] {
  const ref = tls === undefined || tls.mode === "passthrough" ? undefined : tls.secretRef;
  return ref === undefined ? [] : [{ namespace: ref.namespace || namespace, name: ref.name }];
}

/** The Secret that its host is entered with. */
export function sshSecretOf({ namespace, spec }: EdgeNodeObject): ObjectName | undefined {
  return spec && { namespace: spec.ssh.secretRef.namespace || namespace, name: spec.ssh.secretRef.name };
}
