/** Reads what an edge asks for with the first bytes of a stream. */

import { ByteQueue } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { decodeUplinkRequest, type UplinkRequest, uplinkRequestBytes } from "#wire/uplink-frame.ts";
import { uplinkLimits } from "#uplink/limits.ts";

export interface StreamRequest {
  readonly request: UplinkRequest | "version";
  /** Aborts when the stream is over before it was handed on. */
  readonly left: AbortSignal;
}

/**
 * The Conn is paused then, with what came behind the request put back. Rejects with KtError `protocol` or `connection-lost`; the Conn is
 * aborted then.
 */
export function readStreamRequest(conn: Conn, clock: Clock): Promise<StreamRequest> {
  const { promise, resolve, reject } = Promise.withResolvers<StreamRequest>();
  const inbox = new ByteQueue();
  const left = new AbortController();
  const fail = (error: unknown): void => {
    cancel();
    reject(toKtError(error, "connection-lost", "read the request of a stream"));
    conn.abort();
  };
  const cancel = clock.after(uplinkLimits.requestMs, () => fail(new KtError("protocol", "a stream began without a request")));
  const gone = (error?: KtError): void => {
    left.abort();
    fail(error ?? new KtError("connection-lost", "a stream ended before its request"));
  };
  conn.start({
    onData(bytes) {
      inbox.push(bytes);
      if (inbox.length < uplinkRequestBytes) return;
      cancel();
      conn.pause();
      try {
        const request = decodeUplinkRequest(inbox.take(uplinkRequestBytes));
        conn.unread(inbox.takeAll());
        resolve({ request, left: left.signal });
      } catch (error) {
        fail(error);
      }
    },
    onEnd: gone,
    onDrain() {},
    onClose: gone,
  });
  return promise;
}
