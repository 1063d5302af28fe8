/** Connects out: TCP or TLS to a host and port, directly or through an HTTP proxy's CONNECT. */

import type { Conn } from "#base/conn.ts";
import { ByteQueue } from "#base/bytes.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { systemReason } from "#base/system-error.ts";
import { connectSocketTls } from "./socket-tls.ts";
import { connectTcp } from "./tcp.ts";
import { type TlsOptions, tlsClient, trust } from "./tls.ts";

/** An HTTP proxy, spoken to in plain HTTP or in TLS. */
export interface HttpProxy {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** The value of Proxy-Authorization. */
  readonly authorization: string | undefined;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions | undefined;
  readonly proxy?: HttpProxy | undefined;
  /** Ends the attempt; after the promise has resolved it has no effect. */
  readonly signal: AbortSignal;
}

/** Longest answer of a proxy to CONNECT. */
const proxyAnswerBytes = 16 * 1024;

/** Rejects with KtError `cluster-unreachable` or `proxy-failed`; the message says what was being done and the system's own reason. */
export async function connect(options: ConnectOptions): Promise<Conn> {
  const { host, port, tls, proxy, signal } = options;
  try {
    if (proxy) {
      const through = await connectThroughProxy(host, port, proxy, signal);
      return tls ? (await tlsClient(through, tls, signal)).conn : through;
    }
    return tls ? await connectTls(host, port, tls, signal) : await connectTcp({ host, port, signal });
  } catch (error) {
    throw error instanceof KtError ? error : new ConnectError(formatHostPort({ host, port }), error);
  }
}

/** No connection, for the system's or the TLS library's own reason. */
export class ConnectError extends KtError {
  readonly reason: string;

  constructor(place: string, cause: unknown) {
    const reason = systemReason(cause);
    super("cluster-unreachable", `connect to ${place}: ${reason}`, { cause });
    this.reason = reason;
  }
}

async function connectTls(host: string, port: number, tls: TlsOptions, signal: AbortSignal): Promise<Conn> {
  const { serverName, insecure = false, ca, cert, key } = tls;
  return await connectSocketTls({
    host,
    port,
    tls: {
      serverName,
      rejectUnauthorized: !insecure,
      ...trust(ca),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
    refusal: (_, problem) => (insecure ? undefined : problem),
    signal,
  });
}

async function connectThroughProxy(host: string, port: number, proxy: HttpProxy, signal: AbortSignal): Promise<Conn> {
  const [through, to] = [formatHostPort(proxy), formatHostPort({ host, port })];
  try {
    const conn = proxy.tls
      ? await connectTls(proxy.host, proxy.port, { serverName: proxy.host }, signal)
      : await connectTcp({ host: proxy.host, port: proxy.port, signal });
    return await openTunnel(conn, to, proxy.authorization, signal);
  } catch (error) {
    throw toKtError(new Error(systemReason(error), { cause: error }), "proxy-failed", `connect through the proxy ${through} to ${to}`);
  }
}

/** Sends CONNECT (RFC 9110 §9.3.6) and hands back the Conn once the proxy agreed; bytes after its answer are kept. */
function openTunnel(conn: Conn, authority: string, authorization: string | undefined, signal: AbortSignal): Promise<Conn> {
  return new Promise((resolve, reject) => {
    const answer = new ByteQueue(proxyAnswerBytes);
    const fail = (error: unknown): void => {
      signal.removeEventListener("abort", onAbort);
      // First the reason: aborting reports a close of its own, at once.
      reject(error);
      conn.abort();
    };
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    conn.start({
      onData(bytes) {
        try {
          answer.push(bytes);
        } catch (error) {
          return fail(error);
        }
        const text = new TextDecoder("latin1").decode(answer.peek());
        const end = text.indexOf("\r\n\r\n");
        if (end < 0) return;
        const status = text.slice(0, text.indexOf("\r\n"));
        if (!/^HTTP\/1\.[01] 2\d\d/.test(status)) return fail(new Error(`the proxy answered "${status}"`));
        conn.pause();
        signal.removeEventListener("abort", onAbort);
        conn.unread(answer.takeAll().subarray(end + 4));
        resolve(conn);
      },
      onEnd: () => fail(new Error("the proxy closed the connection")),
      onDrain() {},
      onClose: (error) => fail(error ?? new Error("the proxy closed the connection")),
    });
    const login = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`;
    conn.write(new TextEncoder().encode(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${login}\r\n`));
  });
}
