/** The Datagrams contract: whole datagrams both ways, which may be lost, and nothing that waits; the twin of Conn for UDP. */

import type { KtError } from "./errors.ts";

/**
 * One flow of datagrams between two ends: a connected UDP socket, a flow through a relay, a pair in memory.
 *
 * Each datagram arrives whole or not at all, perhaps out of order: programs that speak UDP count on no more. There is no
 * half-close and no back-pressure. A datagram that cannot be handed on at once is dropped, here and in time, and counted: a
 * queue that grows would make all that follow arrive late, and one flow would stall others.
 *
 * Ownership: the holder must end it with `close()`. It is handed over whole: after passing it on, the former holder never touches it
 * again.
 *
 * Order of events for the handler: `onDatagram` and `onUnreachable` any number of times, `onClose` exactly once and last. Before
 * `start` nothing is delivered; what arrives is kept, as much of it as a DatagramQueue takes.
 */
export interface Datagrams {
  /** The peer's address, for logs; undefined where the transport has no address. */
  readonly remoteAddress: string | undefined;

  /** How many datagrams were dropped at this end, in both directions. What the system or the network dropped is not known here. */
  readonly droppedDatagrams: number;

  /**
   * Sets the one handler and begins delivery, perhaps before it returns. A second call hands the flow to a new handler. If it has
   * closed already, `onClose` is called in a microtask.
   */
  start(handler: DatagramsHandler): void;

  /**
   * Sends one datagram of 0 to `sharedLimits.datagramBytes` bytes, which the caller must not change afterwards. Returns false where it
   * was dropped: it is too large, there is no room, or the flow has closed. Nothing tells when there is room again; go on with the
   * next one.
   */
  send(payload: Uint8Array): boolean;

  /** Ends the flow now. The peer of a socket does not learn of it: UDP has no end. Harmless when closed. */
  close(): void;
}

/** What the holder of Datagrams hears. No method may throw; none may be async. */
export interface DatagramsHandler {
  /** One datagram arrived, perhaps of 0 bytes. The bytes are the callee's from now on, to keep and to change. */
  onDatagram(payload: Uint8Array): void;
  /**
   * The network reported that an earlier datagram did not arrive (ICMP, RFC 1122 §4.1.3.3), as when nothing listens on the peer's
   * port. The flow stays open: a server that restarts answers the next one.
   */
  onUnreachable(error: KtError): void;
  /** The flow is over. `error` says why where the holder did not close it. */
  onClose(error: KtError | undefined): void;
}
