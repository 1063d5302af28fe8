/** Tells a client of a bare port why it cannot be served, in the protocol that its first bytes or its port name. */

import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { proxyLimits } from "./limits.ts";
import { wireLimits } from "#wire/limits.ts";
import { printable } from "#base/printable.ts";
import { concatBytes, emptyBytes } from "#base/bytes.ts";
import {
  amqpGreeting,
  encodeAmqpClose,
  encodeMongoError,
  encodeMysqlError,
  encodePostgresError,
  encodeRedisError,
  postgresNoEncryption,
  recogniseTcp,
  type TcpSpeech,
} from "#wire/tcp-refusals.ts";

export interface TcpRefusalOptions {
  readonly error: KtError;
  /** The target's port and the local one: MySQL's server speaks first, so only they say what its client is. */
  readonly ports: readonly (string | number)[];
  readonly clock: Clock;
  /** Serves a client of HTTP or TLS its refusal; the Conn is paused, and holds all that it said. */
  readonly onWeb: (kind: "tls" | "http1" | "h2") => void;
  readonly onClosed: () => void;
}

const mysqlPorts = new Set<string | number>([3306, "3306", "mysql", "mariadb"]);

/** Takes the Conn over, which must be paused. One that does not say what it speaks is reset after a while. */
export function refuseTcp(conn: Conn, options: TcpRefusalOptions): void {
  conn.start(new TcpRefusal(conn, options));
}

class TcpRefusal implements ConnHandler {
  readonly #conn: Conn;
  readonly #options: TcpRefusalOptions;
  #cancelWait: () => void = () => {};
  #said: Uint8Array = emptyBytes;
  #over = false;
  #isPassedOn = false;

  constructor(conn: Conn, options: TcpRefusalOptions) {
    this.#conn = conn;
    this.#options = options;
    this.#wait();
    if (options.ports.some((port) => mysqlPorts.has(port))) this.#end(encodeMysqlError(this.#message));
  }

  onData(bytes: Uint8Array): void {
    if (this.#over) return;
    this.#said = concatBytes([this.#said, bytes]);
    const speech = recogniseTcp(this.#said);
    if (speech) this.#answer(speech);
    else if (this.#said.length > wireLimits.httpHeadBytes) this.#conn.abort();
  }

  onEnd(): void {
    if (!this.#over) this.#conn.abort();
  }

  onDrain(): void {}

  onClose(): void {
    this.#cancelWait();
    if (!this.#isPassedOn) this.#options.onClosed();
  }

  get #message(): string {
    return printable(`kt: ${this.#options.error.message}`);
  }

  #answer(speech: TcpSpeech): void {
    switch (speech.kind) {
      case "postgres":
        this.#answerPostgres(speech.asks);
        break;
      case "amqp":
        if (speech.asks === "session") this.#end(encodeAmqpClose(this.#message));
        else this.#askOn(amqpGreeting);
        break;
      case "redis":
        this.#end(encodeRedisError(this.#message));
        break;
      case "mongo":
        this.#end(encodeMongoError(this.#message, speech));
        break;
      default:
        this.#passOn(speech.kind);
    }
  }

  /** A client that asks for encryption first is sent on without, and asks for its session then. */
  #answerPostgres(asks: "encryption" | "session"): void {
    if (asks === "session") {
      const [hint] = this.#options.error.hints;
      this.#end(encodePostgresError(this.#message, hint && printable(hint)));
      return;
    }
    this.#askOn(postgresNoEncryption);
  }

  /** The first answer makes the client send more. */
  #askOn(bytes: Uint8Array): void {
    this.#said = emptyBytes;
    this.#conn.write(bytes);
    this.#wait();
  }

  #passOn(kind: "tls" | "http1" | "h2"): void {
    this.#over = true;
    this.#isPassedOn = true;
    this.#cancelWait();
    this.#conn.pause();
    this.#conn.unread(this.#said);
    this.#options.onWeb(kind);
  }

  #wait(): void {
    this.#cancelWait();
    this.#cancelWait = this.#options.clock.after(proxyLimits.tcpRefusalMs, () => this.#conn.abort());
  }

  /** Reads on until the client closes: a reset could take the answer away. */
  #end(answer: Uint8Array): void {
    this.#over = true;
    this.#wait();
    this.#conn.write(answer);
    this.#conn.end();
  }
}
