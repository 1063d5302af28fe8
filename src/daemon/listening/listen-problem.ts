/** Why an address cannot be listened on, in words for people. */

import type { KtError } from "#base/errors.ts";
import { systemCode } from "#base/system-error.ts";
import { type Problem, toProblem } from "#observe/events.ts";
import { formatListen } from "#profile/values/listen.ts";
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

/** How the user chooses another port, and one that needs no privilege. */
export interface PortAdvice {
  /** What is said of an address that this machine lacks; default: its own words. */
  readonly absent?: string;
  readonly otherPort: string;
  readonly openPort: string;
}

export type HolderOf = (address: ListenAddress) => Promise<Holding | undefined>;

const lowPortsForAll = process.platform === "linux" ? ["or give every user low ports: kt setup ports"] : [];

/** Resolves when the holder of a taken port is known. */
export async function listenProblem(address: ListenAddress, error: KtError, advice: PortAdvice, holderOf: HolderOf): Promise<Problem> {
  const { code, message, hints } = toProblem(error);
  const shown = formatListen(address);
  const holder = code === "port-taken" ? await holderOf(address) : undefined;
  if (holder) return { code, message: `${shown} is taken by ${holder.who}`, hints: [...holder.fixes, advice.otherPort] };
  if (code === "port-taken") return { code, message, hints: [...hints, advice.otherPort] };
  if (isAbsent(error)) return { code, message: advice.absent ?? `listen on ${shown}: this machine has no such address`, hints };
  // A port below 1024 needs a privilege on most systems.
  return { code, message, hints: systemCode(error.cause) === "EACCES" ? [advice.openPort, ...lowPortsForAll] : hints };
}
