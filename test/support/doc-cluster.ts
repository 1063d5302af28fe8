/** The cluster that the pages speak of: an embedded Kubernetes API with their services, at ports that suit this machine. */

import { ApiServer } from "#demo/api-server.ts";
import { putWorkload } from "#demo/workloads.ts";
import { type Program, sampleCertificate, startEcho, startJsonApi, startTls } from "#demo/samples.ts";

/** The contexts in the kubeconfig; all lead to the one cluster. The first is current. */
const contexts = ["dev", "prod", "arn:aws:eks:eu-west-1:123456789012:cluster/prod"];

interface Sample {
  readonly namespace: string;
  readonly name: string;
  /** As the pages show it. */
  readonly pod: string;
  readonly port: { readonly name: string; readonly number: number };
  readonly kind: "http" | "tls" | "tcp" | "crashing";
}

const http = { name: "http", number: 80 } as const;
const samples: readonly Sample[] = [
  { namespace: "shop", name: "web", pod: "web-5c6d8f7b9d-x2x9z", port: http, kind: "http" },
  { namespace: "shop", name: "api", pod: "api-7f9c5d6b88-q4w8n", port: http, kind: "http" },
  { namespace: "shop", name: "checkout", pod: "checkout-8d5f6c7b9-m3v7r", port: http, kind: "crashing" },
  { namespace: "billing", name: "invoices", pod: "invoices-6b7c4d5f9c-h7k2m", port: http, kind: "http" },
  { namespace: "monitoring", name: "grafana", pod: "grafana-6d4b8c9f7-kx2lp", port: http, kind: "http" },
  { namespace: "argocd", name: "argocd-server", pod: "argocd-server-59f8d7c6b-9zq4t", port: { name: "https", number: 443 }, kind: "tls" },
  { namespace: "databases", name: "postgresql", pod: "postgresql-0", port: { name: "tcp-postgresql", number: 5432 }, kind: "tcp" },
  { namespace: "databases", name: "mysql", pod: "mysql-0", port: { name: "mysql", number: 3306 }, kind: "tcp" },
  { namespace: "databases", name: "redis", pod: "redis-0", port: { name: "redis", number: 6379 }, kind: "tcp" },
];

export interface DocCluster {
  readonly api: ApiServer;
  readonly kubeconfig: string;
  close(): void;
}

/** `portOf` gives the number that stands here for one that the pages write. */
export function startDocCluster(portOf: (written: number) => number): DocCluster {
  const api = new ApiServer({ graceMs: 50 });
  const programs = samples.map((sample) => {
    const program = start(sample);
    addTo(api, sample, portOf(sample.port.number), program);
    return program;
  });
  return {
    api,
    kubeconfig: kubeconfigOf(api),
    close() {
      api.close();
      for (const program of programs) program?.stop();
    },
  };
}

/** What runs in the pod; nothing in one that crashes. */
function start({ kind, name: service, pod }: Sample): Program | undefined {
  if (kind === "crashing") return undefined;
  if (kind === "tcp") return startEcho({ pod, service });
  return kind === "tls" ? startTls({ pod, service }, sampleCertificate(`${service}.localhost`)) : startJsonApi({ pod, service });
}

function addTo(api: ApiServer, { namespace, name, pod, port }: Sample, number: number, program: Program | undefined): void {
  api.cluster.setService({
    namespace,
    name,
    selector: { app: name },
    ports: [{ name: port.name, port: number, targetPort: port.name }],
  });
  putWorkload(api.cluster.store, { kind: "deployments", namespace, name, selector: { app: name }, replicas: 1 });
  api.cluster.setPod({
    namespace,
    name: pod,
    labels: { app: name },
    containerPorts: [{ name: port.name, containerPort: number }],
    backends: new Map(program ? [[number, program.port]] : []),
    ...(program ? {} : { waiting: { reason: "CrashLoopBackOff", message: "back-off 40s restarting failed container=app" } }),
  });
}

function kubeconfigOf(api: ApiServer): string {
  const [first = ""] = contexts;
  const config = JSON.parse(api.kubeconfig({ context: first, namespace: "shop" }));
  config.contexts = contexts.map((name) => ({ ...config.contexts[0], name }));
  return JSON.stringify(config);
}
