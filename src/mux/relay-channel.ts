/** What a session with a relay asks of its streams, and they of it. */

import type { KtError } from "#base/errors.ts";
import type { RelayFrame, RelayReason } from "#wire/relay-frame.ts";
import type { WindowBudget } from "./credit-window.ts";

/** A stream as its session drives it. */
export interface RelayChannel {
  readonly id: number;
  /** The peer's end of the stream has been reached: `opened` or anything else came back. */
  readonly isOpened: boolean;
  /** Throws KtError `protocol` where the peer sends what it may not. */
  received(bytes: Uint8Array): void;
  datagram(bytes: Uint8Array): void;
  unreachable(reason: RelayReason, text: string): void;
  opened(): void;
  peerEnded(): void;
  peerReset(reason: RelayReason, text: string): void;
  credited(bytes: number): void;
  /** The session takes more again. Sends so much at most; returns whether there is more to send. */
  takeTurn(mostBytes: number): boolean;
  /** The session is over. */
  lost(error: KtError): void;
}

/** What may leave with whatever is sent next. */
export type LateFrame = Extract<RelayFrame, { type: "open" | "opened" | "end" }>;

/** A session as its streams see it. */
export interface RelayChannelOwner {
  readonly budget: WindowBudget;
  /** The connection takes no more for now. */
  readonly isBlocked: boolean;
  sendData(stream: number, bytes: Uint8Array): void;
  send(frame: RelayFrame): void;
  /** As `send`, with whatever is sent next, or a moment later: nothing waits for it, and least for the end of the second half. */
  sendLater(frame: LateFrame, type?: "last-end"): void;
  /** Returns whether there was room. */
  sendDatagram(stream: number, bytes: Uint8Array): boolean;
  /** Has something to send once the session takes more. */
  wait(channel: RelayChannel): void;
  /** Nothing more is sent or heard. */
  forget(channel: RelayChannel): void;
}
