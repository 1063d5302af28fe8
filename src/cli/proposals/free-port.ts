/** Whether a port of this machine can be proposed. */

import { listen as listenOn } from "bun";
import { systemCode } from "#base/system-error.ts";
import type { ListenAddress } from "#profile/values/plan.ts";

export function isFree({ host, port }: ListenAddress): boolean {
  try {
    listenOn({ hostname: host, port, socket: { data() {} } }).stop(true);
    return true;
  } catch (error) {
    // A machine without IPv6, or a port for root: that is not the same as a taken one.
    return systemCode(error) !== "EADDRINUSE";
  }
}
