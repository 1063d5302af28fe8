/** kt itself, which at SIGUSR2 fills the rings of every route that was used, as six hours of use would: full-rings.ts measures it. */

import { systemClock } from "#base/clock.ts";
import { runCli } from "#cli/main.ts";
import { CounterTable, type RouteCounters } from "#observe/counters.ts";
import { observeLimits } from "#observe/limits.ts";

const used = new Set<RouteCounters>();
const { of: find } = CounterTable.prototype;
CounterTable.prototype.of = function remember(this: CounterTable, ...route) {
  const counters = find.apply(this, route);
  used.add(counters);
  return counters;
};

/** How much later it is than the machine's clocks say. */
let laterMs = 0;
const { now, wallMs } = systemClock;
Object.assign(systemClock, { now: () => now() + laterMs, wallMs: () => wallMs() + laterMs });

/** Each route carries something else in each step: nothing of it could be kept once for several. */
function passStep(seconds: number, step: number): void {
  laterMs += seconds * 1000;
  for (const [at, counters] of [...used].entries()) {
    counters.requestBegun();
    counters.add("received", 1_000 + ((step * 31 + at) % 977) * seconds);
    counters.add("sent", 100 + ((step * 17 + at) % 89));
    counters.requestEnded(200, 1 + ((step + at) % 50), 1);
    counters.sample(systemClock.now() / 1000);
  }
}

async function fill(): Promise<void> {
  const { coarseRateSteps, coarseRateSeconds, fineRateSteps } = observeLimits;
  for (let step = 0; step < coarseRateSteps + fineRateSteps; step++) {
    passStep(step < coarseRateSteps ? coarseRateSeconds : 1, step);
    // What follows the status goes on meanwhile.
    if (step % 200 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  process.stderr.write("filled the rings\n");
}

process.on("SIGUSR2", () => void fill());
process.exit(await runCli(process.argv.slice(2)));
