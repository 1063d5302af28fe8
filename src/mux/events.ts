/** What a session can report, as a tagged union. */

import type { SpdyHeaders } from "#wire/spdy-headers.ts";

export type SessionEvent =
  /** The peer opened a stream; only for a server. */
  | { readonly type: "opened"; readonly stream: number; readonly headers: SpdyHeaders }
  /** The peer accepted a stream that we opened. */
  | { readonly type: "replied"; readonly stream: number }
  /** Bytes as a view on what was received, perhaps part of a frame; empty ones come only with `fin`, after which no more follow. */
  | { readonly type: "data"; readonly stream: number; readonly bytes: Uint8Array; readonly fin: boolean }
  /** The peer ended a stream both ways, with one of `resetStatus`. Nothing more comes for it. */
  | { readonly type: "reset"; readonly stream: number; readonly status: number }
  /** The peer answered a ping of ours. */
  | { readonly type: "pong"; readonly id: number }
  /** The peer sent a ping, which was answered. */
  | { readonly type: "pinged"; readonly id: number }
  /** The peer takes no more streams; ours above `lastGoodStream` were not begun. */
  | { readonly type: "going-away"; readonly lastGoodStream: number };
