/** `kt metrics`: what the hub measures, in the words of Prometheus. */

import { KtError } from "#base/errors.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { surroundings } from "#control/socket-path.ts";
import { findHub } from "#daemon/process/find-hub.ts";

export async function metrics({ options, output }: CommandContext): Promise<number> {
  const format = formatOf(options.text("format"));
  const client = await findHub(surroundings());
  const pieces: string[] = [];
  await client.stream({ type: "metrics", format }, (reply) => void (reply.type === "text" && pieces.push(reply.text)));
  client.close();
  output.raw(pieces.join("").trimEnd());
  return exitCodes.done;
}

function formatOf(text = "prometheus"): "prometheus" | "openmetrics" {
  if (text === "prometheus" || text === "openmetrics") return text;
  throw new KtError("usage", `"${text}" is not a format of metrics`, { hints: ["kt metrics --format openmetrics"] });
}
