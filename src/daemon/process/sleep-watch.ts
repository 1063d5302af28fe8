/** Notices that the machine slept: the wall clock jumped while the monotonic one stood still, or this process was stopped. */

import type { Clock } from "#base/clock.ts";
import { daemonLimits } from "#daemon/limits.ts";

/** Calls back with how long it slept, each time; the returned function ends the watch. */
export function watchSleep(clock: Clock, onWake: (sleptMs: number) => void): () => void {
  let cancel = (): void => {};
  const look = (lastWall: number, lastNow: number): void => {
    cancel = clock.after(daemonLimits.clockCheckMs, () => {
      const wall = clock.wallMs();
      const now = clock.now();
      const sleptMs = Math.max(wall - lastWall, now - lastNow) - daemonLimits.clockCheckMs;
      if (sleptMs > daemonLimits.sleepJumpMs) onWake(sleptMs);
      look(wall, now);
    });
  };
  look(clock.wallMs(), clock.now());
  return () => cancel();
}
