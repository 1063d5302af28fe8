/** Listens at the first of some addresses that the node has: it may have no IPv6. */

import type { Conn } from "#base/conn.ts";
import { assert } from "#base/errors.ts";
import { type Listener, listenTcp } from "#net/tcp.ts";

/** Throws KtError `port-taken` or `listen-failed` of the last one. */
export function listenAtFirst([host, ...others]: readonly string[], port: number, accept: (conn: Conn) => void): Listener {
  assert(host !== undefined, "there is no address to listen on");
  try {
    return listenTcp({ host, port, accept });
  } catch (error) {
    if (others.length === 0) throw error;
    return listenAtFirst(others, port, accept);
  }
}
