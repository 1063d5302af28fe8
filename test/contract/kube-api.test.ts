/** Runs the contract on the embedded API server, and on a real cluster when KT_CONTRACT_KUBECONFIG names one. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiServer } from "#demo/api-server.ts";
import { putWorkload } from "#demo/workloads.ts";
import { accessFrom } from "./api-access.ts";
import { startEchoPod } from "./echo-pod.ts";
import { type ContractCluster, kubeApiContract } from "./kube-api.ts";
import { openRealCluster } from "./real-cluster.ts";

const namespace = "contract";

async function openEmbedded(): Promise<ContractCluster> {
  const api = new ApiServer({ graceMs: 30 });
  const { cluster } = api;
  const pod = startEchoPod();
  const directory = await mkdtemp(join(tmpdir(), "kt-contract-"));
  const kubeconfig = join(directory, "config");
  await writeFile(kubeconfig, api.kubeconfig());
  const spec = { namespace, containerPorts: [], backends: pod.backends };
  cluster.setPod({ ...spec, name: "echo", labels: { app: "echo" } });
  cluster.setService({ namespace, name: "echo", selector: { app: "echo" }, ports: [{ name: "echo", port: 7000, targetPort: 7000 }] });
  for (const kind of ["deployments", "statefulsets", "replicasets", "daemonsets"] as const)
    putWorkload(cluster.store, { kind, namespace, name: "idle", selector: { app: "idle" }, replicas: 0 });
  cluster.store.compact();
  api.access.grant("getter", "get", "pods/portforward");
  return {
    access: await accessFrom(kubeconfig),
    namespace,
    pod: "echo",
    service: "echo",
    workload: "idle",
    getter: "getter",
    label: async (name, mark) => cluster.setPod({ ...spec, name, labels: { app: "echo", mark } }),
    startVictim: async (name) => cluster.setPod({ ...spec, name, labels: { app: "victim" } }),
    deletePod: async (name) => cluster.deletePod(namespace, name),
    async close() {
      api.close();
      pod.close();
      await rm(directory, { recursive: true });
    },
  };
}

kubeApiContract("embedded", openEmbedded);

const kubeconfig = process.env["KT_CONTRACT_KUBECONFIG"];
if (kubeconfig !== undefined) kubeApiContract("real", () => openRealCluster(kubeconfig));
