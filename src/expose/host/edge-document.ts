/** What an edge does, as the operator writes it to its host: `plan.json`. */

import * as v from "valibot";
import type { EdgePlan } from "#expose/plan/edge-plan.ts";
import { hashOf } from "#expose/plan/settings.ts";
import { parseDocument } from "./document.ts";
import { targetKey } from "./target-key.ts";

/** Rises with every change that an older edge would misunderstand. */
const edgeDocumentVersion = 1;

const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const timeMs = v.pipe(v.number(), v.integer(), v.minValue(0));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** In the folder of certificates beside the document, without a path: `HASH.pem`, the key after the chain. */
const fileName = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}\.pem$/));

const tls = v.variant("mode", [
  v.object({ mode: v.literal("passthrough"), serverNames: v.array(v.string()) }),
  v.object({
    mode: v.picklist(["offload", "mutual"]),
    serverNames: v.array(v.string()),
    alpn: v.array(v.string()),
    certificate: fileName,
    /** Whose certificates clients must show; with `mutual` alone. */
    clientCa: v.optional(fileName),
  }),
]);

const bindingBase = {
  /** `namespace/portbinding/name`. */
  id: v.string(),
  /** Of all that an edit may change. */
  hash: v.string(),
  listenPort: port,
  target: v.string(),
};

const binding = v.variant("protocol", [
  v.object({
    ...bindingBase,
    protocol: v.literal("TCP"),
    connectTimeoutMs: timeMs,
    idleTimeoutMs: timeMs,
    proxyHeader: v.picklist([0, 1, 2]),
    tls: v.optional(tls),
  }),
  v.object({ ...bindingBase, protocol: v.literal("UDP"), sessionTimeoutMs: timeMs, proxyHeader: v.picklist([0, 2]) }),
]);

const edgeDocument = v.object({
  version: v.literal(edgeDocumentVersion),
  /** `namespace/name` of the EdgeNode. */
  node: v.string(),
  /** Of all that follows. */
  hash: v.string(),
  transport: v.picklist(["wireguard", "tls"]),
  /** UDP with WireGuard, TCP with TLS. */
  tunnelPort: port,
  /** The network inside the tunnel, and the edge's own address in it. */
  network: v.string(),
  edgeAddress: v.string(),
  mtu: count,
  /** `publicKey` in base64: of WireGuard, or the SHA-256 of the SPKI with TLS. */
  uplinks: v.array(v.object({ ordinal: count, address: v.string(), publicKey: v.string() })),
  health: v.object({ intervalMs: timeMs, timeoutMs: timeMs, healthyThreshold: count, unhealthyThreshold: count }),
  maxSocketBufferBytes: count,
  bindings: v.array(binding),
});

export type EdgeDocument = v.InferOutput<typeof edgeDocument>;
export type EdgeBinding = EdgeDocument["bindings"][number];
export type TcpEdgeBinding = Extract<EdgeBinding, { protocol: "TCP" }>;
export type UdpEdgeBinding = Extract<EdgeBinding, { protocol: "UDP" }>;
export type EdgeTls = v.InferOutput<typeof tls>;

/** Throws KtError `protocol` in a sentence: also for one of a newer version. */
export function parseEdgeDocument(text: string): EdgeDocument {
  return parseDocument(text, edgeDocument, edgeDocumentVersion, "the edge's plan");
}

export interface Certificates {
  /** Names of files, by the id of a binding that ends TLS; a binding without any is left out. */
  readonly of: (id: string) => { readonly certificate: string; readonly clientCa: string | undefined } | undefined;
}

/** `publicKeys` by ordinal; an uplink without one is left out. */
export function edgeDocumentOf(plan: EdgePlan, publicKeys: ReadonlyMap<number, string>, certificates: Certificates): EdgeDocument {
  const { settings } = plan;
  const content: Omit<EdgeDocument, "version" | "hash"> = {
    node: `${plan.node.namespace}/${plan.node.name}`,
    transport: settings.transport,
    tunnelPort: settings.tunnelPort,
    network: settings.network,
    edgeAddress: settings.edgeAddress,
    mtu: settings.mtu,
    uplinks: settings.uplinks.flatMap(({ ordinal, address }) => {
      const publicKey = publicKeys.get(ordinal);
      return publicKey === undefined ? [] : [{ ordinal, address, publicKey }];
    }),
    health: settings.health,
    maxSocketBufferBytes: settings.maxSocketBufferBytes,
    bindings: plan.bindings.flatMap((planned) => bindingOf(planned, certificates)),
  };
  return { version: edgeDocumentVersion, hash: hashOf(content), ...content };
}

function bindingOf({ id, hash, listenPort, settings, target }: EdgePlan["bindings"][number], certificates: Certificates): EdgeBinding[] {
  const base = { id, hash, listenPort, target: targetKey(settings.protocol, target) };
  if (settings.protocol === "UDP") {
    return [{ ...base, protocol: "UDP", sessionTimeoutMs: settings.sessionTimeoutMs, proxyHeader: settings.proxyHeader }];
  }
  const { connectTimeoutMs, idleTimeoutMs, proxyHeader } = settings;
  const tcp = { ...base, protocol: "TCP", connectTimeoutMs, idleTimeoutMs, proxyHeader } as const;
  if (settings.tls === undefined) return [tcp];
  const { mode, alpn } = settings.tls;
  const serverNames = [...settings.tls.serverNames];
  if (mode === "passthrough") return [{ ...tcp, tls: { mode, serverNames } }];
  const files = certificates.of(id);
  if (files === undefined) return [];
  const { certificate, clientCa } = files;
  // A renewed certificate is another setting: its file is named by what it holds.
  return [
    {
      ...tcp,
      hash: hashOf({ hash, certificate, clientCa }),
      tls: { mode, serverNames, alpn: [...alpn], certificate, ...(clientCa === undefined ? {} : { clientCa }) },
    },
  ];
}
