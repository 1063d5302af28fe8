/** What tunnels need of a relay: a relay in the cluster, or kt itself where it is in there. */

import type { Conn } from "#base/conn.ts";
import type { Following, Resolution } from "#kube/objects/types.ts";

/** What is connected to. */
export interface RelayedAddress {
  readonly host: string;
  readonly port: number;
}

/** Connects to addresses. */
export interface RelayWay {
  /** As messages name it. */
  readonly title: string;
  /** Takes new connections now. */
  readonly isReady: boolean;
  readonly sessions: number;
  /**
   * Undefined where it takes no connections now. It closes with a RelayStreamError where the address does not accept. `hasOtherWay`: it
   * fails soon where the relay does not answer.
   */
  openStream(to: RelayedAddress, hasOtherWay: boolean): RelayedStream | undefined;
  /** The pod that connects, as what is behind a target. */
  follow(onChange: (resolution: Resolution) => void): Following;
}

export interface RelayedStream extends Conn {
  /** The address has accepted. */
  readonly isOpened: boolean;
}
