/** Serves a client of HTTP or TLS one refusal for every request: inside a handshake of kt's own where it came with TLS. */

import type { Conn } from "#base/conn.ts";
import { type KtError, messageOf } from "#base/errors.ts";
import { Backends } from "#proxy/http1/backends.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import type { Door } from "#proxy/door/door.ts";
import type { Router } from "#proxy/door/entrance.ts";
import { encodeOwnHead, refusalOf } from "#proxy/http1/own-answer.ts";
import { SpeechMemory } from "#proxy/h2/speech-memory.ts";
import { SelfSignedServer } from "#proxy/tls/self-signed.ts";
import type { RequestHead } from "#wire/http-head.ts";
import { sayLast } from "./say-last.ts";
import { serveWeb, type WebParts } from "./serve-web.ts";

export class WebRefusals {
  readonly #parts: WebParts;
  readonly #selfSigned: SelfSignedServer;

  constructor(context: DoorContext, door: Door) {
    this.#parts = {
      // What is refused here has been reported by the one that refuses it.
      context: { ...context, report() {} },
      door,
      // Never used: nothing that is refused reaches a backend.
      backends: new Backends(context.dialer, context.clock, context.idleLimitsOf),
      speech: new SpeechMemory(context.clock),
    };
    this.#selfSigned = new SelfSignedServer(context.clock);
  }

  /** Takes the Conn over, which is paused and holds all that its client said. */
  refuse(conn: Conn, version: "http1" | "h2", error: KtError, scheme: "http" | "https"): void {
    const router: Router = {
      decide() {
        throw error;
      },
    };
    const dial = async (): Promise<never> => await Promise.reject(error);
    const { context, door } = this.#parts;
    const onConnect = (client: Conn, head: RequestHead): void => {
      const answer = refusalOf(error, head);
      sayLast(client, [encodeOwnHead(answer, false), answer.body], context.clock, door.hold(client));
    };
    serveWeb(conn, version, { ...this.#parts, router, scheme, dial, onConnect });
  }

  /** The client's hello is still unread. `serverName`: what it asks for; `use` gets what is inside, in the protocol that it offered. */
  async accept(conn: Conn, serverName: string | undefined, use: (inside: Conn, alpn: string | undefined) => void): Promise<void> {
    const leave = this.#parts.door.hold(conn);
    try {
      const session = await this.#selfSigned.accept(conn, serverName);
      use(session.conn, session.alpn);
    } catch (handshake) {
      // A client that checks certificates goes away here; what it would have read is in the events.
      this.#parts.context.log("debug", "tls-refusal-unread", { name: serverName, reason: messageOf(handshake) });
    } finally {
      leave();
    }
  }
}
