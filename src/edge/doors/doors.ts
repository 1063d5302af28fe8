/** What the public ports of TCP and those of UDP have in common, for the edge that puts them together. */

import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { UplinkSet } from "#edge/uplinks/uplink-set.ts";

export interface DoorOptions {
  /** Addresses to listen on; an IPv6 one that the machine does not have is passed over. */
  readonly hosts: readonly string[];
  readonly uplinks: UplinkSet;
  readonly clock: Clock;
  readonly log: Log;
  /** What `problemOf` says has changed. */
  readonly onChange: () => void;
}

export interface DoorProblem {
  readonly state: "ListenFailed" | "CertificateFailed";
  readonly message: string;
}

/** The public ports of one protocol. */
export interface Doors<Binding> {
  /** What new connections and sessions get from now on; open ones go on as they are. */
  lead(bindings: readonly Binding[]): void;
  /** Why a binding's port serves nothing; undefined where it is open. */
  problemOf(id: string): DoorProblem | undefined;
  /** Accepts nothing more. Resolves once the last connection or session is over. */
  drain(): Promise<void>;
  /** Ends everything now. */
  close(): void;
}
