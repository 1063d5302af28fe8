/** TLS 1.3 between two ends that know each other's keys: each shows a certificate of its own making, of which only the key counts. */

import { listen, type Socket, type TCPSocketListener, type TLSSocket } from "bun";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { keepAlive } from "#native/keep-alive.ts";
import { type Identity, pinOfCertificate } from "#tls/identity.ts";
import { descriptorOf } from "./descriptor.ts";
import { connectSocketTls } from "./socket-tls.ts";
import { listenFailure, type SharedListener, sharedListener, SocketConn, type SocketState, socketEvents } from "./tcp.ts";

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
export async function connectPinned({ host, port, identity: { cert, key }, pin, signal }: ConnectPinnedOptions): Promise<Conn> {
  return await connectSocketTls({
    host,
    port,
    tls: { cert, key, rejectUnauthorized: false, ...tls13 },
    // No root has signed its certificate, so there is always a problem.
    refusal: (socket) => (pinOfPeer(socket) === pin ? undefined : new KtError("connection-lost", anotherKey)),
    signal,
  });
}

const anotherKey = "the other end has another key than the one that is expected";

export interface ListenPinnedOptions {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
  readonly identity: Identity;
  readonly reusePort?: boolean;
  /** A connection has come; what is returned is called when its handshake is over, in either way, perhaps twice. */
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
          socket.data = { conn: undefined, onOpen: ignore, onFail: onShaking(() => socket.terminate()) };
        },
        handshake(socket, success) {
          const { conn, onFail: leaveShaking } = socket.data;
          if (conn) return;
          leaveShaking(undefined);
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
  return sharedListener(listener);
}
