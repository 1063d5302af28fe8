/** What stands in the demo's cluster: a small shop of services, one of every kind, and some with the ailments that services have. */

import type { Certificate } from "#tls/self-signed.ts";
import type { DemoCluster } from "./cluster.ts";
import { Deployment, type DeploymentOptions } from "./deployment.ts";
import { sampleCertificate, startEcho, startJsonApi, startPage, startTls } from "./samples.ts";

export const shopNamespace = "shop";
/** The name that the TLS service's certificate is for. */
export const secureHost = "secure.localhost";

/** Everything in it, running. */
export interface Shop {
  readonly web: Deployment;
  /** Of the TLS service. */
  readonly certificate: Certificate;
  close(): void;
}

const http = { name: "http", containerPort: 8080 } as const;
const httpService = { name: "http", port: 80, targetPort: "http" } as const;

export function openShop(cluster: DemoCluster): Shop {
  const namespace = shopNamespace;
  const certificate = sampleCertificate(secureHost);
  const deployments: Deployment[] = [];
  const deploy = (options: Omit<DeploymentOptions, "cluster" | "namespace">, replicas: number): Deployment => {
    const deployment = new Deployment({ cluster, namespace, ...options });
    deployment.scale(replicas);
    deployments.push(deployment);
    return deployment;
  };
  const expose = (name: string, port: { readonly name: string; readonly port: number; readonly targetPort: string }): void =>
    cluster.setService({ namespace, name, selector: { app: name }, ports: [port] });

  expose("web", httpService);
  expose("api", httpService);
  expose("secure", { name: "https", port: 443, targetPort: "https" });
  expose("echo", { name: "echo", port: 7000, targetPort: "echo" });
  expose("broken", httpService);
  expose("asleep", httpService);

  const web: Deployment = deploy(
    { name: "web", port: http, start: (pod) => startPage({ pod, service: "web" }, () => web.replace(pod)) },
    2,
  );
  deploy({ name: "api", port: http, start: (pod) => startJsonApi({ pod, service: "api" }) }, 2);
  const https = { name: "https", containerPort: 8443 };
  deploy({ name: "secure", port: https, start: (pod) => startTls({ pod, service: "secure" }, certificate) }, 1);
  deploy({ name: "echo", port: { name: "echo", containerPort: 7000 }, start: (pod) => startEcho({ pod, service: "echo" }) }, 1);
  const waiting = { reason: "CrashLoopBackOff", message: "back-off 40s restarting failed container=app" };
  deploy({ name: "broken", port: http, start: () => undefined, waiting }, 1);
  return {
    web,
    certificate,
    close() {
      for (const deployment of deployments) deployment.close();
    },
  };
}
