/** What stands in the cluster for every end-to-end test: two namespaces of services with all kinds of ports and ailments. */

import { apply, deployment, kubectl, namespace, otherNamespace, pod, rolledOut, service } from "./cluster.ts";

function namespaceObject(name: string): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { "kt-e2e": namespace } } };
}

function bareService(name: string, spec: object): object {
  return { apiVersion: "v1", kind: "Service", metadata: { namespace, name }, spec };
}

/** Applies everything and waits until what can be ready is. */
export async function applyFixtures(): Promise<void> {
  await apply(namespaceObject(namespace), namespaceObject(otherNamespace));
  await apply(
    deployment(namespace, "web", { replicas: 2 }),
    service(namespace, "web"),
    service(namespace, "web-headless", { clusterIP: "None", selector: { app: "web" } }),
    deployment(namespace, "api"),
    service(namespace, "api"),
    pod(namespace, "single"),
    deployment(namespace, "unready", { env: { READY: "false" } }),
    service(namespace, "unready"),
    deployment(namespace, "crash", { env: { CRASH: "1" } }),
    service(namespace, "crash"),
    deployment(namespace, "unpullable", { image: "kt.test/none:1" }),
    service(namespace, "unpullable"),
    deployment(namespace, "zero", { replicas: 0 }),
    service(namespace, "zero"),
    bareService("external", { type: "ExternalName", externalName: "example.invalid" }),
    deployment(otherNamespace, "web"),
    service(otherNamespace, "web"),
  );
  await Promise.all([
    rolledOut(namespace, "web"),
    rolledOut(namespace, "api"),
    rolledOut(otherNamespace, "web"),
    kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/single", "--timeout=90s"),
  ]);
}

/** Deletes every namespace that the tests made. */
export async function removeFixtures(): Promise<void> {
  await kubectl("delete", "namespace", "-l", `kt-e2e=${namespace}`, "--wait=true", "--timeout=60s", "--ignore-not-found");
}
