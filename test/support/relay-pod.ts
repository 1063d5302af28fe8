/** A relay in a pod of the cluster in memory: kt's own server, whose connections are real. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import type { Clock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { RelayServer } from "#relay/relay-server.ts";
import type { FakeCluster, PodConnection } from "./fake-cluster.ts";

/** A connection that was forwarded to a pod's port, as the pod's program sees it. */
class ForwardedConn implements Conn {
  readonly remoteAddress = undefined;
  readonly #connection: PodConnection;
  #handler: ConnHandler | undefined;
  #early: Uint8Array[] = [];
  #paused = true;
  #closed = false;
  readonly #isStalled: () => boolean;

  constructor(connection: PodConnection, isStalled: () => boolean) {
    this.#connection = connection;
    this.#isStalled = isStalled;
    connection.onData = (bytes) => this.#received(bytes);
    connection.onEnd = () => this.#handler?.onEnd();
    connection.onReset = () => this.#close();
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    this.resume();
  }

  unread(bytes: Uint8Array): void {
    this.#early.unshift(bytes);
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#closed) this.#connection.write(bytes);
    return true;
  }

  end(): void {
    this.abort();
  }

  abort(): void {
    if (this.#closed) return;
    this.#connection.end();
    this.#close();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = this.#isStalled();
    for (let bytes = this.#early.shift(); bytes && !this.#paused; bytes = this.#early.shift()) this.#handler?.onData(bytes);
  }

  #received(bytes: Uint8Array): void {
    this.#paused ||= this.#isStalled();
    if (this.#paused || !this.#handler) this.#early.push(bytes);
    else this.#handler.onData(bytes);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler?.onClose(undefined);
  }
}

/** Puts a relay into the cluster, and says why it ended once it has. */
export function relayPod(
  cluster: FakeCluster,
  pod: string,
  clock: Clock,
  other: (connection: PodConnection) => void = (c) => c.fail("refused"),
) {
  const conns: ForwardedConn[] = [];
  /** `isStalled`: it reads nothing, as on a node that is too busy, until `goOn`. */
  const state = { ended: undefined as string | undefined, isStalled: false };
  const server = new RelayServer({
    id: pod,
    ttlMs: 60_000,
    clock,
    log: silentLog,
    onUnused: (why) => Object.assign(state, { ended: why }),
  });
  cluster.setPod(pod, (connection) => {
    if (connection.port !== 8990) return other(connection);
    const conn = new ForwardedConn(connection, () => state.isStalled);
    conns.push(conn);
    server.accept(conn);
  });
  const goOn = (): void => {
    state.isStalled = false;
    for (const conn of conns) conn.resume();
  };
  return { state, server, goOn };
}
