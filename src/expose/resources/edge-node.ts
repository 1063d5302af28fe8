/** The EdgeNode: one host with a public address, and the pods that connect the cluster to it. Pure. */

import { choice, filled, flag, integer, list, mapOf, object, optional, required, text, type ValueOf } from "#expose/schema/field.ts";
import type { Rule } from "#expose/schema/open-api.ts";
import { hostPattern, isHost, numericEndPattern } from "#expose/values/hosts.ts";
import { parseOverlay, roomFor } from "#expose/values/overlay.ts";
import { affinity, resources, tolerations } from "./scheduling.ts";
import { conditions, dateTime, duration, durationOrZero, portOrDefault, secretRef } from "./shared.ts";

/** What the API server fills in, and what an empty value means. */
export const edgeNodeDefaults = {
  sshPort: 22,
  sshUser: "root",
  sshConnectTimeout: "30s",
  kernelMaxSocketBufferBytes: 26_214_400,
  healthInterval: "5s",
  healthTimeout: "2s",
  tunnelPort: 51_821,
  network: "10.200.0.0/24",
  mtu: 1420,
  persistentKeepalive: 25,
  uplinkNamespace: "tunnel",
} as const;

const address = text({
  maxLength: 255,
  rules: [
    {
      // IPv6 may stand in brackets, as it had to for achetronic/tunnel.
      cel: `isIP(self) || (self.matches('^\\\\[.*\\\\]$') && isIP(self.substring(1, self.size() - 1))) || (self.matches('${hostPattern}') && !self.matches('${numericEndPattern}'))`,
      message: "must be an IP address or a host name",
      holds: isHost,
    },
  ],
});

const network = text({
  maxLength: 43,
  rules: [
    {
      cel: "self == '' || (isCIDR(self) && cidr(self).ip().family() == 4)",
      message: "must be an IPv4 network such as 10.200.0.0/24",
      holds: (value) => value === "" || parseOverlay(value) !== undefined,
    },
  ],
});

/** 0 is the default; IPv4 takes 68 bytes at least (RFC 791). */
const mtu = integer({
  minimum: 0,
  maximum: 65_535,
  rules: [{ cel: "self == 0 || self >= 68", message: "must be 68 or more", holds: (bytes) => bytes === 0 || bytes >= 68 }],
});

const ssh = object({
  port: filled("The port of its SSH server.", portOrDefault, edgeNodeDefaults.sshPort),
  user: filled(
    "The user to sign in as. One that is not root needs sudo without a password.",
    text({ maxLength: 256, pattern: "^[^\\x00-\\x1f\\x7f]*$" }),
    edgeNodeDefaults.sshUser,
  ),
  secretRef: required("The Secret with privateKey, or password; passphrase; and knownHosts, as ssh-keyscan prints it.", secretRef),
  connectTimeout: filled("How long connecting may take; 0s: without a limit.", durationOrZero, edgeNodeDefaults.sshConnectTimeout),
  insecureSkipHostKeyVerification: filled("Where the Secret has no knownHosts: accept any host.", flag, false),
});

const host = object({
  kernelMaxSocketBufferBytes: filled(
    "Largest socket buffer that the kernel allows, and that of UDP listeners; 0 leaves it as it is.",
    integer({ format: "int64", minimum: 0 }),
    edgeNodeDefaults.kernelMaxSocketBufferBytes,
  ),
  disableNicOffloads: filled("Turn GRO and GSO of the public interface off.", flag, false),
});

const threshold = integer({ minimum: 1 });

const edge = object({
  healthCheck: filled(
    "How each uplink is probed.",
    object({
      interval: filled("Time between two probes.", duration, edgeNodeDefaults.healthInterval),
      timeout: filled("How long an answer may take.", duration, edgeNodeDefaults.healthTimeout),
      healthyThreshold: filled("Answers in a row until an uplink gets connections.", threshold, 2),
      unhealthyThreshold: filled("Failures in a row until it gets none.", threshold, 2),
    }),
    {},
  ),
});

