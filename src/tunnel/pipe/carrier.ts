/** How connections are opened on a pod that was chosen: the contract that every way to one keeps. */

import type { Endpoint } from "#kube/objects/types.ts";
import type { Slot } from "./slot.ts";

export interface Carrier {
  /** Rejects with KtError: another pod may work. */
  reserve(endpoint: Endpoint): Promise<Slot>;
  /** Connections that are open on a pod, for choosing among several. */
  openOn(pod: string): number;
  /** Upgraded connections to a pod. */
  sessionsOn(pod: string): number;
  /** The pod takes no more new connections. */
  retire(pod: string): void;
  /** Called about every second. */
  tick(nowMs: number): void;
  /** Asks for a sign of life now. */
  ping(): void;
  close(): void;
}
