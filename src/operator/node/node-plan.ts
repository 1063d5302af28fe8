/** What one EdgeNode wants at this moment: its plan, and the documents of its host and its uplinks. */

import { edgeDocumentOf } from "#expose/host/edge-document.ts";
import { type EdgePlan, edgePlan } from "#expose/plan/edge-plan.ts";
import type { Lookups } from "#expose/plan/lookups.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import { edgeNodeDefaults } from "#expose/resources/edge-node.ts";
import { parseOverlay, uplinkAddress } from "#expose/values/overlay.ts";
import type { EdgeState } from "#operator/cluster/edge-state.ts";
import { type SeenNode, secretsOf } from "#operator/cluster/seen.ts";
import { type Certified, type SecretData, withCertificates } from "#operator/desired/certificates.ts";
import { ordinalOf } from "#operator/cluster/names.ts";

/** What a plan is made of, by UID. */
export type Generations = ReadonlyMap<string, number>;

/** Undefined where the EdgeNode itself is wrong. */
export async function plannedNode(
  state: EdgeState,
  { object, meta: own }: SeenNode,
): Promise<(Certified & { readonly generations: Generations }) | undefined> {
  const objects = state.bindingsOf(formatName(object)).filter(({ meta }) => meta.deletionTimestamp === undefined);
  const secrets = await readSecrets(
    state,
    objects.flatMap((each) => secretsOf(each.object)),
  );
  const lookups: Lookups = {
    service: (name) => state.services.items.get(formatName(name)),
    secretKeys: (name) => keysOf(secrets.get(formatName(name))),
  };
  const plan = edgePlan(
    object,
    objects.map((each) => each.object),
    lookups,
  );
  const generations = new Map([own, ...objects.map(({ meta }) => meta)].map(({ uid = "", generation = 0 }) => [uid, generation]));
  return plan && { ...withCertificates(plan, secrets), generations };
}

async function readSecrets(state: EdgeState, names: readonly ObjectName[]): Promise<ReadonlyMap<string, SecretData>> {
  const distinct = new Map(names.map((name) => [formatName(name), name]));
  const read = await Promise.all([...distinct].map(async ([key, name]) => [key, await state.secrets.read(name)] as const));
  return new Map(read.flatMap(([key, seen]) => (seen?.state === "there" ? [[key, seen.data] as const] : [])));
}

function keysOf(data: SecretData | undefined): ReadonlySet<string> | undefined {
  return data && new Set([...data].flatMap(([key, bytes]) => (bytes.length === 0 ? [] : [key])));
}

/** Ordinals of uplinks that are not wanted any more and still drain: the host goes on with them until they are gone. */
export function departing(state: EdgeState, node: ObjectName, { settings }: EdgePlan): number[] {
  const pods = state.podsOf(formatName(node)).flatMap(({ meta }) => ordinalOf(node, meta.name) ?? []);
  return pods.filter((ordinal) => !settings.uplinks.some((each) => each.ordinal === ordinal));
}

export function edgeDocument(certified: Certified, keys: ReadonlyMap<number, string>, extra: readonly number[]) {
  const { plan, certificates } = certified;
  const overlay = parseOverlay(plan.settings.network) ?? parseOverlay(edgeNodeDefaults.network);
  const leaving = overlay === undefined ? [] : extra.map((ordinal) => ({ ordinal, address: uplinkAddress(overlay, ordinal) }));
  const uplinks = [...plan.settings.uplinks, ...leaving].sort((left, right) => left.ordinal - right.ordinal);
  return edgeDocumentOf({ ...plan, settings: { ...plan.settings, uplinks } }, keys, certificates);
}
