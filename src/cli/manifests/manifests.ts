/** The objects that run kt in a cluster, for one profile: what it needs there and no more. Pure. */

import { KtError } from "#base/errors.ts";
import { find, needsOf, type Rule } from "#doctor/needs.ts";
import { isLoopback } from "#profile/values/listen.ts";
import type { ListenAddress, Plan } from "#profile/values/plan.ts";

/** An object as the API takes it. */
export type Manifest = { readonly kind: string } & Readonly<Record<string, unknown>>;

export interface ManifestOptions {
  readonly plan: Plan;
  /** The profile's own text. */
  readonly text: string;
  /** Of all objects. */
  readonly name: string;
  readonly namespace: string;
  readonly image: string;
  readonly replicas: number;
  /** Where the metrics are scraped. Default: nowhere. */
  readonly metricsPort?: number | undefined;
}

/** Where the profile is mounted: the folder of a user's own profile, which needs no consent. */
const configHome = "/etc";
const profilePath = `${configHome}/kt/tunnels.toml`;

/** How long a pod that is to end still takes connections: nodes hear as late as that that it is none of the service's any more. */
const lameDuckS = 5;
/** Then open connections may end by themselves: kt ends what is left after ten seconds. */
const graceS = 30;

/** Throws KtError for a profile that cannot be served from a pod. */
export function manifestsOf(options: ManifestOptions): Manifest[] {
  const { name, namespace, replicas, text } = options;
  const ports = exposedPorts(options.plan);
  const scraped = scrapedPorts(options.metricsPort, ports);
  const of = (apiVersion: string, kind: string, rest: object): Manifest => {
    return { apiVersion, kind, metadata: { name, namespace, labels: labelsOf(name) }, ...rest };
  };
  const roles = grantsOf(options.plan, namespace).flatMap((grant) => grantObjects(grant, { name, namespace }));
  const selector = { matchLabels: selectorOf(name) };
  return [
    of("v1", "ServiceAccount", {}),
    ...roles,
    of("v1", "ConfigMap", { data: { "tunnels.toml": text } }),
    of("apps/v1", "Deployment", { spec: deploymentSpec(options, ports, scraped) }),
    of("v1", "Service", { spec: { selector: selectorOf(name), ports: [...ports, ...scraped].map(servicePort) } }),
    ...(replicas > 1 ? [of("policy/v1", "PodDisruptionBudget", { spec: { maxUnavailable: 1, selector } })] : []),
    of("networking.k8s.io/v1", "NetworkPolicy", {
      spec: {
        podSelector: selector,
        policyTypes: ["Ingress"],
        ingress: [{ ports: ports.map(policyPort) }, ...scraped.map((port) => ({ from: [{ podSelector: {} }], ports: [policyPort(port)] }))],
      },
    }),
  ];
}

interface ExposedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
}

const selectorOf = (name: string): Record<string, string> => ({ "app.kubernetes.io/name": "kt", "app.kubernetes.io/instance": name });
const labelsOf = (name: string): Record<string, string> => ({ ...selectorOf(name), "app.kubernetes.io/managed-by": "kt" });

const policyPort = ({ port, protocol }: ExposedPort): object => ({ port, protocol });
const servicePort = ({ name, port, protocol }: ExposedPort): object => ({ name, port, targetPort: port, protocol });

/** Who is not in the pod reaches what does not listen on its loopback. */
function exposedPorts({ http, listeners }: Plan): ExposedPort[] {
  const isExposed = (address: ListenAddress): boolean => !isLoopback(address);
  if (!http.listen.some(isExposed)) {
    throw new KtError("profile-invalid", "in a pod nothing reaches a front door that listens on the pod's loopback only", {
      hints: ['listen on every address: [http] listen = "0.0.0.0:8989" and expose = true'],
    });
  }
  const ports = new Map<string, ExposedPort>();
  for (const { kind, listen } of listeners) {
    for (const { port, transport } of listen.filter(isExposed)) {
      const protocol = transport === "udp" ? "UDP" : "TCP";
      const name = `${kind === "names" ? "http" : protocol.toLowerCase()}-${port}`;
      ports.set(`${protocol} ${port}`, ports.get(`${protocol} ${port}`) ?? { name, port, protocol });
    }
  }
  return [...ports.values()];
}

/** Of pods of kt's own namespace, and of no others. */
function scrapedPorts(port: number | undefined, exposed: readonly ExposedPort[]): ExposedPort[] {
  if (port === undefined) return [];
  if (!exposed.some((other) => other.protocol === "TCP" && other.port === port)) return [{ name: "metrics", port, protocol: "TCP" }];
  throw new KtError("usage", `the profile listens on port ${port}, so the metrics need another one`, { hints: ["--metrics 9464"] });
}

