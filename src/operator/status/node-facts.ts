/** What is known of an EdgeNode, from which its status and those of its PortBindings are made. Pure. */

import type { EdgeDocument } from "#expose/host/edge-document.ts";
import type { EdgeStatus } from "#expose/host/edge-status.ts";
import type { EdgePlan } from "#expose/plan/edge-plan.ts";
import type { TakenPort } from "#remote/doctor/taken-port.ts";

/** Why something is not as wanted, as conditions have it. */
export interface Reason {
  readonly reason: string;
  readonly message: string;
}

export interface Wanted {
  readonly plan: EdgePlan;
  /** Undefined while there are no keys for it. */
  readonly document: EdgeDocument | undefined;
  /** Of the uplinks, by ordinal. */
  readonly publicKeys: ReadonlyMap<number, string>;
  /** Of the EdgeNode and the PortBindings that the plan is made of, by UID: of a later one it says nothing. */
  readonly generations: ReadonlyMap<string, number>;
}

export interface NodeFacts {
  /** Undefined where the EdgeNode itself is wrong, or not looked at yet. */
  readonly wanted: Wanted | undefined;
  /** Why the last attempt at what is wanted failed; undefined where it did not. */
  readonly failure: Reason | undefined;
  /** The host has been set up once, and since then its SSH login and its units were as they should be. */
  readonly isEnrolled: boolean;
  /** Of the host's end of the tunnel. */
  readonly publicKey: string | undefined;
  /** Public ports of the host that other programs hold: the edge may not see whose they are. */
  readonly takenPorts: readonly TakenPort[];
  /** What the edge says of itself. */
  readonly edge: EdgeStatus | undefined;
  /** Why it says nothing; "" before it was asked. */
  readonly silence: string;
}
