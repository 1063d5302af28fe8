/** A document of an edge over loopback: what stands for the tunnel's network is this machine's own. */

import type { EdgeDocument } from "#expose/host/edge-document.ts";
import { hashOf } from "#expose/plan/settings.ts";

export function edgeDocument(given: Partial<EdgeDocument>): EdgeDocument {
  const content: Omit<EdgeDocument, "version" | "hash"> = {
    node: "infra/edge-node",
    transport: "wireguard",
    tunnelPort: 51_821,
    network: "127.77.0.0/24",
    edgeAddress: "127.77.0.1",
    mtu: 1420,
    uplinks: [],
    health: { intervalMs: 5000, timeoutMs: 2000, healthyThreshold: 2, unhealthyThreshold: 2 },
    maxSocketBufferBytes: 26_214_400,
    bindings: [],
    ...given,
  };
  return { version: 1, hash: hashOf(content), ...content };
}
