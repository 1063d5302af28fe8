/** Connects out: TCP or TLS to a host and port, directly or through an HTTP proxy's CONNECT. */

import type { Conn } from "#base/conn.ts";

/** Trust and identity of an outgoing TLS connection. PEM texts. */
export interface TlsOptions {
  /** The name that is sent as SNI and checked in the certificate. */
  readonly serverName: string;
  /** Undefined trusts the system's roots. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** True accepts any certificate. */
  readonly insecure?: boolean;
  readonly alpn?: readonly string[];
}

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

/** Rejects with KtError `cluster-unreachable` or `proxy-failed`; the message says what was being done and the system's own reason. */
export declare function connect(options: ConnectOptions): Promise<Conn>;
