/** What came of bringing a host to what is wanted. */

import type { TakenPort } from "#remote/doctor/taken-port.ts";

/** Something that was not as wanted, and now is. */
export interface HostRepair {
  readonly kind: "binary" | "plan" | "certificate" | "unit" | "sysctl" | "link" | "leftover" | "taken-over";
  /** What was found and done, as a part of a sentence without its full stop: "/etc/kt/edge/plan.json was written: it was missing". */
  readonly text: string;
}

export interface HostOutcome {
  /** Nothing of kt was on the host. */
  readonly isNew: boolean;
  /** Empty where nothing was written or started. Where `WantedHost.hash` is that of the last outcome, each is drift. */
  readonly repairs: readonly HostRepair[];
  /** What the host refuses and works without, each in a sentence without its full stop. */
  readonly warnings: readonly string[];
  /** By other programs than kt: who holds what the edge cannot listen on, which it may not see itself. */
  readonly takenPorts: readonly TakenPort[];
  /** Of the edge's end of the tunnel, in base64: of WireGuard, or the pin with TLS. Made on the host. */
  readonly publicKey: string | undefined;
  /** Tells whether the binary was touched since its bytes were last read: give it to the next call, which then need not read them. */
  readonly binaryStamp: string;
}
