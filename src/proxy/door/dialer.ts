/** The Dialer that the front door is handed: a target in, an open connection to a pod out. */

import type { Conn } from "#base/conn.ts";
import type { Datagrams } from "#base/datagrams.ts";
import type { Destination, Target } from "#route/target.ts";

/** An open connection to one pod's port. The holder ends `conn`; the link needs no closing of its own. */
export interface Link {
  readonly conn: Conn;
  /** The pod's name, for logs and headers. */
  readonly pod: string;
  /** What the service of the pod's port says that it speaks, as written. */
  readonly appProtocol?: string | undefined;
  /** False once the pod is no longer one that new requests should go to, or the connection has closed. */
  usable(): boolean;
  /** The connection is not in use for now: while parked it does not keep its tunnel from going idle. */
  park(): void;
  /** Ends parking. */
  unpark(): void;
}

export interface Dialer {
  /**
   * Opens a connection to a ready pod behind the target, waiting up to the profile's start timeout while one is on its way.
   * Rejects with a KtError that says why. When `signal` aborts the wait ends, but a tunnel start that others share goes on.
   */
  dial(target: Destination, signal: AbortSignal): Promise<Link>;
  /** Opens a flow of datagrams to a target of UDP; waits and rejects as `dial` does. Absent where nothing carries any. */
  openFlow?(target: Target, signal: AbortSignal): Promise<Datagrams>;
  /** What the target's port is said to speak, where that is known by now. */
  appProtocol?(target: Destination): string | undefined;
}
