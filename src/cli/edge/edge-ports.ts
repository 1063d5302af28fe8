/** What kt itself needs on a host of the public edge, besides the ports of bindings: its own ports, and room in packets. */

import type { NeededPort } from "#remote/doctor/host-findings.ts";

/** Where the edge answers for itself, inside the tunnel. */
const statusPort = 40_600;

export function ownPorts(tunnelPort: number, transport: "wireguard" | "tls"): NeededPort[] {
  return [
    { protocol: transport === "tls" ? "tcp" : "udp", port: tunnelPort, what: "the tunnel" },
    { protocol: "tcp", port: statusPort, what: "the edge's own status" },
  ];
}

/** What WireGuard adds to each packet: its header and tag, and those of UDP and IP. */
export function wireGuardBytes(host: string): number {
  return 32 + 8 + (host.includes(":") ? 40 : 20);
}
