/** Reads the TLS hello of a client and puts it back: what it says decides whose connection it is. */

import { ByteQueue } from "#base/bytes.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { edgeLimits } from "#edge/limits.ts";
import { decodeTlsHello, type TlsHello } from "#wire/tls-hello.ts";

/**
 * The Conn is paused then, with all its bytes. Rejects with KtError `protocol` for what is not a hello or too long for one, and with
 * `connection-lost` for a client that left; what is done with the Conn is left to the caller, also how long to wait.
 */
export function readHello(conn: Conn): Promise<TlsHello> {
  return new Promise((resolve, reject) => {
    const bytes = new ByteQueue(edgeLimits.helloBytes);
    const left = (): void => reject(new KtError("connection-lost", "the client left before its TLS hello was complete"));
    conn.start({
      onData(more) {
        try {
          bytes.push(more);
          const hello = decodeTlsHello(bytes.peek());
          if (hello === "short") return;
          conn.pause();
          conn.unread(bytes.takeAll());
          resolve(hello);
        } catch (error) {
          conn.pause();
          reject(error);
        }
      },
      onEnd: left,
      onDrain() {},
      onClose: left,
    });
  });
}
