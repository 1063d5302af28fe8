/** The pods of an EdgeNode's uplinks, with no more rights than their transport needs. Pure. */

import { hashOf } from "#expose/plan/settings.ts";
import type { EdgeNodeSpec } from "#expose/resources/edge-node.ts";
import type { ObjectName } from "#expose/resources/read-objects.ts";
import { operatorLimits } from "#operator/limits.ts";
import { annotations, keysName, labelsOf, selectorOf, uplinkName } from "#operator/cluster/names.ts";

export interface UplinkImage {
  readonly name: string;
  readonly pullPolicy: string | undefined;
  /** Names of Secrets in the uplinks' namespace. */
  readonly pullSecrets: readonly string[];
}

export interface PodTemplate {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: object;
}

/** Where an uplink's own files are. */
const paths = { document: "/etc/kt/uplink", keys: "/etc/kt/keys", sockets: "/var/run/wireguard" } as const;
/** What an uplink says about itself there. */
const healthPort = 40_500;
const bridgePort = 40_600;

export function podTemplate(node: ObjectName, spec: EdgeNodeSpec, image: UplinkImage): PodTemplate {
  const { uplink, tunnel } = spec;
  const lasting = {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    nodeSelector: { "kubernetes.io/os": "linux", ...uplink.nodeSelector },
    tolerations: uplink.tolerations ?? [],
    affinity: uplink.affinity ?? apart(node),
    securityContext: podSecurity(tunnel.transport),
    ...(image.pullSecrets.length > 0 && { imagePullSecrets: image.pullSecrets.map((name) => ({ name })) }),
    containers: [container(spec, image)],
    volumes: volumes(node, tunnel.transport),
  };
  return {
    metadata: {
      labels: { ...uplink.labels, ...labelsOf(node) },
      annotations: { ...uplink.annotations, [annotations.podHash]: hashOf(lasting).slice(0, 16) },
    },
    // A pod that runs need not know it: the number of replicas must not roll them.
    spec: { ...lasting, terminationGracePeriodSeconds: graceS(uplink.replicas) },
  };
}

/** An uplink that drains takes nothing new: with others beside it it may take its time. */
function graceS(replicas: number): number {
  return replicas === 1 ? operatorLimits.graceAloneS : operatorLimits.graceS;
}

/** One node that fails takes one uplink along. */
function apart(node: ObjectName): object {
  return {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { labelSelector: { matchLabels: selectorOf(node) }, topologyKey: "kubernetes.io/hostname" },
      ],
    },
  };
}

type Transport = EdgeNodeSpec["tunnel"]["transport"];

/** TLS fits the restricted Pod Security Standard. WireGuard needs a network interface of its own, which only root may make. */
function podSecurity(transport: Transport): object {
  const seccompProfile = { type: "RuntimeDefault" };
  if (transport === "wireguard") return { runAsUser: 0, seccompProfile };
  return { runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532, seccompProfile };
}

function container({ uplink, tunnel: { transport } }: EdgeNodeSpec, image: UplinkImage): object {
  const isWireguard = transport === "wireguard";
  const capabilities = { drop: ["ALL"], ...(isWireguard && { add: ["NET_ADMIN"] }) };
  return {
    name: "uplink",
    image: image.name,
    ...(image.pullPolicy !== undefined && { imagePullPolicy: image.pullPolicy }),
    args: ["uplink", "run", "--document", `${paths.document}/uplink.json`, "--keys", paths.keys, "--log-format", "json"],
    env: [
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "XDG_RUNTIME_DIR", value: "/tmp" },
      { name: "XDG_STATE_HOME", value: "/tmp" },
    ],
    ports: [
      { name: "health", containerPort: healthPort },
      { name: "metrics", containerPort: bridgePort },
    ],
    readinessProbe: { httpGet: { path: "/ready", port: "health" }, periodSeconds: 2, timeoutSeconds: 2 },
    livenessProbe: { httpGet: { path: "/healthz", port: "health" }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    ...(uplink.resources !== undefined && { resources: uplink.resources }),
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities },
    volumeMounts: [
      { name: "document", mountPath: paths.document, readOnly: true },
      { name: "keys", mountPath: paths.keys, readOnly: true },
      { name: "tmp", mountPath: "/tmp" },
      ...(isWireguard
        ? [
            { name: "sockets", mountPath: paths.sockets },
            { name: "tun", mountPath: "/dev/net/tun" },
          ]
        : []),
    ],
  };
}

function volumes(node: ObjectName, transport: Transport): object[] {
  const small = { sizeLimit: "64Mi" };
  return [
    { name: "document", configMap: { name: uplinkName(node) } },
    { name: "keys", secret: { secretName: keysName(node), defaultMode: 0o440 } },
    { name: "tmp", emptyDir: small },
    ...(transport === "wireguard"
      ? [
          { name: "sockets", emptyDir: small },
          { name: "tun", hostPath: { path: "/dev/net/tun", type: "CharDevice" } },
        ]
      : []),
  ];
}
