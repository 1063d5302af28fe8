/** A client that speaks SOCKS5: its greeting and its request, then the tunnel that it asked for. */

import { ByteQueue } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { socksReplyOf } from "#base/error-facts.ts";
import { KtError, toKtError } from "#base/errors.ts";
import type { Door, Guest } from "#proxy/door/door.ts";
import { proxyLimits } from "#proxy/limits.ts";
import {
  decodeSocksGreeting,
  decodeSocksRequest,
  encodeSocksMethod,
  encodeSocksReply,
  socksCommands,
  socksMethods,
  socksReplies,
  type SocksRequest,
} from "#wire/socks.ts";
import type { ProxyAnswers, ProxyVisit } from "./proxy-visit.ts";
import type { ProxyTunnels } from "./proxy-tunnels.ts";

/** The longest request has a name of 255 bytes, and so has the longest greeting methods; a client may send more behind it. */
const heldBytes = 64 * 1024;

export interface SocksOptions {
  readonly visit: ProxyVisit;
  readonly tunnels: ProxyTunnels;
  readonly door: Door;
  readonly clock: Clock;
}

export class SocksClient implements ConnHandler, Guest {
  readonly #conn: Conn;
  readonly #options: SocksOptions;
  readonly #inbox = new ByteQueue(heldBytes);
  readonly #cancelTimeout: () => void;
  #phase: "greeting" | "request" | "over" = "greeting";

  /** Owns the Conn, which is paused. */
  constructor(conn: Conn, options: SocksOptions) {
    this.#conn = conn;
    this.#options = options;
    this.#cancelTimeout = options.clock.after(proxyLimits.peekTimeoutMs, () => conn.abort());
    options.door.enter(this);
    conn.start(this);
  }

  drain(): void {
    this.#conn.abort();
  }

  abort(): void {
    this.#conn.abort();
  }

  onData(bytes: Uint8Array): void {
    if (this.#phase === "over") return;
    try {
      this.#inbox.push(bytes);
      if (this.#phase === "greeting") this.#greet();
      if (this.#phase === "request") this.#ask();
    } catch (error) {
      this.#refuse("", toKtError(error, "request-invalid", "read the request"), socksReplies.failed);
    }
  }

  onEnd(): void {
    if (this.#phase !== "over") this.#conn.end();
  }

  onDrain(): void {}

  onClose(): void {
    this.#leave();
  }

  #greet(): void {
    const greeting = decodeSocksGreeting(this.#inbox.peek());
    if (greeting === "short") return;
    this.#inbox.take(greeting.length);
    if (greeting.methods.includes(socksMethods.none)) {
      this.#phase = "request";
      this.#conn.write(encodeSocksMethod(socksMethods.none));
      return;
    }
    const error = new KtError("request-invalid", "the SOCKS client only offers to sign in, and kt's proxy asks for no password", {
      hints: ["leave user and password out of the address of the proxy"],
    });
    this.#handOver();
    this.#options.tunnels.refuse(this.#conn, "", error, { refused: () => [encodeSocksMethod(socksMethods.noneAcceptable)] });
  }

  #ask(): void {
    const request = decodeSocksRequest(this.#inbox.peek());
    if (request === "short") return;
    this.#inbox.take(request.length);
    const { host, port, command } = request;
    if (command !== socksCommands.connect) this.#refuse(host ?? "", unsupported(request), socksReplies.commandUnknown);
    else if (host === undefined) this.#refuse("", unknownAddress, socksReplies.addressUnknown);
    else {
      this.#handOver();
      this.#options.tunnels.open(this.#conn, { host, port, visit: this.#options.visit, answers });
    }
  }

  #refuse(name: string, error: KtError, reply: number): void {
    this.#handOver();
    this.#options.tunnels.refuse(this.#conn, name, error, { refused: () => [encodeSocksReply(reply)] });
  }

  /** What the client sent ahead is for what it asked for. */
  #handOver(): void {
    this.#leave();
    this.#conn.pause();
    this.#conn.unread(this.#inbox.takeAll());
  }

  #leave(): void {
    this.#phase = "over";
    this.#cancelTimeout();
    this.#options.door.leave(this);
  }
}

const answers: ProxyAnswers = {
  opened: encodeSocksReply(socksReplies.succeeded),
  refused: ({ code }) => [encodeSocksReply(socksReplyOf(code))],
};

const unknownAddress = new KtError("request-invalid", "the SOCKS client asks for an address of an unknown type");

const commandNames: Readonly<Record<number, string>> = { [socksCommands.bind]: "BIND", [socksCommands.udpAssociate]: "UDP ASSOCIATE" };

function unsupported({ command }: SocksRequest): KtError {
  const name = commandNames[command] ?? `command ${command}`;
  return new KtError("request-invalid", `SOCKS ${name} is not supported: kt's proxy only connects by TCP`, {
    hints: ["a port of UDP is reached by a route under [udp]"],
  });
}
