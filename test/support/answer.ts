/** Asks over a connection that has been dialled and not yet started. */

import { concatBytes } from "#base/bytes.ts";
import type { Conn } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";

/** All that comes back for a text, once it is as long, or why the connection ended. The connection is started and stays open. */
export async function answerTo(conn: Conn, text: string): Promise<string | KtError> {
  const answer = Promise.withResolvers<string | KtError>();
  const chunks: Uint8Array[] = [];
  conn.start({
    onData(bytes) {
      chunks.push(bytes);
      const all = new TextDecoder().decode(concatBytes(chunks));
      if (all.length >= text.length) answer.resolve(all);
    },
    onEnd: () => conn.end(),
    onDrain() {},
    onClose: (error) => answer.resolve(error ?? "closed"),
  });
  conn.write(new TextEncoder().encode(text));
  return await answer.promise;
}
