/** The objects that run kt's operator in a cluster, with the rights that it needs and no more. Pure. */

import type { Manifest } from "./manifests.ts";

export interface OperatorManifestOptions {
  /** Of all objects. */
  readonly name: string;
  readonly namespace: string;
  readonly image: string;
  readonly replicas: number;
}

const probesPort = 8081;
const rbac = "rbac.authorization.k8s.io";

export function operatorManifests(options: OperatorManifestOptions): Manifest[] {
  const { name, namespace, replicas } = options;
  const labels = { ...selectorOf(name), "app.kubernetes.io/managed-by": "kt" };
  const of = (apiVersion: string, kind: string, rest: object): Manifest => ({
    apiVersion,
    kind,
    metadata: { name, namespace, labels },
    ...rest,
  });
  const ofCluster = (kind: string, rest: object): Manifest => ({ apiVersion: `${rbac}/v1`, kind, metadata: { name, labels }, ...rest });
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const template = { metadata: { labels }, spec: podSpec(options) };
  return [
    of("v1", "ServiceAccount", {}),
    ofCluster("ClusterRole", { rules: clusterRules }),
    ofCluster("ClusterRoleBinding", { roleRef: { apiGroup: rbac, kind: "ClusterRole", name }, subjects }),
    of(`${rbac}/v1`, "Role", { rules: leaseRules }),
    of(`${rbac}/v1`, "RoleBinding", { roleRef: { apiGroup: rbac, kind: "Role", name }, subjects }),
    of("apps/v1", "Deployment", { spec: { replicas, selector: { matchLabels: selectorOf(name) }, template } }),
  ];
}

const selectorOf = (name: string): Record<string, string> => ({
  "app.kubernetes.io/name": "kt-operator",
  "app.kubernetes.io/instance": name,
});

const group = "tunnel.achetronic.com";

/** Uplinks run in whichever namespace their EdgeNode names, so a Role of one namespace would not do. */
const clusterRules = [
  { apiGroups: [group], resources: ["edgenodes", "portbindings"], verbs: ["get", "list", "watch"] },
  // Its finalizer, and the annotation that it consumes.
  { apiGroups: [group], resources: ["edgenodes"], verbs: ["patch"] },
  { apiGroups: [group], resources: ["edgenodes/status", "portbindings/status"], verbs: ["patch"] },
  // Those that bindings lead to are followed; that of the uplinks is made.
  { apiGroups: [""], resources: ["services"], verbs: ["list", "watch", "create", "patch", "delete"] },
  // SSH logins and certificates, each followed by its name, and the uplinks' keys, which are made. None other is ever asked for.
  { apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch", "create", "patch", "delete"] },
  { apiGroups: [""], resources: ["configmaps"], verbs: ["list", "watch", "create", "patch", "delete"] },
  { apiGroups: ["apps"], resources: ["statefulsets"], verbs: ["list", "watch", "create", "patch", "delete"] },
  // The uplinks' pods are marked when their document has changed, and replaced one after the other.
  { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch", "patch", "delete"] },
  { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
];

const leaseRules = [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "patch"] }];

/** Fits the restricted Pod Security Standard. */
function podSpec({ name, namespace, image }: OperatorManifestOptions): object {
  const probe = (path: string): object => ({ httpGet: { path, port: "probes" } });
  return {
    serviceAccountName: name,
    enableServiceLinks: false,
    nodeSelector: { "kubernetes.io/os": "linux" },
    securityContext: { runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, seccompProfile: { type: "RuntimeDefault" } },
    containers: [
      {
        name: "operator",
        image,
        imagePullPolicy: "IfNotPresent",
        args: ["operator", "--image", image, "--leader-elect-namespace", namespace, "--log-format", "json"],
        env: ["HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"].map((each) => ({ name: each, value: "/tmp" })),
        ports: [{ name: "probes", containerPort: probesPort }],
        readinessProbe: { ...probe("/readyz"), periodSeconds: 5 },
        livenessProbe: { ...probe("/healthz"), periodSeconds: 10, failureThreshold: 6 },
        resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "512Mi" } },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
        volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
      },
    ],
    volumes: [{ name: "tmp", emptyDir: { sizeLimit: "64Mi" } }],
  };
}
