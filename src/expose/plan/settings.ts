/** What a host does for one binding: its definition with every default filled in, times in milliseconds, and no choice left. Pure. */

import { CryptoHasher } from "bun";
import { edgeNodeDefaults, type EdgeNodeSpec } from "#expose/resources/edge-node.ts";
import { type BindingDefinition, portBindingDefaults } from "#expose/resources/port-binding.ts";
import type { ObjectName } from "#expose/resources/read-objects.ts";
import { bare } from "#expose/values/hosts.ts";
import { parseGoDuration } from "#expose/values/go-duration.ts";
import { edgeAddress, formatOverlay, parseOverlay, type Overlay, uplinkAddress } from "#expose/values/overlay.ts";

export interface TcpSettings {
  readonly protocol: "TCP";
  readonly connectTimeoutMs: number;
  /** 0: never. */
  readonly idleTimeoutMs: number;
  /** Version of the PROXY header that a connection to the target begins with; 0: none. */
  readonly proxyHeader: 0 | 1 | 2;
  readonly tls: TlsSettings | undefined;
}

export interface UdpSettings {
  readonly protocol: "UDP";
  readonly sessionTimeoutMs: number;
  readonly proxyHeader: 0 | 2;
}

export interface TlsSettings {
  readonly mode: "passthrough" | "offload" | "mutual";
  /** Undefined for passthrough, which needs none. */
  readonly secret: ObjectName | undefined;
  /** In small letters; empty: all that no other binding of the port has. */
  readonly serverNames: readonly string[];
  /** In the order in which they are preferred. */
  readonly alpn: readonly string[];
}

/** http/1.1 before h2: clients of gRPC offer h2 alone, and others work with either. */
const usualAlpn = ["http/1.1", "h2"] as const;

/** What Go reads as a time; "" is the default. */
function timeMs(text: string | undefined, fallback: string): number {
  const given = text === undefined || text === "" ? fallback : text;
  // A time above 0 stays above 0, however short.
  return Math.ceil(parseGoDuration(given) ?? 0);
}

export function protocolSettings(definition: BindingDefinition, namespace: string): TcpSettings | UdpSettings {
  const { protocol, tcp, udp } = definition;
  if (protocol === "UDP") {
    const sessionTimeoutMs = timeMs(udp?.sessionTimeout, portBindingDefaults.sessionTimeout);
    return { protocol, sessionTimeoutMs, proxyHeader: udp?.proxyProtocol === true ? 2 : 0 };
  }
  return {
    protocol,
    connectTimeoutMs: timeMs(tcp?.connectTimeout, portBindingDefaults.connectTimeout),
    idleTimeoutMs: timeMs(tcp?.idleTimeout, portBindingDefaults.idleTimeout),
    proxyHeader: tcp?.proxyProtocol === true ? (tcp.proxyProtocolVersion ?? 1) : 0,
    tls: tlsSettings(definition, namespace),
  };
}

function tlsSettings({ tls }: BindingDefinition, namespace: string): TlsSettings | undefined {
  if (tls === undefined) return undefined;
  const { mode, secretRef, serverNames = [], alpn } = tls;
  const ends = mode !== "passthrough";
  const secret = ends && secretRef ? { namespace: secretRef.namespace || namespace, name: secretRef.name } : undefined;
  return {
    mode,
    secret,
    serverNames: [...new Set(serverNames.map((name) => name.toLowerCase()))].sort(),
    alpn: ends ? (alpn ?? usualAlpn) : [],
  };
}

/** What is the same for all bindings of a host. */
export interface NodeSettings {
  /** IPv6 without brackets. */
  readonly address: string;
  readonly sshPort: number;
  readonly transport: "wireguard" | "tls";
  readonly tunnelPort: number;
  readonly network: string;
  readonly edgeAddress: string;
  readonly mtu: number;
  readonly persistentKeepaliveS: number;
  readonly uplinks: readonly { readonly ordinal: number; readonly address: string }[];
  readonly health: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly healthyThreshold: number;
    readonly unhealthyThreshold: number;
  };
  readonly maxSocketBufferBytes: number;
  readonly disableNicOffloads: boolean;
}

const wholeIpv4: Overlay = { base: 0, prefix: 0 };

export function nodeSettings({ address, ssh, host, edge: { healthCheck }, tunnel, uplink }: EdgeNodeSpec): NodeSettings {
  const overlay = parseOverlay(tunnel.network || edgeNodeDefaults.network) ?? wholeIpv4;
  return {
    address: bare(address),
    sshPort: ssh.port || edgeNodeDefaults.sshPort,
    transport: tunnel.transport,
    tunnelPort: tunnel.listenPort || edgeNodeDefaults.tunnelPort,
    network: formatOverlay(overlay),
    edgeAddress: edgeAddress(overlay),
    mtu: tunnel.mtu || edgeNodeDefaults.mtu,
    persistentKeepaliveS: tunnel.persistentKeepalive || edgeNodeDefaults.persistentKeepalive,
    uplinks: Array.from({ length: uplink.replicas }, (_, ordinal) => ({ ordinal, address: uplinkAddress(overlay, ordinal) })),
    health: {
      intervalMs: timeMs(healthCheck.interval, edgeNodeDefaults.healthInterval),
      timeoutMs: timeMs(healthCheck.timeout, edgeNodeDefaults.healthTimeout),
      healthyThreshold: healthCheck.healthyThreshold,
      unhealthyThreshold: healthCheck.unhealthyThreshold,
    },
    maxSocketBufferBytes: host.kernelMaxSocketBufferBytes,
    disableNicOffloads: host.disableNicOffloads,
  };
}

/** Of a value, whichever order its fields were written in: as SHA-256, in hexadecimal. */
export function hashOf(value: unknown): string {
  return new CryptoHasher("sha256").update(JSON.stringify(value, sortedFields)).digest("hex");
}

function sortedFields(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}
