/** The other way: listens on the pod's own address, and hands each connection to the user whose service it is. */

import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type { RelayStream } from "#mux/relay-stream.ts";
import { splice } from "#net/splice.ts";
import { type Listener, listenTcp } from "#net/tcp.ts";

const uncounted = { add() {} };

/** A port of the pod, and the port of the service that it stands for. */
export interface ReversePort {
  readonly listen: number;
  readonly service: number;
}

/** Opens a stream to the user; undefined where none is connected, or all sessions are full. */
export type OpenToUser = (port: number, caller: string) => RelayStream | undefined;

export class ReverseListeners {
  readonly #listeners: readonly Listener[];

  /** `hosts`: tried in this order, since a node may have no IPv6. Throws KtError `listen-failed`. */
  constructor(hosts: readonly string[], ports: readonly ReversePort[], open: OpenToUser) {
    this.#listeners = ports.map(({ listen, service }) => listenOn(hosts, listen, (conn) => pass(conn, service, open)));
  }

  get ports(): readonly number[] {
    return this.#listeners.map(({ port }) => port);
  }

  /** Accepts no more; open connections go on. */
  close(): void {
    for (const listener of this.#listeners) listener.close();
  }
}

function listenOn(hosts: readonly string[], port: number, accept: (conn: Conn) => void): Listener {
  let problem: unknown = new KtError("listen-failed", "there is no address to listen on");
  for (const host of hosts) {
    try {
      return listenTcp({ host, port, accept });
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

/** A caller that cannot be served is reset: it was accepted already, and an orderly end would be an answer. */
function pass(conn: Conn, service: number, open: OpenToUser): void {
  const stream = open(service, conn.remoteAddress ?? "");
  if (stream) splice(conn, stream, uncounted, () => {});
  else conn.abort();
}
