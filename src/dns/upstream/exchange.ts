/** One question to one name server, by UDP or TCP: its reply, or that there is none. */

import { ByteQueue } from "#base/bytes.ts";
import type { ConnHandler } from "#base/conn.ts";
import { connectTcp } from "#net/tcp.ts";
import { connectUdp } from "#net/udp.ts";
import { framed, takeFramed } from "#wire/dns-frame.ts";

export interface NameServer {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
}

export interface ExchangeEnd {
  /** A message came, which may be forged. */
  readonly reply: (message: Uint8Array) => void;
  /** Nothing will come any more. */
  readonly fail: () => void;
}

/** A question that is on its way. */
export interface Asked {
  /** Sends it once more, in case it was lost. */
  again(): void;
  /** Nothing is reported from then on. */
  close(): void;
}

/** Begins. The end is never reported before it returns, nor by a call of what it returned. */
export type Exchange = (server: NameServer, message: Uint8Array, end: ExchangeEnd) => Asked;

export type DnsTransport = "udp" | "tcp";

/** A socket for each question: its port is another secret that a forged reply would have to know (RFC 5452 §9.2). */
const byUdp: Exchange = (server, message, end) => {
  const left = new AbortController();
  const { reply, fail } = until(left.signal, end);
  let send = (): void => {};
  connectUdp(server).then((socket) => {
    if (left.signal.aborted) return socket.close();
    left.signal.addEventListener("abort", () => socket.close(), { once: true });
    socket.start({ onDatagram: reply, onUnreachable: fail, onClose() {} });
    send = () => {
      if (!socket.send(message)) queueMicrotask(fail);
    };
    send();
  }, fail);
  return { again: () => send(), close: () => left.abort() };
};

const byTcp: Exchange = (server, message, end) => {
  const left = new AbortController();
  const open = until(left.signal, end);
  connectTcp({ ...server, signal: left.signal }).then((conn) => {
    if (left.signal.aborted) return conn.abort();
    left.signal.addEventListener("abort", () => conn.abort(), { once: true });
    conn.start(new ReplyReader(open));
    conn.write(framed(message));
  }, open.fail);
  return { again() {}, close: () => left.abort() };
};

function until(signal: AbortSignal, { reply, fail }: ExchangeEnd): ExchangeEnd {
  return {
    reply: (message) => signal.aborted || reply(message),
    fail: () => signal.aborted || fail(),
  };
}

export const exchanges: Readonly<Record<DnsTransport, Exchange>> = { udp: byUdp, tcp: byTcp };

class ReplyReader implements ConnHandler {
  readonly #end: ExchangeEnd;
  readonly #bytes = new ByteQueue();

  constructor(end: ExchangeEnd) {
    this.#end = end;
  }

  onData(bytes: Uint8Array): void {
    this.#bytes.push(bytes);
    for (let message = takeFramed(this.#bytes); message; message = takeFramed(this.#bytes)) this.#end.reply(message);
  }

  onEnd(): void {
    this.#end.fail();
  }

  onDrain(): void {}

  onClose(): void {
    this.#end.fail();
  }
}
