/** The one way in to the embedded API server: a listener on loopback that can be closed, cut, or made to swallow all bytes. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import { connectTcp, type Listener, listenTcp } from "#net/tcp.ts";

/** Passes connections on to a port of this machine. */
export class Gate {
  readonly #backendPort: number;
  readonly #links = new Set<Link>();
  #listener: Listener | undefined;
  #frozen = false;
  #accepted = 0;
  readonly port: number;

  constructor(options: { readonly port: number; readonly backendPort: number }) {
    this.#backendPort = options.backendPort;
    this.#listener = this.#listen(options.port);
    this.port = this.#listener.port;
  }

  /** Connections taken so far. */
  get accepted(): number {
    return this.#accepted;
  }

  get open(): number {
    return this.#links.size;
  }

  /** Refuses connections from now on, and resets those that are open. */
  stop(): void {
    this.#listener?.close();
    this.#listener = undefined;
    this.cut();
  }

  /** Listens again on the same port. */
  start(): void {
    this.#listener ??= this.#listen(this.port);
  }

  /** Resets every open connection. */
  cut(): void {
    for (const link of [...this.#links]) link.abort();
  }

  /** From now on bytes vanish in both directions, without notice to either side; new connections hear nothing either. */
  freeze(): void {
    this.#frozen = true;
    for (const link of this.#links) link.freeze();
  }

  /** Bytes pass again on new connections; what was frozen stays lost, as after a firewall forgot the connection. */
  thaw(): void {
    this.#frozen = false;
  }

  #listen(port: number): Listener {
    return listenTcp({ host: "127.0.0.1", port, accept: (conn) => this.#accept(conn) });
  }

  #accept(client: Conn): void {
    this.#accepted += 1;
    const link = new Link(client, () => this.#links.delete(link));
    this.#links.add(link);
    if (this.#frozen) link.freeze();
    else void link.join(this.#backendPort);
  }
}

/** One connection and its continuation behind the gate. */
class Link {
  readonly #client: Conn;
  readonly #onClosed: () => void;
  readonly #abort = new AbortController();
  #server: Conn | undefined;
  #frozen = false;

  constructor(client: Conn, onClosed: () => void) {
    this.#client = client;
    this.#onClosed = onClosed;
  }

  async join(port: number): Promise<void> {
    try {
      this.#server = await connectTcp({ host: "127.0.0.1", port, signal: this.#abort.signal });
    } catch {
      this.abort();
      return;
    }
    if (this.#frozen) return;
    this.#server.start(this.#side(this.#server, this.#client));
    this.#client.start(this.#side(this.#client, this.#server));
  }

  freeze(): void {
    this.#frozen = true;
    this.#abort.abort();
    // A client that gives up must be noticed, or its socket would stay: only its end passes, and no further.
    this.#client.start({ onData() {}, onEnd: () => this.#client.end(), onDrain() {}, onClose: () => this.abort() });
    this.#server?.start({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} });
  }

  abort(): void {
    this.#abort.abort();
    this.#client.abort();
    this.#server?.abort();
    this.#onClosed();
  }

  #side(self: Conn, other: Conn): ConnHandler {
    return {
      onData: (bytes) => {
        if (!other.write(bytes)) self.pause();
      },
      onEnd: () => other.end(),
      onDrain: () => other.resume(),
      onClose: (error) => {
        if (error) other.abort();
        else other.end();
        if (self === this.#client) this.#onClosed();
      },
    };
  }
}
