/** Keeps of kt's own code in memory what a hub at work needs: most of what is read in at the start is never needed again. */

import type { Clock } from "#base/clock.ts";
import { daemonLimits } from "#daemon/limits.ts";
import { openOwnCode } from "#native/own-code.ts";

/** Soon after the start and more and more seldom, for as long as the process lasts: what is new to it needs code once, too. */
export function keepCodeLean(clock: Clock, open: typeof openOwnCode = openOwnCode): void {
  let giveBack: (() => void) | undefined;
  const again = (afterMs: number): void => {
    clock.after(afterMs, () => {
      giveBack ??= open();
      giveBack();
      again(Math.min(2 * afterMs, daemonLimits.mostLeanMs));
    });
  };
  again(daemonLimits.firstLeanMs);
}
