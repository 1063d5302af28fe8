/** How the host of an EdgeNode in the cluster is entered, read with the rights of the user who asks. */

import { silentLog } from "#base/log.ts";
import type { Options } from "#cli/command.ts";
import type { Output } from "#cli/screen/output.ts";
import { nodeObjects } from "#operator/listed-edge.ts";
import { clusterSource } from "./cluster-source.ts";
import { type EdgeHost, edgeHostOf } from "./edge-manifest.ts";
import { namedNode, nodeName } from "./named-node.ts";

/** Throws KtError as `namedNode`, `edgeHostOf` and the cluster do. */
export async function hostOfCluster(given: string, options: Options, output: Output): Promise<EdgeHost> {
  const wanted = nodeName(given, options);
  const source = await clusterSource(options, silentLog);
  const read = async (): ReturnType<typeof nodeObjects> => await nodeObjects(source, wanted.namespace, (nodes) => namedNode(nodes, wanted));
  return edgeHostOf(await output.waitFor("asking the cluster", read), "cluster");
}
