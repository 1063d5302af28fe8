/** TLS over any Conn, as client or server: for connections inside a tunnel or a proxy, where Bun's own TLS sockets cannot go. */

import { Duplex } from "node:stream";
import { connect, createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { systemReason } from "#base/system-error.ts";
import { type ServerTls, SocketConn } from "./tcp.ts";

/** Trust and identity of an outgoing TLS connection. PEM texts. */
export interface TlsOptions {
  /** The name that is sent as SNI and checked in the certificate. */
  readonly serverName: string;
  /** Undefined trusts the system's roots. Each certificate is trusted as it is: also an intermediate, and the server's own. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** True accepts any certificate. */
  readonly insecure?: boolean;
  readonly alpn?: readonly string[];
}

/** A Conn as the stream that node:tls wants. */
class ConnDuplex extends Duplex {
  readonly #conn: Conn;
  #onWritten: (() => void) | undefined;
  #started = false;
  /** Called when the peer closes its half. */
  onPeerEnd: () => void = () => {};

  constructor(conn: Conn) {
    super({ allowHalfOpen: true });
    this.#conn = conn;
  }

  override _read(): void {
    if (this.#started) this.#conn.resume();
    else this.#begin();
  }

  #begin(): void {
    this.#started = true;
    this.#conn.start({
      onData: (bytes) => {
        if (!this.push(bytes)) this.#conn.pause();
      },
      onEnd: () => {
        this.push(null);
        this.onPeerEnd();
      },
      onDrain: () => this.#written(),
      onClose: (error) => {
        this.#written();
        this.destroy(error);
      },
    });
  }

  override _write(bytes: Uint8Array, _encoding: string, done: () => void): void {
    // The TLS layer reuses its buffers: what is kept must be a copy.
    if (this.#conn.write(new Uint8Array(bytes))) done();
    else this.#onWritten = done;
  }

  override _final(done: () => void): void {
    this.#conn.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#conn.abort();
    done(error);
  }

  #written(): void {
    const done = this.#onWritten;
    this.#onWritten = undefined;
    done?.();
  }
}

/** A TLS session as a Conn of its plain bytes. */
class TlsConn implements Conn {
  readonly remoteAddress: string | undefined;
  readonly #tls: TLSSocket;
  #handler: ConnHandler | undefined;
  #error: KtError | undefined;
  #closed = false;

  constructor(tls: TLSSocket, remoteAddress: string | undefined) {
    this.#tls = tls;
    this.remoteAddress = remoteAddress;
    tls.pause();
    tls.on("data", (bytes: Uint8Array) => this.#handler?.onData(bytes));
    tls.on("end", () => this.#handler?.onEnd());
    tls.on("drain", () => this.#handler?.onDrain());
    tls.on("error", (error) => {
      this.#error ??= new KtError("connection-lost", systemReason(error), { cause: error });
    });
    tls.on("close", () => {
      this.#closed = true;
      this.#handler?.onClose(this.#error);
    });
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    if (this.#closed) queueMicrotask(() => handler.onClose(this.#error));
    else this.#tls.resume();
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#tls.unshift(bytes);
  }

  write(bytes: Uint8Array): boolean {
    return this.#closed || this.#tls.writableEnded || this.#tls.write(bytes);
  }

  end(): void {
    this.#tls.end();
  }

  abort(): void {
    this.#tls.destroy();
  }

  pause(): void {
    this.#tls.pause();
  }

  resume(): void {
    this.#tls.resume();
  }
}

/** An open TLS session: its plain bytes and what was agreed on. */
export interface TlsSession {
  readonly conn: Conn;
  /** The protocol that ALPN chose, if any. */
  readonly alpn: string | undefined;
}

function session(tls: TLSSocket, over: Conn): TlsSession {
  const alpn = typeof tls.alpnProtocol === "string" ? tls.alpnProtocol : undefined;
  return { conn: new TlsConn(tls, over.remoteAddress), alpn };
}

/** Go and browsers take any certificate that they are given to trust for an anchor; OpenSSL by itself only roots. */
export function trust(ca: string | undefined): { readonly ca?: string; readonly allowPartialTrustChain?: true } {
  return ca === undefined ? {} : { ca, allowPartialTrustChain: true };
}

/** SNI names hosts only (RFC 6066 §3); an address is checked in the certificate and not sent. */
function isAddress(name: string): boolean {
  return name.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(name);
}

/**
 * Speaks TLS as the client over a Conn, which it owns from now on. Rejects with the TLS library's own error or the signal's
 * reason, the Conn then being aborted.
 */
export function tlsClient(over: Conn, options: TlsOptions, signal?: AbortSignal): Promise<TlsSession> {
  const stream = new ConnDuplex(over);
  const tls = connect({
    socket: stream,
    ...(isAddress(options.serverName) ? { host: options.serverName } : { servername: options.serverName }),
    rejectUnauthorized: options.insecure !== true,
    ...trust(options.ca),
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] }),
  });
  return whenSecure({ tls, event: "secureConnect", stream, over, signal });
}

/** What a server presents and asks for. PEM texts. */
export interface ServerOptions {
  readonly cert: string;
  readonly key: string;
  /** Who has signed the certificates that clients are to have; undefined asks for none. */
  readonly clientCa?: string | undefined;
  /** A client without a certificate of those gets the handshake's alert instead of a session in which it could read why. */
  readonly requiresClient?: boolean;
}

/** A server's identity, ready for any number of connections: those that use the same one can resume each other's sessions. */
export interface ServerIdentity {
  readonly context: SecureContext;
  /** The same for Bun's own TLS. */
  readonly own: ServerTls;
  readonly clients: "any" | "asked" | "required";
}

/** Of TLS 1.2 those that keep what was said secret when the key is lost later, and authenticate what they encrypt. Those of 1.3 all do. */
const suites = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"].flatMap((suite) => [
  `ECDHE-ECDSA-${suite}`,
  `ECDHE-RSA-${suite}`,
]);

