/** `kt edge plan`: what would be on the hosts of the public edge, by files or by the objects of the cluster. */

import { stdin } from "bun";
import { messageOf, KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { systemCode } from "#base/system-error.ts";
import type { CommandContext } from "#cli/command.ts";
import { clusterSource } from "#cli/edge/cluster-source.ts";
import { planLines, planValue } from "#cli/edge/edge-plan-lines.ts";
import { exitCodes } from "#cli/exit.ts";
import { cliLimits } from "#cli/limits.ts";
import { absolutePath } from "#cli/profile/profile-file.ts";
import { edgeOfCluster } from "#operator/edge-cluster.ts";
import { edgeOfTexts, type ManifestText, plannedEdge, type SeenEdge } from "#operator/seen-edge.ts";

export async function edgePlanCommand({ options, output }: CommandContext): Promise<number> {
  const files = options.texts("file");
  const seen =
    files.length > 0
      ? await seenInFiles(files, options.text("namespace") ?? "default")
      : await edgeOfCluster(await clusterSource(options, silentLog), options.text("namespace"));
  const { nodes, portBindings } = seen.objects;
  if (nodes.length + portBindings.length === 0) {
    const where = files.length > 0 ? `in ${files.map((file) => `"${file}"`).join(", ")}` : "in the cluster";
    throw new KtError("usage", `there is neither an EdgeNode nor a PortBinding ${where}`);
  }
  const planned = plannedEdge(seen);
  if (options.flag("json")) output.json(planValue(planned));
  else output.lines(planLines(planned));
  const isWhole =
    planned.nodes.every(({ problem }) => !problem) && planned.portBindings.every(({ condition }) => condition.status === "True");
  return isWhole ? exitCodes.done : exitCodes.failed;
}

async function seenInFiles(files: readonly string[], namespace: string): Promise<SeenEdge> {
  return edgeOfTexts(await Promise.all(files.map(readManifest)), namespace);
}

async function readManifest(file: string): Promise<ManifestText> {
  if (file === "-") return { name: "standard input", text: await stdin.text() };
  try {
    const { bytes } = readRegularFile(absolutePath(file), { mostBytes: cliLimits.manifestBytes, code: "usage" });
    return { name: file, text: new TextDecoder().decode(bytes) };
  } catch (error) {
    const why = systemCode(error) === "ENOENT" ? "there is no such file" : messageOf(error);
    throw new KtError("usage", `cannot read "${file}": ${why}`);
  }
}
