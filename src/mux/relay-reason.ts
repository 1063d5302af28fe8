/** Why a connection to an address could not be made, in the words of the relay's protocol. */

import { systemCode } from "#base/system-error.ts";
import type { RelayReason } from "#wire/relay-frame.ts";

/** By the system's code of what went wrong; any other is `unreachable`. */
const reasons: Readonly<Record<string, RelayReason>> = {
  ECONNREFUSED: "refused",
  ENOTFOUND: "not-found",
  EAI_AGAIN: "not-found",
  ECONNRESET: "lost",
  EMFILE: "overloaded",
  ENFILE: "overloaded",
};

export function reasonOf(error: unknown): RelayReason {
  const code = systemCode(error);
  return (code === undefined ? undefined : reasons[code]) ?? "unreachable";
}
