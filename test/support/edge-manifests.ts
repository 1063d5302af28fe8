/** EdgeNodes and PortBindings as their users write them: right ones, and one of each kind that is refused, with the words why. */

export const edgeApi = "tunnel.achetronic.com/v1alpha1";

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: "EdgeNode" | "PortBinding";
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: object;
}

export function edgeNode(name: string, spec: object = {}): Manifest {
  return {
    apiVersion: edgeApi,
    kind: "EdgeNode",
    metadata: { name },
    spec: { address: "203.0.113.10", ssh: { secretRef: { name: "vps-ssh-secret" } }, ...spec },
  };
}

export function portBinding(name: string, bindings: readonly object[], edgeNodeRef: object = { name: "edge-node" }): Manifest {
  return { apiVersion: edgeApi, kind: "PortBinding", metadata: { name }, spec: { edgeNodeRef, bindings } };
}

/** A binding that is right, but for what is given. */
export function binding(change: object = {}): object {
  return { name: "http", protocol: "TCP", listenPort: 80, target: { address: "10.96.0.10", port: 80 }, ...change };
}

const webService = { name: "my-web", namespace: "default", port: 8080 };

/** The examples of the README of achetronic/tunnel, field by field. */
export const readmeExamples: readonly Manifest[] = [
  edgeNode("edge-node"),
  portBinding("public-web", [{ name: "http", protocol: "TCP", listenPort: 80, target: { service: webService } }]),
  portBinding("public-edge", [
    {
      name: "https-web",
      protocol: "TCP",
      listenPort: 443,
      tcp: { proxyProtocol: true },
      target: { service: { name: "internal-ingress", namespace: "networking", port: 443 } },
    },
    { name: "dns-udp", protocol: "UDP", listenPort: 53, udp: { sessionTimeout: "60s" }, target: { address: "10.96.0.10", port: 53 } },
  ]),
  portBinding("public-tls", [
    {
      name: "sni-passthrough",
      protocol: "TCP",
      listenPort: 8443,
      tls: { mode: "passthrough" },
      target: { service: { name: "internal-ingress", namespace: "networking", port: 443 } },
    },
    {
      name: "https-offload",
      protocol: "TCP",
      listenPort: 9443,
      tls: { mode: "offload", secretRef: { name: "web-tls", namespace: "default" } },
      target: { service: webService },
    },
    {
      name: "grpc-mtls",
      protocol: "TCP",
      listenPort: 9444,
      tls: { mode: "mutual", secretRef: { name: "grpc-mtls", namespace: "default" } },
      target: { service: { name: "grpc-api", namespace: "default", port: 50_051 } },
    },
  ]),
  edgeNode("edge-node-ha", {
    ssh: { port: 22, user: "root", connectTimeout: "30s", secretRef: { name: "vps-ssh-secret", namespace: "default" } },
    edge: { healthCheck: { interval: "5s", timeout: "2s", healthyThreshold: 2, unhealthyThreshold: 2 } },
    tunnel: { listenPort: 51_821, network: "10.200.0.0/24", mtu: 1420, persistentKeepalive: 25 },
    uplink: {
      namespace: "tunnel",
      replicas: 3,
      labels: { environment: "production" },
      annotations: { "prometheus.io/scrape": "true" },
      resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "500m", memory: "512Mi" } },
      nodeSelector: { "node-role.kubernetes.io/edge": "true" },
      tolerations: [{ key: "dedicated", operator: "Equal", value: "edge", effect: "NoSchedule" }],
    },
  }),
];

/** Each on a port of its own. */
export function manyBindings(count: number): object[] {
  return Array.from({ length: count }, (_, at) => binding({ name: `b${at}`, listenPort: 1000 + at }));
}

const preferred = { weight: 1, podAffinityTerm: { topologyKey: "zone", labelSelector: { matchLabels: { app: "uplink" } } } };