const tunnel = object({
  transport: filled("How uplinks connect to the host: wireguard over UDP, or tls over TCP.", choice(["wireguard", "tls"]), "wireguard"),
  listenPort: filled("The port on the host that uplinks connect to.", portOrDefault, edgeNodeDefaults.tunnelPort),
  network: filled("Addresses inside the tunnel: the host has .1, uplinks from .2 on.", network, edgeNodeDefaults.network),
  mtu: filled("Largest packet inside the tunnel, in bytes.", mtu, edgeNodeDefaults.mtu),
  persistentKeepalive: filled(
    "Seconds between packets that keep NATs open.",
    integer({ minimum: 0, maximum: 65_535 }),
    edgeNodeDefaults.persistentKeepalive,
  ),
});

const uplink = object({
  namespace: filled(
    "Where the uplinks run. It cannot be changed.",
    text({
      maxLength: 63,
      pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
      rules: [{ cel: "self == oldSelf", message: "uplink.namespace is immutable", holds: () => true }],
    }),
    edgeNodeDefaults.uplinkNamespace,
  ),
  replicas: filled("How many uplinks share the connections.", integer({ minimum: 1, maximum: 253 }), 1),
  labels: optional("Of the pods.", mapOf(text())),
  annotations: optional("Of the pods.", mapOf(text())),
  resources: optional("Of the container.", resources),
  nodeSelector: optional("Labels that the pods' nodes must have.", mapOf(text())),
  tolerations: optional("Taints that the pods may run in spite of.", tolerations),
  affinity: optional("Default: no two uplinks on one node.", affinity),
});

/** `{}` as the default of each object has the API server fill in the defaults inside it, too. */
const spec = {
  address: required("The public address of the host: an IP address or a name.", address),
  ssh: required("How kt signs in there.", ssh),
  host: filled("Settings of its kernel and network.", host, {}),
  edge: filled("How it shares connections among uplinks.", edge, {}),
  tunnel: filled("The tunnel between the uplinks and the host.", tunnel, {}),
  uplink: filled("The pods in the cluster.", uplink, {}),
};

/** The network has room for the host and its uplinks. Up to /24 there is for the most replicas that there may be. */
const room: Rule<{
  readonly tunnel: ValueOf<typeof tunnel>;
  readonly uplink: ValueOf<typeof uplink>;
}> = {
  cel: roomCel(),
  message: "tunnel.network is too small for uplink.replicas",
  holds({ tunnel: { network: given }, uplink: { replicas } }) {
    const overlay = parseOverlay(given === "" ? edgeNodeDefaults.network : given);
    return overlay !== undefined && replicas <= roomFor(overlay);
  },
};

function roomCel(): string {
  const prefix = "cidr(self.tunnel.network).prefixLength()";
  const rooms = [24, 25, 26, 27, 28, 29, 30].map((bits) => [bits, roomFor({ base: 0, prefix: bits })] as const);
  const cases = rooms.map(([bits, uplinks]) => `(${prefix} <= ${bits} && self.uplink.replicas <= ${uplinks})`);
  return `self.tunnel.network == '' || ${cases.join(" || ")}`;
}

export const edgeNodeSpec = object(spec, [room]);

export type EdgeNodeSpec = ValueOf<typeof edgeNodeSpec>;

export const edgeNodeStatus = object({
  observedGeneration: optional("The generation that this is about.", integer({ format: "int64" })),
  conditions: optional("Enrolled, TunnelEstablished, ConfigSynced and Ready.", conditions),
  publicKey: optional("Of the host's end of the tunnel.", text()),
  uplink: optional(
    "Each uplink.",
    list(
      object({
        ordinal: required("Its number.", integer()),
        tunnelIP: required("Its address inside the tunnel.", text()),
        publicKey: required("Its key.", text()),
        lastHandshake: optional("When it last agreed on keys with the host.", dateTime()),
      }),
      { keys: ["ordinal"] },
    ),
  ),
  appliedConfigHash: optional("Of all that is on the host.", text()),
  appliedBindings: optional("PortBindings on the host, as namespace/name.", list(text(), { isSet: true })),
});
