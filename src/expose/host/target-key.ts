/** The name of a target between an edge and its uplinks. Pure. */

import { CryptoHasher } from "bun";
import type { TargetSettings } from "#expose/plan/lookups.ts";

/**
 * Of protocol, address and port, as 16 hexadecimal digits. An edited target is another one: an edge sends nothing to it before an uplink
 * has said that it serves it, and until then the former one is served, so no order of changes loses a connection.
 */
export function targetKey(protocol: "TCP" | "UDP", { address, port }: Pick<TargetSettings, "address" | "port">): string {
  return new CryptoHasher("sha256")
    .update(`${protocol} ${address ?? ""} ${port}`)
    .digest("hex")
    .slice(0, 16);
}
