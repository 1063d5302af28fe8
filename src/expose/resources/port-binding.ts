/** The PortBinding: public ports of an EdgeNode, and where each leads in the cluster. Pure. */

import { choice, filled, flag, integer, list, object, oneNumber, optional, required, text, type ValueOf } from "#expose/schema/field.ts";
import type { Rule } from "#expose/schema/open-api.ts";
import { isIpAddress } from "#expose/values/hosts.ts";
import { conditions, duration, durationOrZero, nodeRef, objectName, port, secretRef } from "./shared.ts";

export const portBindingDefaults = { connectTimeout: "5s", idleTimeout: "1h", sessionTimeout: "60s" } as const;

/** Of one object; CEL compares each with each, and would cost too much for more. */
export const mostBindings = 256;

const tcp = object(
  {
    proxyProtocol: filled("Begin each connection to the target with a PROXY header.", flag, false),
    proxyProtocolVersion: optional("Its version; default: 1.", oneNumber([1, 2])),
    connectTimeout: filled("How long connecting to the target may take.", duration, portBindingDefaults.connectTimeout),
    idleTimeout: filled("A connection without bytes is closed after this; 0s: never.", durationOrZero, portBindingDefaults.idleTimeout),
  },
  [
    {
      cel: "!has(self.proxyProtocolVersion) || self.proxyProtocol",
      message: "proxyProtocolVersion needs proxyProtocol: true",
      holds: ({ proxyProtocol, proxyProtocolVersion }) => proxyProtocolVersion === undefined || proxyProtocol,
    },
  ],
);

const udp = object({
  proxyProtocol: filled("Begin the first datagram of each session with a PROXY header of version 2.", flag, false),
  sessionTimeout: filled("A session without datagrams ends after this.", duration, portBindingDefaults.sessionTimeout),
});

const serverName = text({
  minLength: 1,
  maxLength: 253,
  pattern: "^([*][.])?[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?([.][A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)*$",
});

const tls = object(
  {
    mode: required(
      "passthrough leaves TLS to the target; offload ends it on the host; mutual also asks clients for a certificate.",
      choice(["passthrough", "offload", "mutual"]),
    ),
    secretRef: optional("The Secret with tls.crt and tls.key, and for mutual ca.crt.", secretRef),
    serverNames: optional(
      "Names by which bindings share a port, as a.example.com or *.example.com; the one without gets the rest.",
      list(serverName, { maxItems: 64, isSet: true }),
    ),
    alpn: optional(
      "Protocols to offer where TLS ends on the host; default: http/1.1, h2.",
      list(text({ minLength: 1, maxLength: 255 }), { maxItems: 16, isSet: true }),
    ),
  },
  [
    {
      cel: "self.mode == 'passthrough' || has(self.secretRef)",
      message: "tls.secretRef is required when mode is offload or mutual",
      holds: ({ mode, secretRef: ref }) => mode === "passthrough" || ref !== undefined,
    },
    {
      cel: "self.mode != 'passthrough' || !has(self.alpn)",
      message: "tls.alpn is for the modes offload and mutual",
      holds: ({ mode, alpn }) => mode !== "passthrough" || alpn === undefined,
    },
  ],
);

const target = object(
  {
    service: optional(
      "A Service of the cluster.",
      object({
        name: required("Its name.", text({ minLength: 1 })),
        namespace: required("Its namespace.", text({ minLength: 1 })),
        port: required("Its port.", port),
      }),
    ),
    address: optional(
      "An IP address that the cluster reaches.",
      text({
        maxLength: 45,
        rules: [{ cel: "isIP(self)", message: "must be an IP address: a Service is named by target.service", holds: isIpAddress }],
      }),
    ),
    port: optional("The port at the address.", port),
  },
  [
    {
      cel: "has(self.service) != has(self.address)",
      message: "target must have either service or address, and not both",
      holds: ({ service, address }) => (service === undefined) !== (address === undefined),
    },
    {
      cel: "!has(self.address) || has(self.port)",
      message: "target.port is required with target.address",
      holds: ({ address, port: number }) => address === undefined || number !== undefined,
    },
    {
      cel: "!has(self.service) || !has(self.port)",
      message: "target.port is for target.address: that of a Service is target.service.port",
      holds: ({ service, port: number }) => service === undefined || number === undefined,
    },
  ],
);

