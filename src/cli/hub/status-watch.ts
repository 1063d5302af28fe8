/** `kt status -w`: the status as it changes, drawn over on a terminal, else the lines of what changed; until Ctrl-C. */

import { KtError } from "#base/errors.ts";
import { dim, line } from "#base/text.ts";
import { LiveView } from "#cli/screen/live-view.ts";
import type { Output } from "#cli/screen/output.ts";
import { profileLines } from "#cli/screen/route-lines.ts";
import type { Snapshot } from "#control/api.ts";
import { surroundings } from "#control/socket-path.ts";
import { findHub } from "#daemon/process/find-hub.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { onlyNamed } from "./named-profile.ts";

/** Rejects with KtError `hub-unreachable` where no hub runs, and once it has gone. */
export async function watchStatus({ args, options, output }: CommandContext): Promise<number> {
  const [name] = args;
  const client = await findHub(surroundings());
  if (name !== undefined) onlyNamed((await client.snapshot()).profiles, name);
  const show = options.flag("json") ? (snapshot: Snapshot): void => output.jsonLine(snapshot) : showing(output);
  const interrupted = new Promise<"interrupted">((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve("interrupted"));
  });
  const watched = client.watch((snapshot) => show(name === undefined ? snapshot : named(snapshot, name)));
  try {
    const ended = await Promise.race([watched.catch(() => undefined), client.gone, interrupted]);
    if (ended !== "interrupted") throw new KtError("hub-unreachable", "the hub ended", { hints: ["kt up"] });
    return exitCodes.interrupted;
  } finally {
    output.settle();
    client.close();
  }
}

/** What is named may be detached while it is watched: then there is nothing to show of it. */
function named(snapshot: Snapshot, name: string): Snapshot {
  try {
    return { ...snapshot, profiles: [...onlyNamed(snapshot.profiles, name)] };
  } catch {
    return { ...snapshot, profiles: [] };
  }
}

function showing(output: Output): (snapshot: Snapshot) => void {
  if (output.live) return (snapshot) => draw(snapshot, output);
  const views = new Map<string, LiveView>();
  return (snapshot) => {
    for (const { profile } of snapshot.profiles) {
      const view = views.get(profile) ?? new LiveView(output, profile);
      views.set(profile, view);
      view.show(snapshot);
    }
  };
}

function draw({ profiles }: Snapshot, output: Output): void {
  output.show((columns) => [
    ...profiles.flatMap((profile) => profileLines(profile, columns)),
    ...(profiles.length === 0 ? [line("no profile is attached")] : []),
    line(dim("Ctrl-C ends this view")),
  ]);
}
