/** Runs a hub until it is unused, asked to stop, or signalled. */

import { systemClock } from "#base/clock.ts";
import { sharedLimits } from "#base/limits.ts";
import type { Log } from "#base/log.ts";
import { keepCodeLean } from "#daemon/process/lean-code.ts";
import type { Hub } from "./hub.ts";

export type Ending = "unused" | "signal";

/**
 * The first signal lets open connections go on for a while, the second ends them. `ignoreHangup` is for the hub in the
 * background, which outlives the terminal that started it.
 */
export async function runUntilEnd(hub: Hub, { ignoreHangup, log }: { ignoreHangup: boolean; log: Log }): Promise<Ending> {
  outliveMistakes(log);
  keepCodeLean(systemClock);
  const signalled = Promise.withResolvers<"signal">();
  let signals = 0;
  const onSignal = (): void => {
    signals++;
    signalled.resolve("signal");
    if (signals > 1) void hub.stop(0);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  process.on("SIGHUP", ignoreHangup ? () => {} : onSignal);
  const ending = await Promise.race([signalled.promise, hub.stopAsked.then((): Ending => "unused")]);
  await hub.stop(ending === "signal" ? sharedLimits.drainMs : 0);
  return ending;
}

/** A fault in the code of one connection must not end the others: it is logged, and the rest goes on. */
export function outliveMistakes(log: Log): void {
  const tell = (error: unknown): void => {
    log("error", "internal", { text: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  };
  process.on("uncaughtException", tell);
  process.on("unhandledRejection", tell);
}
