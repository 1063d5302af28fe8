/** What the public ports of UDP have done since they were opened: plain numbers, for the status page. */

/** Why a client's datagram did not go on to an uplink. */
export const udpRefusals = [
  /** As many sessions, of all clients or of one, as there may be, and none that could make room. */
  "limit",
  /** More new sessions within a second than there may be, of all clients or of one. */
  "rate",
  "noUplink",
  /** Its port serves no new clients any more. */
  "closed",
  /** With what goes in front of it, it would not fit into one datagram. */
  "tooLong",
] as const;
export type UdpRefusal = (typeof udpRefusals)[number];

export class UdpCounters {
  /** Sessions, by what became of them. */
  opened = 0;
  /** Idle for as long as their binding says. */
  expired = 0;
  /** Ended by their uplink or target. */
  ended = 0;
  /** They made room for another client's. */
  evicted = 0;
  /** To another uplink, since theirs went. */
  moved = 0;
  /** Of clients. */
  receivedDatagrams = 0;
  receivedBytes = 0;
  /** To clients. */
  sentDatagrams = 0;
  sentBytes = 0;
  /** An uplink reported that nothing listens at the target. */
  targetRefused = 0;
  /** From uplinks, of no session that is open, or nothing that an uplink sends. */
  strayDatagrams = 0;
  readonly refused: Record<UdpRefusal, number> = { limit: 0, rate: 0, noUplink: 0, closed: 0, tooLong: 0 };
}
