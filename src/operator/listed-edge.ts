/** Lists the objects of the public edge for those who look at them once, and says how they are. */

import { KtError } from "#base/errors.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import { Api } from "#kube/api/api.ts";
import { isStatus } from "#kube/api/api-problem.ts";
import { ContextSource, type ContextSourceOptions } from "#kube/api/context-source.ts";
import { listAll } from "#kube/api/listing.ts";
import { type KubeKind, type KubeObject, kindPath, kubeKinds } from "#operator/cluster/kinds.ts";
import { ClusterObjects } from "#operator/cluster/cluster-objects.ts";
import { leaseName } from "#operator/cluster/names.ts";
import { nameOf, seenBinding, seenNode, sshSecretOf } from "#operator/cluster/seen.ts";
import { type EdgeReport, edgeReport, operatorReport } from "#operator/status/edge-report.ts";

/** Rejects as what is run does. */
export async function withApi<Value>(options: ContextSourceOptions, run: (api: Api) => Promise<Value>): Promise<Value> {
  const source = new ContextSource(options, () => {});
  const api = new Api({ connection: () => source.connection(), clock: options.clock, onReachable() {} });
  try {
    return await run(api);
  } finally {
    api.close();
  }
}

export interface ListedEdge {
  readonly nodes: readonly KubeObject[];
  readonly portBindings: readonly KubeObject[];
}

/** Of the namespace, or of all. Rejects as `Api.get` does, and with `cluster-error` where the cluster does not have the kinds. */
export async function listEdge(api: Api, namespace: string | undefined, signal: AbortSignal): Promise<ListedEdge> {
  const { edgeNode, portBinding } = kubeKinds;
  const [nodes, portBindings] = await Promise.all([list(api, edgeNode, namespace, signal), list(api, portBinding, namespace, signal)]);
  return { nodes, portBindings };
}

async function list(api: Api, kind: KubeKind, namespace: string | undefined, signal: AbortSignal): Promise<readonly KubeObject[]> {
  const { resource, group } = kind;
  const access = { verb: "list", resource, group, namespace: namespace ?? "" } as const;
  try {
    return (await listAll({ api, path: kindPath(kind, namespace), access, pick: (raw) => raw as KubeObject }, signal)).items;
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
    throw new KtError("cluster-error", `the cluster does not have the kind ${kind.kind}`, {
      hints: ["kt edge manifests | kubectl apply --server-side -f -"],
      cause: error,
    });
  }
}

/** Rejects as `listEdge` does. */
export async function reportedEdge(options: ContextSourceOptions, namespace: string | undefined): Promise<EdgeReport> {
  return await withApi(options, async (api) => {
    const { signal } = new AbortController();
    const [{ nodes, portBindings }, leases] = await Promise.all([listEdge(api, namespace, signal), leasesOf(api, signal)]);
    const nowMs = options.clock.wallMs();
    const operator = operatorReport(leases, nowMs);
    return { ...(operator && { operator }), ...edgeReport(nodes.map(seenNode), portBindings.map(seenBinding), nowMs) };
  });
}

/** Of operators, in whichever namespace they run; none where the user may not list them. */
async function leasesOf(api: Api, signal: AbortSignal): Promise<readonly KubeObject[]> {
  const { resource, group } = kubeKinds.lease;
  const access = { verb: "list", resource, group, namespace: "" } as const;
  const query = { fieldSelector: `metadata.name=${leaseName}` };
  const request = { api, path: kindPath(kubeKinds.lease), query, access, pick: (raw: object) => raw as KubeObject };
  try {
    return (await listAll(request, signal)).items;
  } catch (error) {
    if (isStatus(error, 403)) return [];
    throw error;
  }
}

/** The chosen EdgeNode, all PortBindings beside it, and the Secret of its host where that is there. Rejects as `choose`, and as the API does. */
export async function nodeObjects(
  options: ContextSourceOptions,
  namespace: string | undefined,
  choose: (nodes: readonly ObjectName[]) => ObjectName,
): Promise<Readonly<Record<string, unknown>>[]> {
  return await withApi(options, async (api) => {
    const { signal } = new AbortController();
    const { nodes, portBindings } = await listEdge(api, namespace, signal);
    const seen = nodes.map(seenNode);
    const chosen = choose(seen.map(({ meta }) => nameOf(meta)));
    const index = seen.findIndex(({ meta }) => formatName(nameOf(meta)) === formatName(chosen));
    const secretName = seen[index] && sshSecretOf(seen[index].object);
    const secret = secretName && (await new ClusterObjects(api, signal).get(kubeKinds.secret, secretName));
    const own = nodes.slice(index, index + 1).map((raw) => ({ ...raw, kind: kubeKinds.edgeNode.kind }));
    const others = portBindings.map((raw) => ({ ...raw, kind: kubeKinds.portBinding.kind }));
    return [...own, ...others, ...(secret === undefined ? [] : [{ ...secret, kind: kubeKinds.secret.kind }])];
  });
}