/** What works with achetronic/tunnel beyond those, and what is new here. */
export const accepted: readonly (readonly [what: string, manifest: Manifest])[] = [
  ["an IPv6 address", edgeNode("a", { address: "2001:db8::1" })],
  ["an IPv6 address in brackets", edgeNode("a", { address: "[2001:db8::1]" })],
  ["a host name with its dot", edgeNode("a", { address: "vps.example.com." })],
  ["a network with host bits", edgeNode("a", { tunnel: { network: "10.200.0.7/24" } })],
  ["the most replicas", edgeNode("a", { uplink: { replicas: 253 } })],
  ["a small network for one", edgeNode("a", { tunnel: { network: "10.9.8.0/30" } })],
  [
    "0 and nothing for the default",
    edgeNode("a", {
      ssh: { port: 0, connectTimeout: "0s", secretRef: { name: "s" } },
      edge: { healthCheck: { interval: "", timeout: "" } },
      tunnel: { listenPort: 0, network: "", mtu: 0, persistentKeepalive: 0 },
    }),
  ],
  ["every form of a time", edgeNode("a", { edge: { healthCheck: { interval: "1h1m1.5s500ms1us1ns", timeout: ".5s" } } })],
  [
    "affinity",
    edgeNode("a", {
      uplink: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In", values: ["a"] }] }],
            },
          },
          podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [preferred] },
        },
      },
    }),
  ],
  ["no affinity at all", edgeNode("a", { uplink: { affinity: {} } })],
  ["TLS as the transport", edgeNode("a", { tunnel: { transport: "tls" } })],
  ["no bindings", portBinding("a", [])],
  ["as many bindings as there may be", portBinding("a", manyBindings(256))],
  ["TCP and UDP on one port", portBinding("a", [binding(), binding({ name: "udp", protocol: "UDP" })])],
  ["times that never end", portBinding("a", [binding({ tcp: { idleTimeout: "0s", connectTimeout: "500ms" } })])],
  ["a Secret for passthrough", portBinding("a", [binding({ tls: { mode: "passthrough", secretRef: { name: "x" } } })])],
  ["an IPv6 target", portBinding("a", [binding({ target: { address: "fd00::1", port: 1 } })])],
  ["PROXY version 2", portBinding("a", [binding({ tcp: { proxyProtocol: true, proxyProtocolVersion: 2 } })])],
  ["PROXY for UDP", portBinding("a", [binding({ protocol: "UDP", udp: { proxyProtocol: true } })])],
  [
    "a port shared by server names, one of them without",
    portBinding("a", [
      binding({ tls: { mode: "passthrough", serverNames: ["a.example.com", "*.b.example.com"] } }),
      binding({ name: "b", tls: { mode: "offload", secretRef: { name: "x" }, serverNames: ["c.example.com"], alpn: ["h2"] } }),
      binding({ name: "rest", tls: { mode: "passthrough" } }),
    ]),
  ],
];

export interface Refused {
  readonly what: string;
  readonly manifest: Manifest;
  /** In the answer of the API server. */
  readonly server: string;
  /** By `kt edge plan`, where its words are others. */
  readonly ours?: string;
}

const aboveZero = "must be a duration above 0, such as 30s, 500ms or 1h30m";
const zeroOrMore = "must be a duration of 0 or more, such as 30s, 500ms or 1h30m";
const nodeCase = (what: string, spec: object, server: string, ours?: string): Refused => {
  return { what, manifest: edgeNode("refused", spec), server, ...(ours !== undefined && { ours }) };
};
const bindingCase = (what: string, bindings: readonly object[], server: string, ours?: string): Refused => {
  return { what, manifest: portBinding("refused", bindings), server, ...(ours !== undefined && { ours }) };
};

