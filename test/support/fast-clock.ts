/** A clock that runs faster than the wall's, so that minutes of time-outs pass in a moment while sockets stay real. */

import { type Clock, systemClock } from "#base/clock.ts";

export function fastClock(times: number): Clock {
  return {
    now: () => systemClock.now() * times,
    wallMs: () => systemClock.now() * times,
    after: (delayMs, callback) => systemClock.after(delayMs / times, callback),
  };
}
