/** TCP (and Bun's own TLS on top of it) behind Conn: one shared handler object, no closure per connection. */

import { connect, listen, type Socket, type TCPSocketListener } from "bun";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { systemCode, systemReason } from "#base/system-error.ts";
import { giveToSocket } from "#native/give-to-socket.ts";
import { keepAlive } from "#native/keep-alive.ts";
import { descriptorOf } from "./descriptor.ts";

/**
 * Bulk reading. Left to itself, the event loop wakes for every 80 KB or so of a fast transfer, and every wake-up costs a system
 * call and a context switch here and another at the reader we pass the bytes on to. A transfer that has proved to be bulk
 * is therefore left alone for a moment after each smaller read, so that the next one finds more: on two cores this moves
 * 1.4 times the bytes per second for half the processor time.
 */
const bulk = {
  /** A read of this size may be a part of a bulk transfer. */
  readBytes: 16 * 1024,
  /** A read of this size was worth its wake-up. */
  fullReadBytes: 200 * 1024,
  /** So many such reads in a row, each soon after the one before, make a bulk transfer. */
  reads: 8,
  soonMs: 4,
  /** How long the socket is left alone; what arrives meanwhile waits in the kernel. */
  restMs: 1,
} as const;

/**
 * A socket as a Conn. Our half is closed with `shutdown`: Bun's `end` closes both, and the peer's answer would be lost. It has four
 * booleans since reading stops for reasons of their own (the holder's pause, a rest in a bulk transfer), at the next read, and ending is
 * apart from all that.
 */
export class SocketConn implements Conn {
  #remoteAddress: string | undefined;
  /** With TLS that begins later another one. */
  #socket: Socket<SocketState>;
  #handler: ConnHandler | undefined;
  /** What the kernel has not taken yet, oldest first. */
  #unsent: Uint8Array[] = [];
  /** What arrived before there was a handler. */
  #early: Uint8Array[] = [];
  #paused = false;
  #resting = false;
  /** Reading from the socket has stopped, for a pause or a rest. */
  #stopped = false;
  #bulkReads = 0;
  #lastReadMs = 0;
  #lastReadBytes = 0;
  #ending = false;
  /**
   * The peer's half: its end is passed on once, after all bytes that came before it. `lost`: a write has failed before that, and took the
   * system's error with it, so that Bun reports an orderly end where there was a reset.
   */
  #peer: "open" | "ended" | "reported" | "lost" = "open";
  #closed: { readonly error: KtError | undefined } | undefined;

  constructor(socket: Socket<SocketState>) {
    this.#socket = socket;
  }

