/** `kt edge status`: every EdgeNode of the cluster, its uplinks and its ports, and what to do about those that are not ready. */

import { silentLog } from "#base/log.ts";
import type { CommandContext } from "#cli/command.ts";
import { clusterSource } from "#cli/edge/cluster-source.ts";
import { namedNode, nodeName } from "#cli/edge/named-node.ts";
import { edgeStatusLines, spanText } from "#cli/edge/edge-status-lines.ts";
import { exitCodes } from "#cli/exit.ts";
import { reportedEdge } from "#operator/listed-edge.ts";
import type { EdgeReport } from "#operator/status/edge-report.ts";

export async function edgeStatus({ args, options, output }: CommandContext): Promise<number> {
  const wanted = nodeName(args[0], options);
  const source = await clusterSource(options, silentLog);
  const all = await output.waitFor("asking the cluster", async () => await reportedEdge(source, wanted.namespace));
  const report: EdgeReport = wanted.name === undefined ? all : { ...all, nodes: [namedNode(all.nodes, wanted)], portBindings: [] };
  const isReady = [report.nodes, report.portBindings, report.nodes.flatMap(({ portBindings }) => portBindings)]
    .flat()
    .every(({ state }) => state === "ready");
  if (all.operator?.isLeading === false)
    output.warning(`no operator has renewed its lease for ${spanText(all.operator.renewedSecondsAgo)}: what follows may be no longer true`);
  if (options.flag("json")) output.json({ ok: isReady, ...report });
  else if (report.nodes.length + report.portBindings.length > 0) output.lines(edgeStatusLines(report, output.columns));
  else {
    output.line("there is neither an EdgeNode nor a PortBinding");
    output.advice(["kt edge secret --host 203.0.113.10 --key-file ~/.ssh/id_ed25519 -o edge-ssh.yaml"]);
  }
  return isReady ? exitCodes.done : exitCodes.failed;
}