/** TLS 1.2 and 1.3. Throws the TLS library's own error for a key of another certificate. */
export function serverIdentity({ cert, key, clientCa, requiresClient = false }: ServerOptions): ServerIdentity {
  const ciphers = suites.join(":");
  const context = createSecureContext({ cert, key, minVersion: "TLSv1.2", ciphers, ...trust(clientCa) });
  const own: ServerTls = { cert, key, ciphers, minVersion: 0x0303 };
  if (clientCa === undefined) return { context, own, clients: "any" };
  return { context, own, clients: requiresClient ? "required" : "asked" };
}

export interface ServerSession extends TlsSession {
  /** Why the client is none of those that the identity asks for; undefined where it is, or none is asked for. */
  readonly stranger: string | undefined;
}

/** Speaks TLS as the server over a Conn, which it owns from now on. Rejects as `tlsClient` does; `strangeness` tells clients that it requires. */
export async function tlsServer(over: Conn, { context, own, clients }: ServerIdentity, alpn: readonly string[]): Promise<ServerSession> {
  // Which clients are strangers, and the alert for them, is known to the other alone.
  const secured = clients === "any" && over instanceof SocketConn ? over.secure(withProtocols(own, alpn)) : undefined;
  if (secured) return { ...(await secured), stranger: undefined };
  const stream = new ConnDuplex(over);
  const tls = new TLSSocket(stream, {
    isServer: true,
    secureContext: context,
    ALPNProtocols: [...alpn],
    ...(clients !== "any" && { requestCert: true, rejectUnauthorized: clients === "required" }),
  });
  const opened = await whenSecure({ tls, event: "secure", stream, over });
  const isStranger = clients !== "any" && !tls.authorized;
  return { ...opened, stranger: isStranger ? (strangeness(tls.authorizationError) ?? noCertificate) : undefined };
}

function withProtocols(tls: ServerTls, alpn: readonly string[]): ServerTls {
  if (alpn.length === 0) return tls;
  return { ...tls, ALPNProtocols: Buffer.from(alpn.map((name) => String.fromCharCode(name.length) + name).join(""), "latin1") };
}

const noCertificate = "it has no certificate of this authority";
/** How OpenSSL's verdicts on a certificate begin, and that a client showed none. */
const verdicts = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_|PATH_LENGTH_|ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE$)/;

/** What is wrong with a client's certificate; undefined where the error is about something else. */
export function strangeness(error: unknown): string | undefined {
  const code = typeof error === "string" ? error : error instanceof Error && "code" in error ? String(error.code) : "";
  if (!verdicts.test(code)) return undefined;
  return code === "CERT_HAS_EXPIRED" ? "its certificate has expired" : noCertificate;
}

/** How long the TLS layer may take to read what a peer sent before it closed its half: it is there already. */
const readRestMs = 100;

interface Handshake {
  readonly tls: TLSSocket;
  readonly event: "secure" | "secureConnect";
  readonly stream: ConnDuplex;
  readonly over: Conn;
  readonly signal?: AbortSignal | undefined;
}

function whenSecure({ tls, event, stream, over, signal }: Handshake): Promise<TlsSession> {
  return new Promise((resolve, reject) => {
    const onFail = (error: unknown): void => {
      signal?.removeEventListener("abort", onAbort);
      reject(error);
      over.abort();
    };
    const onClose = (): void => onFail(new Error("closed during the TLS handshake"));
    // The TLS layer would wait for the rest of the handshake of a peer that has said all it will.
    let late: ReturnType<typeof setTimeout> | undefined;
    stream.onPeerEnd = () => {
      late = setTimeout(onClose, readRestMs);
    };
    const onAbort = (): void => onFail(signal?.reason);
    tls.once("error", onFail);
    tls.once("close", onClose);
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    tls.once(event, () => {
      signal?.removeEventListener("abort", onAbort);
      tls.off("error", onFail);
      tls.off("close", onClose);
      stream.onPeerEnd = () => {};
      clearTimeout(late);
      resolve(session(tls, over));
    });
  });
}
