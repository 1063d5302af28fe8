/** What every connection of the front door is handed. */

import type { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { SocketEnds } from "#net/tcp.ts";
import type { MeterContext } from "#observe/meter.ts";
import type { Destination } from "#route/target.ts";
import type { RequestTimeouts } from "./request-timer.ts";
import type { Dialer } from "./dialer.ts";
import type { ShownProfile } from "#proxy/pages/own-pages.ts";
import type { Authority } from "#tls/authority.ts";

/** How often a request that was lost without a byte of an answer is sent again, and how long after. */
export interface RetryPolicy {
  readonly max: number;
  readonly delayMs: number;
}

/** How many HTTP/1 connections are kept for the next requests; 0 means no limit. */
export interface IdleLimits {
  /** Of the whole profile. */
  readonly idle: number;
  readonly idlePerTarget: number;
}

export interface DoorContext extends MeterContext {
  readonly dialer: Dialer;
  readonly log: Log;
  /** What the index shows. */
  readonly profiles?: () => readonly ShownProfile[];
  /** By the profile of the route. */
  readonly retryOf: (profile: string) => RetryPolicy;
  /** By the profile of the route; undefined, as without this, where there are none. */
  readonly timeoutsOf?: (profile: string) => RequestTimeouts | undefined;
  /** By the profile of the route; undefined, as without this, where there are none. */
  readonly idleLimitsOf?: (profile: string) => IdleLimits | undefined;
  /** Why a request to the target has to wait now, where that is known. */
  readonly whyWaiting?: (target: Destination) => string | undefined;
  /** Throws KtError for a client that dynamic names are not for. Absent where every client may use them. */
  readonly checkOwner?: (ends: SocketEnds) => void;
  /** Who signs for names that kt speaks TLS for; throws KtError `authority-unusable`. Absent where there is no such authority. */
  readonly authority?: () => Authority;
  /** Why a client that has just come cannot be served. Absent: all are. */
  readonly refusal?: () => KtError | undefined;
}