  /** Asked of the system when it is wanted: most connections never do. */
  get remoteAddress(): string | undefined {
    this.#remoteAddress ??= this.#socket.remoteAddress;
    return this.#remoteAddress;
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    if (this.#closed) {
      const { error } = this.#closed;
      queueMicrotask(() => handler.onClose(error));
      return;
    }
    this.#paused = false;
    this.#deliverEarly();
    this.#listen();
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#early.unshift(bytes);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#ending || bytes.length === 0) return true;
    if (this.#unsent.length > 0) {
      this.#unsent.push(bytes);
      return false;
    }
    const sent = this.#socket.write(bytes);
    if (sent < 0) this.#writeFailed();
    if (sent >= bytes.length || sent < 0) return true;
    this.#unsent.push(sent === 0 ? bytes : bytes.subarray(sent));
    return false;
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    if (this.#unsent.length === 0) this.#shutdown();
  }

  abort(): void {
    if (!this.#closed) this.#socket.terminate();
  }

  pause(): void {
    if (this.#paused || this.#closed) return;
    this.#paused = true;
    // Most pauses end before anything arrives: `received` stops the socket in those that do not, which spares two system calls. In a
    // bulk transfer more does arrive, up to half a megabyte at once, and is left in the kernel.
    if (this.#lastReadBytes >= bulk.readBytes) this.#stop();
  }

  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    this.#deliverEarly();
    this.#listen();
  }

  /**
   * Speaks TLS as the server from now on, by Bun's own, which costs a fifth of what TLS over a Conn does. Resolves with the Conn of its plain
   * bytes and what ALPN chose; of this one only `abort` is left, and ends both. Undefined, and nothing is done, where something was read
   * before: Bun's TLS could not be given it.
   */
  secure(tls: ServerTls): Promise<SecureSocket> | undefined {
    const isFresh = !this.#handler && this.#early.length === 0 && !this.#stopped && !this.#closed && !this.#ending && this.#peer === "open";
    if (!isFresh) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<SecureSocket>();
    const raw = this.#socket;
    // It goes on reporting what is encrypted, and that is nothing to this Conn.
    raw.data.conn = undefined;
    const [, secured] = raw.upgradeTLS<SocketState>({
      ...asServer,
      tls,
      data: { conn: undefined, onOpen: ignore, onFail: reject },
      socket: {
        ...socketEvents,
        open() {},
        handshake(socket: Socket<SocketState>, success: boolean, refusal: Error | null) {
          if (socket.data.conn) return;
          if (!success) return reject(refusal ?? new Error("TLS handshake failed"));
          socket.data.conn = new SocketConn(socket);
          const { alpnProtocol } = socket;
          resolve({ conn: socket.data.conn, alpn: typeof alpnProtocol === "string" ? alpnProtocol : undefined });
        },
      },
    });
    this.#socket = secured;
    return promise;
  }

  #listen(): void {
    if (!this.#stopped || this.#paused || this.#resting || this.#closed) return;
    this.#stopped = false;
    this.#socket.resume();
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#socket.pause();
  }

  /** Leaves the socket alone for a moment during a bulk transfer. */
  #restIfBulk(readBytes: number): void {
    if (readBytes < bulk.readBytes) {
      this.#bulkReads = 0;
      return;
    }
    const nowMs = performance.now();
    const isSoon = nowMs - this.#lastReadMs < bulk.soonMs;
    this.#lastReadMs = nowMs;
    this.#bulkReads = isSoon ? this.#bulkReads + 1 : 0;
    if (this.#bulkReads < bulk.reads || readBytes >= bulk.fullReadBytes || this.#paused || this.#resting || this.#closed) return;
    this.#resting = true;
    this.#stop();
    setTimeout(() => {
      this.#resting = false;
      this.#listen();
    }, bulk.restMs);
  }

  /** What the peer sent before is still read; its end or the close follows. */
  #writeFailed(): void {
    if (this.#peer === "open") this.#peer = "lost";
  }

  #shutdown(): void {
    if (this.#peer !== "open") this.#socket.end();
    else this.#socket.shutdown();
  }

  #deliverEarly(): void {
    const handler = this.#handler;
    while (handler && handler === this.#handler && !this.#paused) {
      const bytes = this.#early.shift();
      if (!bytes) break;
      handler.onData(bytes);
    }
    this.#reportPeerEnd();
  }

  #reportPeerEnd(): void {
    if (this.#peer !== "ended" || this.#paused || this.#early.length > 0 || !this.#handler) return;
    this.#peer = "reported";
    this.#handler.onEnd();
  }

  /** Called by the shared socket handler only. */
  received(bytes: Uint8Array): void {
    if (this.#handler && !this.#paused && this.#early.length === 0) {
      this.#lastReadBytes = bytes.length;
      this.#handler.onData(bytes);
      this.#restIfBulk(bytes.length);
      return;
    }
    this.#early.push(bytes);
    this.#stop();
  }

  /** Called by the shared socket handler only. Bun also reports drains that were not waited for; those stay here. */
  drained(): void {
    if (this.#unsent.length === 0) return;
    while (this.#unsent.length > 0) {
      const bytes = this.#unsent[0] as Uint8Array;
      const sent = this.#socket.write(bytes);
      if (sent < 0) {
        this.#writeFailed();
        return;
      }
      if (sent < bytes.length) {
        this.#unsent[0] = sent === 0 ? bytes : bytes.subarray(sent);
        return;
      }
      this.#unsent.shift();
    }
    if (this.#ending) this.#shutdown();
    else this.#handler?.onDrain();
  }

  /** Called by the shared socket handler only. */
  peerEnded(): void {
    if (this.#peer === "lost") {
      this.#socket.terminate();
      this.closed(reset());
      return;
    }
    if (this.#peer === "open") this.#peer = "ended";
    this.#reportPeerEnd();
    // Both halves are over once ours is: without this, a socket whose FIN went out first would linger.
    if (this.#ending && this.#unsent.length === 0) this.#socket.end();
  }

  #isOrderly(cause: unknown): boolean {
    if (this.#peer === "lost") return false;
    return cause === undefined || (this.#ending && this.#peer !== "open");
  }

  /** Called by the shared socket handler only. */
  closed(cause: unknown): void {
    if (this.#closed) return;
    const error = this.#isOrderly(cause) ? undefined : lostBy(cause ?? reset());
    this.#closed = { error };
    this.#unsent = [];
    this.#early = [];
    this.#handler?.onClose(error);
  }
}

function reset(): Error {
  return Object.assign(new Error("the write failed"), { code: "ECONNRESET" });
}

function lostBy(cause: unknown): KtError {
  return new KtError("connection-lost", systemReason(cause), { cause });
}

/** Bun's types know clients alone. */
const asServer = { isServer: true };

/** A certificate with its key, and how TLS is spoken with them. */
export interface ServerTls {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
  readonly ciphers: string;
  /** The number of the oldest version (RFC 8446 §4.2.1). */
  readonly minVersion: number;
  /** As ALPN has it on the wire (RFC 7301 §3.1). */
  readonly ALPNProtocols?: Buffer<ArrayBuffer>;
}

export interface SecureSocket {
  readonly conn: Conn;
  readonly alpn: string | undefined;
}

/** What a socket carries: its Conn once it is open, and who waits for that. */
export interface SocketState {
  conn: SocketConn | undefined;
  /** TLS only: see `SocketTlsOptions`. */
  readonly refusal?: (socket: Socket<SocketState>, problem: Error | undefined) => unknown;
  readonly onOpen: (conn: SocketConn) => void;
  readonly onFail: (error: unknown) => void;
}

/** The callbacks that TCP and TLS sockets share. */
export const socketEvents = {
  binaryType: "uint8array",
  data(socket: Socket<SocketState>, bytes: Uint8Array): void {
    socket.data.conn?.received(bytes);
  },
  drain(socket: Socket<SocketState>): void {
    socket.data.conn?.drained();
  },
  end(socket: Socket<SocketState>): void {
    socket.data.conn?.peerEnded();
  },
  close(socket: Socket<SocketState>, cause?: Error): void {
    const { conn } = socket.data;
    if (conn) conn.closed(cause);
    else socket.data.onFail(cause ?? new Error("closed during the handshake"));
  },
  error(socket: Socket<SocketState>, cause: Error): void {
    socket.data.conn?.closed(cause);
  },
} as const;

const tcpEvents = {
  ...socketEvents,
  open(socket: Socket<SocketState>): void {
    const conn = new SocketConn(socket);
    socket.data.conn = conn;
    socket.data.onOpen(conn);
  },
} as const;

export interface ConnectTcpOptions {
  readonly host: string;
  readonly port: number;
  /** Ends the attempt only. The system goes on with it, for two minutes where nothing answers, and keeps its descriptor. */
  readonly signal?: AbortSignal;
  /** Called once the system's attempt is over, perhaps long after the promise has rejected. */
  readonly onOver?: () => void;
}

/** Connects; rejects with the system's own error. */
export function connectTcp({ host, port, signal, onOver }: ConnectTcpOptions): Promise<Conn> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal?.reason);
    let isOver = false;
    const settle = (): void => {
      if (isOver) return;
      isOver = true;
      signal?.removeEventListener("abort", onAbort);
      onOver?.();
    };
    if (signal?.aborted) {
      settle();
      return reject(signal.reason);
    }
    signal?.addEventListener("abort", onAbort, { once: true });
    const onOpen = (conn: SocketConn): void => {
      settle();
      if (signal?.aborted) conn.abort();
      else resolve(conn);
    };
    const onFail = (error: unknown): void => {
      settle();
      reject(error);
    };
    connect<SocketState>({
      hostname: host,
      port,
      allowHalfOpen: true,
      data: { conn: undefined, onOpen, onFail },
      socket: tcpEvents,
    }).catch(onFail);
  });
}

/** The addresses of a connection, as its accepting side sees them. */
export interface SocketEnds {
  readonly local: { readonly host: string; readonly port: number };
  readonly remote: { readonly host: string; readonly port: number };
}

/** Undefined once it has closed. */
function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket<SocketState>): SocketEnds | undefined {
  if (!localAddress || !remoteAddress) return undefined;
  return { local: { host: localAddress, port: localPort }, remote: { host: remoteAddress, port: remotePort } };
}

const ignore = (): void => {};

/** A listening TCP socket. */
export interface Listener {
  /** The port in use, also where 0 was asked for. */
  readonly port: number;
  /** Stops accepting; open connections go on. */
  close(): void;
}

/** One whose port others may share. */
export interface SharedListener extends Listener {
  /** Gives all further connections of the port to the socket that was bound to it as the second. Returns false where the system cannot. */
  giveToSecond(): boolean;
}

/**
 * Listens on an IP address. `accept` gets each new Conn, paused, and what says where it is from. Throws KtError `port-taken` or
 * `listen-failed`.
 */
export function listenTcp(options: {
  host: string;
  port: number;
  accept: (conn: Conn, ends: () => SocketEnds | undefined) => void;
  /** Other listeners of this user may have the port too: the system spreads new connections over them. */
  reusePort?: boolean;
  /** Of `::`: IPv4 is left to a listener of its own. */
  ipv6Only?: boolean;
  /** Connections whose peer is gone without a word are lost after some minutes. */
  asksQuietPeers?: boolean;
}): SharedListener {
  const { host, port, accept, reusePort = false, ipv6Only = false, asksQuietPeers = false } = options;
  // Bun has both, and its types of a listener do not say so.
  const sharing = { reusePort, ipv6Only };
  const shown = formatHostPort({ host, port });
  let listener: TCPSocketListener<SocketState>;
  try {
    listener = listen<SocketState>({
      hostname: host,
      port,
      ...sharing,
      allowHalfOpen: true,
      socket: {
        ...socketEvents,
        open(socket) {
          const conn = new SocketConn(socket);
          socket.data = { conn, onOpen: ignore, onFail: ignore };
          accept(conn, () => endsOf(socket));
        },
      },
    });
  } catch (error) {
    throw listenFailure(shown, error);
  }
  if (asksQuietPeers) keepAlive(descriptorOf(listener));
  return sharedListener(listener);
}

export function sharedListener(listener: TCPSocketListener<SocketState>): SharedListener {
  return { port: listener.port, giveToSecond: () => giveToSocket(1, descriptorOf(listener)), close: () => listener.stop(false) };
}

/** Why nothing listens there: KtError `port-taken` or `listen-failed`. */
export function listenFailure(where: string, cause: unknown): KtError {
  if (systemCode(cause) === "EADDRINUSE") return new KtError("port-taken", `listen on ${where}: the port is taken`, { cause });
  return new KtError("listen-failed", `listen on ${where}: ${systemReason(cause)}`, { cause });
}