export const bindingDefinition = object(
  {
    name: required("Of this binding, within the PortBinding.", text({ maxLength: 63, pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" })),
    protocol: required("TCP or UDP.", choice(["TCP", "UDP"])),
    listenPort: required("The public port.", port),
    tcp: optional("Settings of TCP.", tcp),
    udp: optional("Settings of UDP.", udp),
    tls: optional("What the host does about TLS; without it nothing.", tls),
    target: required("Where it leads.", target),
  },
  [
    {
      cel: "self.protocol == 'TCP' ? !has(self.udp) : !has(self.tcp)",
      message: "protocol TCP cannot have udp parameters, nor UDP tcp ones",
      holds: (binding) => (binding.protocol === "TCP" ? binding.udp === undefined : binding.tcp === undefined),
    },
    {
      cel: "!has(self.tls) || self.protocol == 'TCP'",
      message: "tls is for protocol TCP only",
      holds: (binding) => binding.tls === undefined || binding.protocol === "TCP",
    },
  ],
);

export type BindingDefinition = ValueOf<typeof bindingDefinition>;

export function hasServerNames({ tls: settings }: BindingDefinition): boolean {
  return (settings?.serverNames ?? []).length > 0;
}

const isSame = (a: BindingDefinition, b: BindingDefinition): boolean => a.protocol === b.protocol && a.listenPort === b.listenPort;

const isNamed = "(has(b.tls) && has(b.tls.serverNames) && b.tls.serverNames.size() > 0)";
const portKey = "b.listenPort + (b.protocol == 'UDP' ? 65536 : 0)";

/**
 * In CEL each binding is read once, and then numbers are compared; the list of one list is there to give that a name. To read each
 * binding for each other took an API server 16 s for as many as there may be, where this took 0.4 s.
 */
const onePort: Rule<readonly BindingDefinition[]> = {
  cel: `[self.map(b, !${isNamed}, ${portKey})].all(ports, ports.all(port, ports.indexOf(port) == ports.lastIndexOf(port)))`,
  message: "two bindings have the same protocol and listenPort",
  holds: (all) => all.every((a) => hasServerNames(a) || all.filter((b) => isSame(a, b) && !hasServerNames(b)).length === 1),
};

/** The host waits for the client's first bytes there, which a protocol without TLS may not have. */
const sharedByTls: Rule<readonly BindingDefinition[]> = {
  cel: `[self.map(b, ${isNamed}, ${portKey})].all(shared, self.all(b, has(b.tls) || !((${portKey}) in shared)))`,
  message: "only bindings with tls can share a port with one that has tls.serverNames",
  holds: (all) => all.every((a) => a.tls !== undefined || !all.some((b) => isSame(a, b) && hasServerNames(b))),
};

export const portBindingSpec = object({
  edgeNodeRef: required("The EdgeNode whose ports these are.", nodeRef),
  bindings: required("The ports.", list(bindingDefinition, { maxItems: mostBindings, keys: ["name"], rules: [onePort, sharedByTls] })),
});

export const portBindingStatus = object({
  observedGeneration: optional("The generation that this is about.", integer({ format: "int64" })),
  conditions: optional("Programmed and Ready.", conditions),
  bindings: optional(
    "Each binding.",
    list(
      object({
        name: required("Its name.", objectName),
        state: required("What became of it, in one word.", text({ minLength: 1, maxLength: 64 })),
        message: optional("The same in words.", text({ maxLength: 1024 })),
      }),
      { keys: ["name"] },
    ),
  ),
});
