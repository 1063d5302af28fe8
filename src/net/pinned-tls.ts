/** TLS 1.3 between two ends that know each other's keys: each shows a certificate of its own making, of which only the key counts. */

import { connect, listen, type Socket, type TCPSocketListener, type TLSSocket } from "bun";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { keepAlive } from "#native/keep-alive.ts";
import { type Identity, pinOfCertificate } from "#tls/identity.ts";
import { descriptorOf } from "./descriptor.ts";
import { listenFailure, type SharedListener, SocketConn, type SocketState, socketEvents } from "./tcp.ts";
import { giveToSocket } from "#native/give-to-socket.ts";

/** Its types do not mention it: TLS 1.3 alone, which both ends have. */
const tls13 = { minVersion: 0x0304 };

const ignore = (): void => {};

/** The pin of the key that the peer has proved to have; undefined where it showed none. */
function pinOfPeer(socket: Socket<SocketState>): string | undefined {
  const shown = (socket as unknown as TLSSocket).getPeerCertificate() as { readonly raw?: Uint8Array } | undefined | null;
  return shown?.raw && pinOfCertificate(shown.raw);
}

export interface ConnectPinnedOptions {
  readonly host: string;
  readonly port: number;
  readonly identity: Identity;
  /** Of the other end's key. */
  readonly pin: string;
  readonly signal: AbortSignal;
}

/**
 * Rejects with the system's or the TLS library's own error, KtError `connection-lost` where the other end has another key, or the signal's
 * reason. That it has taken our key shows when it says something.
 */
export function connectPinned({ host, port, identity, pin, signal }: ConnectPinnedOptions): Promise<Conn> {
  const { promise, resolve, reject } = Promise.withResolvers<Conn>();
  let shaking: Socket<SocketState> | undefined;
  const onAbort = (): void => {
    reject(signal.reason);
    shaking?.terminate();
  };
  if (signal.aborted) return Promise.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const onFail = (error: unknown): void => {
    signal.removeEventListener("abort", onAbort);
    reject(error);
  };
  const onOpen = (conn: SocketConn): void => {
    signal.removeEventListener("abort", onAbort);
    if (signal.aborted) conn.abort();
    else resolve(conn);
  };
  const { cert, key } = identity;
  connect<SocketState>({
    hostname: host,
    port,
    allowHalfOpen: true,
    data: { conn: undefined, acceptAny: true, onOpen, onFail },
    tls: { cert, key, rejectUnauthorized: false, ...tls13 },
    socket: {
      ...socketEvents,
      open(socket) {
        shaking = socket;
        if (signal.aborted) socket.terminate();
      },
      // `success` says whether a root has signed its certificate: none has.
      handshake(socket) {
        if (socket.data.conn) return;
        if (pinOfPeer(socket) === pin) {
          socket.data.conn = new SocketConn(socket);
          onOpen(socket.data.conn);
          return;
        }
        onFail(new KtError("connection-lost", "the other end has another key than the one that is expected"));
        socket.terminate();
      },
    },
  }).catch(onFail);
  return promise;
}

export interface ListenPinnedOptions {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
  readonly identity: Identity;
  readonly reusePort?: boolean;
  /** A connection has come; what is returned is called when its handshake is over, in either way. */
  readonly onShaking: (abort: () => void) => () => void;
  /** A peer has proved to have the key of this pin. */
  readonly accept: (conn: Conn, pin: string) => void;
}

/** Throws KtError `port-taken` or `listen-failed`. Peers that show no certificate are cut. */
export function listenPinned(options: ListenPinnedOptions): SharedListener {
  const { host, port, identity, reusePort = false, onShaking, accept } = options;
  const { cert, key } = identity;
  // Bun has it, and its types of a listener do not say so. IPv4 has a listener of its own.
  const sharing = { reusePort, ipv6Only: host === "::" };
  const over = new WeakMap<Socket<SocketState>, () => void>();
  let listener: TCPSocketListener<SocketState>;
  try {
    listener = listen<SocketState>({
      hostname: host,
      port,
      ...sharing,
      allowHalfOpen: true,
      tls: { cert, key, requestCert: true, rejectUnauthorized: false, ...tls13 },
      socket: {
        ...socketEvents,
        open(socket) {
          const onOver = onShaking(() => socket.terminate());
          socket.data = { conn: undefined, acceptAny: true, onOpen: ignore, onFail: onOver };
          over.set(socket, onOver);
        },
        handshake(socket, success) {
          if (socket.data.conn) return;
          over.get(socket)?.();
          const pin = success ? pinOfPeer(socket) : undefined;
          if (pin === undefined) {
            socket.terminate();
            return;
          }
          socket.data.conn = new SocketConn(socket);
          accept(socket.data.conn, pin);
        },
      },
    });
  } catch (error) {
    throw listenFailure(formatHostPort({ host, port }), error);
  }
  keepAlive(descriptorOf(listener));
  return { port: listener.port, giveToSecond: () => giveToSocket(1, descriptorOf(listener)), close: () => listener.stop(false) };
}
