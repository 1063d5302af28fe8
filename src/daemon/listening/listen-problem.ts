/** Why an address cannot be listened on, in words for people. */

import type { KtError } from "#base/errors.ts";
import { systemCode } from "#net/tcp.ts";
import { type Problem, toProblem } from "#observe/events.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import type { Holding } from "./port-holding.ts";

/** The system has no such address: IPv6 is off, or a network is not connected. */
const absentCodes: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT"]);

function isAbsent(error: KtError): boolean {
  return absentCodes.has(systemCode(error.cause) ?? "");
}

/** Half of the world's containers have no ::1, and it is not needed there while another address is open. */
export function isOptional({ host }: ListenAddress, error: KtError): boolean {
  return host === "::1" && isAbsent(error);
}

/** `otherPort` says how another port is chosen, and `openPort` the same for one that needs no privilege. */
export function listenProblem(
  address: string,
  error: KtError,
  holder: Holding | undefined,
  { otherPort, openPort }: { readonly otherPort: string; readonly openPort: string },
): Problem {
  const { code, message, hints } = toProblem(error);
  if (code === "port-taken" && holder) {
    return { code, message: `${address} is taken by ${holder.who}`, hints: [...holder.fixes, otherPort] };
  }
  if (isAbsent(error)) return { code, message: `listen on ${address}: this machine has no such address`, hints };
  // A port below 1024 needs a privilege on most systems.
  return { code, message, hints: systemCode(error.cause) === "EACCES" ? [openPort] : hints };
}
