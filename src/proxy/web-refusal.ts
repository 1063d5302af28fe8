/** Serves a client of HTTP or TLS one refusal for every request: inside a handshake of kt's own where it came with TLS. */

import type { Conn } from "#base/conn.ts";
import { type KtError, messageOf } from "#base/errors.ts";
import { Backends } from "#proxy/http1/backends.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import type { Door } from "#proxy/door/door.ts";
import type { Router } from "#proxy/door/entrance.ts";
import { serveH2 } from "#proxy/h2/h2.ts";
import { Http1Connection } from "#proxy/http1/http1.ts";
import { SpeechMemory } from "#proxy/h2/speech-memory.ts";
import { SelfSignedServer } from "#proxy/door/self-signed.ts";

type Web = "http1" | "h2";

export class WebRefusals {
  readonly #context: DoorContext;
  readonly #door: Door;
  readonly #selfSigned: SelfSignedServer;
  /** Never used: nothing that is refused reaches a backend. */
  readonly #backends: Backends;
  readonly #speech: SpeechMemory;

  constructor(context: DoorContext, door: Door) {
    // What is refused here has been reported by the one that refuses it.
    this.#context = { ...context, report: () => {} };
    this.#door = door;
    this.#selfSigned = new SelfSignedServer(context.clock);
    this.#backends = new Backends(context.dialer, context.clock);
    this.#speech = new SpeechMemory(context.clock);
  }

  /** Takes the Conn over, which is paused and holds all that its client said. */
  refuse(conn: Conn, kind: Web, error: KtError, scheme: "http" | "https"): void {
    const router: Router = {
      decide() {
        throw error;
      },
    };
    const { clock, log, counters, report } = this.#context;
    const shared = { router, scheme, backends: this.#backends };
    if (kind === "h2") {
      const dial = async (): Promise<never> => await Promise.reject(error);
      const connection = serveH2(conn, {
        ...shared,
        dial,
        clock,
        log,
        counters,
        report,
        speech: this.#speech,
        clientAddress: conn.remoteAddress,
      });
      this.#door.enter(connection);
      void connection.closed.then(() => this.#door.leave(connection));
      return;
    }
    const connection: Http1Connection = new Http1Connection(conn, {
      ...shared,
      context: this.#context,
      onClosed: () => this.#door.leave(connection),
    });
    this.#door.enter(connection);
    connection.start();
  }

  /** The client's hello is still unread. `serverName`: what it asks for; `use` gets what is inside, in the protocol that it offered. */
  async accept(conn: Conn, serverName: string | undefined, use: (inside: Conn, alpn: string | undefined) => void): Promise<void> {
    const leave = this.#door.hold(conn);
    try {
      const session = await this.#selfSigned.accept(conn, serverName);
      use(session.conn, session.alpn);
    } catch (handshake) {
      // A client that checks certificates goes away here; what it would have read is in the events.
      this.#context.log("debug", "tls-refusal-unread", { name: serverName, reason: messageOf(handshake) });
    } finally {
      leave();
    }
  }
}
