/** `kt demo`: the whole product against an embedded Kubernetes API, in one process that touches nothing of the user's. */

import { KtError } from "#base/errors.ts";
import { type Log, silentLog } from "#base/log.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { cyan, dim, green, red, tableLines } from "#cli/text.ts";
import type { Output } from "#cli/output.ts";
import { Hub } from "#daemon/hub.ts";
import { realRooms } from "#daemon/rooms.ts";
import { runUntilEnd } from "#daemon/run-hub.ts";
import { type Demo, startDemo } from "#demo/demo.ts";

export async function demo({ options, output, build }: CommandContext): Promise<number> {
  const running = await startDemo();
  try {
    const log = output.verbose ? output.log.bind(output) : silentLog;
    const hub = await Hub.start({ ...build, directory: running.directory, lingers: false, rooms: realRooms(), log });
    if (!hub) throw new KtError("hub-failed", `something else uses "${running.directory}"`);
    // The demo's own kubeconfig needs nothing of the user's environment, and nothing of it should reach the demo.
    await hub.pin({ file: running.profile, environment: {} });
    return options.flag("once") ? await tryOnce(running, hub, output) : await stay(running, hub, output, log);
  } finally {
    await running.close();
  }
}

async function tryOnce(running: Demo, hub: Hub, output: Output): Promise<number> {
  const tried = running.tryAll(({ what, where, answer, ok }) => {
    const verdict = ok ? green("ok") : red("FAILED");
    output.line([verdict, `  ${what.padEnd(13)} ${where}`], 4);
    output.line(["    ", dim(answer)], 4);
  });
  const interrupted = new Promise<"interrupted">((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve("interrupted"));
  });
  const outcome = await Promise.race([tried, interrupted]);
  await hub.stop(0);
  if (outcome === "interrupted") return exitCodes.interrupted;
  return outcome ? exitCodes.done : exitCodes.failed;
}

async function stay(running: Demo, hub: Hub, output: Output, log: Log): Promise<number> {
  output.line("An embedded Kubernetes API with sample services; kt serves it as it would serve yours. Try:");
  output.line();
  output.lines(tableLines(running.invitations.map(({ what, how }) => [`  ${what}`, cyan(how)])));
  output.line();
  output.line(`The profile, read again when you save it: ${running.profile}`);
  output.line(dim("Ctrl-C ends it and leaves nothing behind"));
  await runUntilEnd(hub, { ignoreHangup: false, log });
  return exitCodes.done;
}
