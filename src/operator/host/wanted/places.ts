/** Where things of kt are on the host of a public edge, and what its units are called. */

export const places = {
  /** A folder for each version of kt: named by what the binary holds. */
  binaries: "/usr/local/lib/kt",
  settings: "/etc/kt/edge",
  plan: "/etc/kt/edge/plan.json",
  certificates: "/etc/kt/edge/certs",
  /** What the host had before kt changed it, a line for each value. */
  former: "/etc/kt/edge/former",
  /** systemd makes it, for the edge's own user. Through the link that every version of systemd leaves at this path. */
  state: "/var/lib/kt-edge",
  /** Of the edge, by transport: both are made at its first start. */
  publicKeys: { wireguard: "/var/lib/kt-edge/wireguard.pub", tls: "/var/lib/kt-edge/tls.pin" },
  units: "/etc/systemd/system",
  sysctls: "/etc/sysctl.d/99-tunnel.conf",
  /** Where units are enabled. */
  wanted: "/etc/systemd/system/multi-user.target.wants",
} as const;

/** Of WireGuard, on the host. */
export const linkName = "kt-edge";

export const wireguardUnit = "kt-wireguard.service";
/** Ends all connections when the host shuts down: a stopped edge waits for its last one. */
export const shutdownUnit = "kt-edge-shutdown.service";
export const offloadsUnit = "kt-offloads.service";

/**
 * The instances of a version, which is the name of its folder. The second serves while the first ends: after a restart, or where an
 * earlier version comes back.
 */
export const edgeUnits = (version: string): readonly [first: string, second: string] => [
  `kt-edge@${version}.service`,
  `kt-edge@${version}-2.service`,
];
export const isEdgeUnit = (unit: string): boolean => unit.startsWith("kt-edge@");
export const binaryPath = (version: string): string => `${places.binaries}/${version}/kt`;
