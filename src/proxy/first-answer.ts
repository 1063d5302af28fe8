/** Passes on what a client sends until its backend answers, and keeps the beginning: a refusal must be in the client's protocol. */

import type { Conn } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { proxyLimits } from "./limits.ts";
import type { SpliceCount } from "#net/splice.ts";
import { clientLeft } from "#proxy/door/expect-tls.ts";

/**
 * Resolves when the two can be joined, both paused. Rejects with `clientLeft`, or with the error that the backend ended with before
 * it said a word: the client holds the beginning of what it said then, as if it had not been read.
 */
export function firstAnswer(client: Conn, pod: Conn, count: SpliceCount): Promise<void> {
  const kept: Uint8Array[] = [];
  let keptLength = 0;
  const outcome = Promise.withResolvers<void>();
  pod.start({
    onData(bytes) {
      pod.pause();
      pod.unread(bytes);
      client.pause();
      outcome.resolve();
    },
    onEnd() {
      client.pause();
      client.end();
      outcome.resolve();
    },
    onDrain: () => client.resume(),
    onClose(error) {
      client.pause();
      if (!isWorthTelling(error)) {
        outcome.resolve();
        return;
      }
      for (const bytes of kept.reverse()) client.unread(bytes);
      outcome.reject(error);
    },
  });
  client.start({
    onData(bytes) {
      if (keptLength < proxyLimits.firstWordsBytes) kept.push(bytes.slice(0, proxyLimits.firstWordsBytes - keptLength));
      keptLength += bytes.length;
      count.add("sent", bytes.length);
      if (!pod.write(bytes)) client.pause();
    },
    onEnd: () => pod.end(),
    onDrain() {},
    onClose(error) {
      if (error) pod.abort();
      else pod.end();
      outcome.reject(clientLeft);
    },
  });
  return outcome.promise;
}

/** A connection that was made and lost says nothing that its client does not see. */
function isWorthTelling(error: KtError | undefined): error is KtError {
  return error !== undefined && error.code !== "connection-lost";
}
