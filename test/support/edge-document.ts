/** The document of an edge as tests begin with it, and one over loopback, where this machine's own network stands for the tunnel's. */

import type { EdgeDocument } from "#expose/host/edge-document.ts";
import { hashOf } from "#expose/plan/settings.ts";

export const plainDocument: EdgeDocument = {
  version: 1,
  node: "infra/fra",
  hash: "h",
  transport: "wireguard",
  tunnelPort: 51_821,
  network: "10.200.0.0/24",
  edgeAddress: "10.200.0.1",
  mtu: 1420,
  uplinks: [],
  health: { intervalMs: 5000, timeoutMs: 2000, healthyThreshold: 2, unhealthyThreshold: 2 },
  maxSocketBufferBytes: 26_214_400,
  bindings: [],
};

export function loopbackDocument(given: Partial<EdgeDocument>): EdgeDocument {
  const document = { ...plainDocument, network: "127.77.0.0/24", edgeAddress: "127.77.0.1", ...given };
  return { ...document, hash: hashOf(document) };
}
