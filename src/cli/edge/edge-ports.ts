/** The ports that kt itself needs on a host of the public edge, besides those of bindings. */

import type { NeededPort } from "#remote/doctor/host-findings.ts";

/** Where the edge answers for itself, inside the tunnel. */
const statusPort = 40_600;

export function ownPorts(tunnelPort: number, transport: "wireguard" | "tls"): NeededPort[] {
  return [
    { protocol: transport === "tls" ? "tcp" : "udp", port: tunnelPort, what: "the tunnel" },
    { protocol: "tcp", port: statusPort, what: "the edge's own status" },
  ];
}