/** What kt may do in one namespace, or in all of them. */
interface Grant {
  /** Undefined: in all, as a pattern that captures the namespace wants. */
  readonly namespace: string | undefined;
  readonly rules: readonly object[];
}

function grantObjects(grant: Grant, account: { readonly name: string; readonly namespace: string }): Manifest[] {
  const apiGroup = "rbac.authorization.k8s.io";
  const { name, namespace } = account;
  const labels = labelsOf(name);
  const prefix = grant.namespace === undefined ? "Cluster" : "";
  // What is of no namespace must not meet another kt's.
  const metadata = grant.namespace === undefined ? { name: `${namespace}-${name}`, labels } : { name, namespace: grant.namespace, labels };
  const roleRef = { apiGroup, kind: `${prefix}Role`, name: metadata.name };
  const subjects = [{ kind: "ServiceAccount", ...account }];
  return [
    { apiVersion: `${apiGroup}/v1`, kind: `${prefix}Role`, metadata, rules: grant.rules },
    { apiVersion: `${apiGroup}/v1`, kind: `${prefix}RoleBinding`, metadata, roleRef, subjects },
  ];
}

function grantsOf(plan: Plan, own: string): Grant[] {
  const needs = needsOf(plan, "in a pod");
  const [foreign] = [...needs.keys(), ...plan.patterns.map(({ target }) => target.context)].filter((context) => context !== undefined);
  if (foreign !== undefined) {
    throw new KtError("profile-invalid", `in a pod kt reaches its own cluster only, and the profile names the context "${foreign}"`, {
      hints: ["leave out context, and run kt in each of the clusters"],
    });
  }
  const named = (needs.get(undefined) ?? []).map((need) => ({ ...need, namespace: need.namespace ?? own }));
  const matched = plan.patterns.flatMap(({ target: { kind, namespace = own } }) =>
    find(kind).map((rule) => ({ ...rule, namespace: namespace.includes("{") ? undefined : namespace })),
  );
  const byNamespace = Map.groupBy([...named, ...matched], ({ namespace }) => namespace);
  return [...byNamespace].map(([namespace, rules]) => ({ namespace, rules: rulesOf(rules) }));
}

/** What is asked of one resource stands in one rule. */
function rulesOf(needs: readonly Rule[]): object[] {
  const byResource = Map.groupBy(needs, ({ group, resource }) => `${group} ${resource}`);
  return [...byResource.values()].map((those) => {
    const [{ group, resource } = { group: "", resource: "" }] = those;
    return { apiGroups: [group], resources: [resource], verbs: [...new Set(those.map(({ verb }) => verb))] };
  });
}

function deploymentSpec(
  { name, image, replicas }: ManifestOptions,
  ports: readonly ExposedPort[],
  scraped: readonly ExposedPort[],
): object {
  return {
    replicas,
    selector: { matchLabels: selectorOf(name) },
    strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    template: { metadata: { labels: labelsOf(name) }, spec: podSpec(name, image, ports, scraped) },
  };
}

/** Fits the restricted Pod Security Standard. */
function podSpec(name: string, image: string, ports: readonly ExposedPort[], scraped: readonly ExposedPort[]): object {
  const health = {
    httpGet: { path: "/health", port: ports[0]?.port, httpHeaders: [{ name: "Host", value: "kt.localhost" }] },
  };
  return {
    serviceAccountName: name,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: graceS,
    nodeSelector: { "kubernetes.io/os": "linux" },
    securityContext: { runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, seccompProfile: { type: "RuntimeDefault" } },
    containers: [
      {
        name: "kt",
        image,
        imagePullPolicy: "IfNotPresent",
        args: ["serve", "--log-format", "json", "-f", profilePath, ...scraped.flatMap(({ port }) => ["--metrics", `0.0.0.0:${port}`])],
        env: [
          { name: "XDG_CONFIG_HOME", value: configHome },
          { name: "XDG_RUNTIME_DIR", value: "/tmp" },
          { name: "XDG_STATE_HOME", value: "/tmp" },
        ],
        ports: [...ports, ...scraped].map(({ name: portName, port, protocol }) => ({ name: portName, containerPort: port, protocol })),
        readinessProbe: { ...health, periodSeconds: 2 },
        livenessProbe: { tcpSocket: { port: ports[0]?.port }, periodSeconds: 10, failureThreshold: 6 },
        lifecycle: { preStop: { sleep: { seconds: lameDuckS } } },
        resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "256Mi" } },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
        volumeMounts: [
          { name: "profile", mountPath: `${configHome}/kt`, readOnly: true },
          { name: "tmp", mountPath: "/tmp" },
        ],
      },
    ],
    volumes: [
      { name: "profile", configMap: { name } },
      { name: "tmp", emptyDir: { sizeLimit: "64Mi" } },
    ],
  };
}
