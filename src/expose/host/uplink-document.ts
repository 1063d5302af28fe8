/** What an uplink does, as the operator writes it into its ConfigMap: `uplink.json`. */

import * as v from "valibot";
import type { EdgePlan } from "#expose/plan/edge-plan.ts";
import { hashOf } from "#expose/plan/settings.ts";
import { parseDocument } from "./document.ts";
import { targetKey } from "./target-key.ts";

/** Rises with every change that an older uplink would misunderstand. */
const uplinkDocumentVersion = 1;

const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const uplinkDocument = v.object({
  version: v.literal(uplinkDocumentVersion),
  node: v.string(),
  hash: v.string(),
  transport: v.picklist(["wireguard", "tls"]),
  edge: v.object({
    /** The public address or name of the host, and the tunnel's port there. */
    host: v.string(),
    port,
    /** In base64: of WireGuard, or the SHA-256 of the SPKI with TLS. */
    publicKey: v.string(),
    /** Inside the tunnel. */
    address: v.string(),
  }),
  network: v.string(),
  mtu: count,
  persistentKeepaliveS: count,
  /** By ordinal: an uplink that is not among them is not wanted any more. */
  uplinks: v.array(v.object({ ordinal: count, address: v.string() })),
  targets: v.array(v.object({ key: v.string(), protocol: v.picklist(["TCP", "UDP"]), address: v.string(), port })),
});

export type UplinkDocument = v.InferOutput<typeof uplinkDocument>;
export type UplinkTarget = UplinkDocument["targets"][number];

/** Throws KtError `protocol` in a sentence: also for one of a newer version. */
export function parseUplinkDocument(text: string): UplinkDocument {
  return parseDocument(text, uplinkDocument, uplinkDocumentVersion, "the uplink's plan");
}

/** `edgePublicKey`: what the edge's host has made. */
export function uplinkDocumentOf({ node, settings, bindings }: EdgePlan, edgePublicKey: string): UplinkDocument {
  const targets = new Map<string, UplinkTarget>();
  for (const {
    settings: { protocol },
    target,
  } of bindings) {
    if (target.address === undefined) continue;
    const key = targetKey(protocol, target);
    targets.set(key, { key, protocol, address: target.address, port: target.port });
  }
  const content: Omit<UplinkDocument, "version" | "hash"> = {
    node: `${node.namespace}/${node.name}`,
    transport: settings.transport,
    edge: { host: settings.address, port: settings.tunnelPort, publicKey: edgePublicKey, address: settings.edgeAddress },
    network: settings.network,
    mtu: settings.mtu,
    persistentKeepaliveS: settings.persistentKeepaliveS,
    uplinks: settings.uplinks.map(({ ordinal, address }) => ({ ordinal, address })),
    targets: [...targets.values()].sort((left, right) => (left.key < right.key ? -1 : 1)),
  };
  return { version: uplinkDocumentVersion, hash: hashOf(content), ...content };
}