export const refusedCases: readonly Refused[] = [
  nodeCase("no address", { address: undefined }, "spec.address: Required value", "spec.address: is missing"),
  ...["", "999.1.1.1", "203.0.113", "a..b", "vps:22", "https://vps"].map((address) =>
    nodeCase(`the address "${address}"`, { address }, "must be an IP address or a host name"),
  ),
  nodeCase("no Secret", { ssh: {} }, "spec.ssh.secretRef: Required value", "spec.ssh.secretRef: is missing"),
  nodeCase("a Secret without name", { ssh: { secretRef: { name: "" } } }, "should be at least 1 chars long", "must not be empty"),
  nodeCase(
    "an SSH port",
    { ssh: { port: 99_999, secretRef: { name: "s" } } },
    "should be less than or equal to 65535",
    "99999 is more than 65535",
  ),
  nodeCase("a time that is a word", { ssh: { connectTimeout: "soon", secretRef: { name: "s" } } }, zeroOrMore),
  nodeCase("a time below 0", { ssh: { connectTimeout: "-1s", secretRef: { name: "s" } } }, zeroOrMore),
  nodeCase("a time without a unit", { edge: { healthCheck: { interval: "5" } } }, aboveZero),
  nodeCase("an interval of 0", { edge: { healthCheck: { interval: "0s" } } }, aboveZero),
  nodeCase(
    "a threshold of 0",
    { edge: { healthCheck: { healthyThreshold: 0 } } },
    "should be greater than or equal to 1",
    "0 is less than 1",
  ),
  nodeCase("a network that is a word", { tunnel: { network: "nonsense" } }, "must be an IPv4 network such as 10.200.0.0/24"),
  nodeCase("an IPv6 network", { tunnel: { network: "fd00::/64" } }, "must be an IPv4 network such as 10.200.0.0/24"),
  nodeCase("an MTU", { tunnel: { mtu: 3 } }, "must be 68 or more"),
  nodeCase("a transport", { tunnel: { transport: "carrier-pigeon" } }, "Unsupported value", "is not one of wireguard, tls"),
  nodeCase("a tunnel's port", { tunnel: { listenPort: -1 } }, "should be greater than or equal to 0", "-1 is less than 0"),
  nodeCase("no replica", { uplink: { replicas: 0 } }, "should be greater than or equal to 1", "0 is less than 1"),
  nodeCase("too many replicas", { uplink: { replicas: 254 } }, "should be less than or equal to 253", "254 is more than 253"),
  nodeCase(
    "replicas without room",
    { tunnel: { network: "10.9.8.0/29" }, uplink: { replicas: 6 } },
    "tunnel.network is too small for uplink.replicas",
  ),
  nodeCase("a network without room", { tunnel: { network: "10.9.8.0/31" } }, "tunnel.network is too small for uplink.replicas"),
  nodeCase("a namespace that cannot be", { uplink: { namespace: "Tunnel_1" } }, "should match", "does not match"),
  nodeCase("no namespace", { uplink: { namespace: "" } }, "should match", "does not match"),
  nodeCase("a time too long for Go", { ssh: { connectTimeout: "9999999999h", secretRef: { name: "s" } } }, zeroOrMore),
  nodeCase("a buffer below 0", { host: { kernelMaxSocketBufferBytes: -1 } }, "should be greater than or equal to 0", "-1 is less than 0"),
  bindingCase("too many bindings", manyBindings(257), "must have at most 256 items", "has more than 256 items"),
  bindingCase("no protocol", [binding({ protocol: undefined })], "protocol: Required value", "protocol: is missing"),
  bindingCase("a protocol", [binding({ protocol: "SCTP" })], "Unsupported value", "is not one of TCP, UDP"),
  bindingCase("a name", [binding({ name: "Web_1" })], "should match", "does not match"),
  bindingCase("a port", [binding({ listenPort: 65_536 })], "should be less than or equal to 65535", "65536 is more than 65535"),
  bindingCase("an address without port", [binding({ target: { address: "10.0.0.1" } })], "target.port is required with target.address"),
  bindingCase(
    "a Service and a port",
    [binding({ target: { service: webService, port: 80 } })],
    "target.port is for target.address: that of a Service is target.service.port",
  ),
  bindingCase(
    "a Service and an address",
    [binding({ target: { service: webService, address: "10.0.0.1", port: 80 } })],
    "target must have either service or address, and not both",
  ),
  bindingCase("no target", [binding({ target: {} })], "target must have either service or address, and not both"),
  bindingCase(
    "a Service without port",
    [binding({ target: { service: { name: "a", namespace: "b" } } })],
    "port: Required value",
    "port: is missing",
  ),
  bindingCase(
    "a target that is a name",
    [binding({ target: { address: "not-an-ip", port: 80 } })],
    "must be an IP address: a Service is named by target.service",
  ),
  bindingCase(
    "one port twice",
    [binding(), binding({ name: "b" })],
    "two bindings have the same protocol and listenPort",
    'port 80/TCP is held by its own binding "http"',
  ),
  bindingCase("one name twice", [binding(), binding({ listenPort: 81 })], "Duplicate value", 'is there twice: name "http"'),
  bindingCase(
    "a port shared by two without server names",
    ["a", "b", "c"].map((name, at) => binding({ name, tls: { mode: "passthrough", serverNames: at === 0 ? ["a.example.com"] : [] } })),
    "two bindings have the same protocol and listenPort",
    'port 80/TCP is held by its own binding "b"',
  ),
  bindingCase(
    "a shared port without TLS",
    [binding({ tls: { mode: "passthrough", serverNames: ["a.example.com"] } }), binding({ name: "b" })],
    "only bindings with tls can share a port with one that has tls.serverNames",
    'port 80/TCP is held by its own binding "http"',
  ),
  bindingCase("a server name", [binding({ tls: { mode: "passthrough", serverNames: ["https://a"] } })], "should match", "does not match"),
  bindingCase("TLS on UDP", [binding({ protocol: "UDP", tls: { mode: "passthrough" } })], "tls is for protocol TCP only"),
  bindingCase(
    "a mode of TLS",
    [binding({ tls: { mode: "terminate" } })],
    "Unsupported value",
    "is not one of passthrough, offload, mutual",
  ),
  ...["offload", "mutual"].map((mode) =>
    bindingCase(`${mode} without a Secret`, [binding({ tls: { mode } })], "tls.secretRef is required when mode is offload or mutual"),
  ),
  bindingCase(
    "ALPN for passthrough",
    [binding({ tls: { mode: "passthrough", alpn: ["h2"] } })],
    "tls.alpn is for the modes offload and mutual",
  ),
  bindingCase("UDP's settings for TCP", [binding({ udp: {} })], "protocol TCP cannot have udp parameters, nor UDP tcp ones"),
  bindingCase(
    "TCP's settings for UDP",
    [binding({ protocol: "UDP", tcp: {} })],
    "protocol TCP cannot have udp parameters, nor UDP tcp ones",
  ),
  bindingCase("a time of TCP", [binding({ tcp: { idleTimeout: "soon" } })], zeroOrMore),
  bindingCase("connecting in no time", [binding({ tcp: { connectTimeout: "0s" } })], aboveZero),
  bindingCase("sessions of no time", [binding({ protocol: "UDP", udp: { sessionTimeout: "0s" } })], aboveZero),
  bindingCase(
    "a version of PROXY",
    [binding({ tcp: { proxyProtocol: true, proxyProtocolVersion: 3 } })],
    "Unsupported value",
    "3 is not one of 1, 2",
  ),
  bindingCase("a version of no PROXY", [binding({ tcp: { proxyProtocolVersion: 2 } })], "proxyProtocolVersion needs proxyProtocol: true"),
];
