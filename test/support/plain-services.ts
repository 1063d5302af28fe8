/** Services without pods, as many as it takes to measure what follows whole namespaces, and the listeners that come of them. */

import { loopbackListeners } from "#native/loopback-listeners.ts";
import { adminKubeconfig, apply, kubectl, run } from "./cluster.ts";

/** So many services in each namespace, which is made as well; the returned function removes them. */
export async function plainServices(counts: Readonly<Record<string, number>>): Promise<() => Promise<void>> {
  const names = Object.keys(counts);
  await apply(...names.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })));
  const services = Object.entries(counts).flatMap(([namespace, count]) =>
    Array.from({ length: count }, (_, at) => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace, name: `s${at}` },
      spec: { selector: { app: "none" }, ports: [{ port: 8080 }] },
    })),
  );
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: services });
  const created = await run(["kubectl", "--kubeconfig", adminKubeconfig, "create", "-f", "-"], { input });
  if (created.exitCode !== 0) throw new Error(`kubectl create: ${created.stderr}`);
  return async () => {
    await kubectl("delete", "namespace", "--wait=false", "--ignore-not-found", ...names);
  };
}

/** Loopback addresses that begin like this and at which something listens. */
export function listeningAt(prefix: string): string[] {
  return [...loopbackListeners()].filter((address) => address.startsWith(prefix));
}
