/** Opens a Conn to a URL's host, directly or through the proxy that was decided on. */

import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { connect, ConnectError, type HttpProxy } from "#net/connect.ts";
import type { TlsOptions } from "#net/tls.ts";
import { systemCode, systemReason } from "#base/system-error.ts";
import { tlsClient } from "#net/tls.ts";
import { hostOf, portOf } from "./outbound-proxy.ts";
import { connectThroughSocks, type SocksProxy } from "#net/socks.ts";

export interface DialOptions {
  readonly url: URL;
  /** Trust and identity, used where the URL is https. */
  readonly tls: Omit<TlsOptions, "serverName"> & { readonly serverName?: string | undefined };
  readonly proxy: URL | undefined;
  readonly signal: AbortSignal;
}

/** A fully qualified name may end in a dot; in TLS none does (RFC 6066 §3). */
const withoutDot = (name: string): string => name.replace(/\.$/, "");

/** Rejects with KtError `cluster-unreachable` or `proxy-failed` in plain words, or with the signal's reason. */
export async function dial(options: DialOptions): Promise<Conn> {
  const { url, proxy, signal } = options;
  const host = hostOf(url);
  const port = portOf(url);
  const tls: TlsOptions | undefined =
    url.protocol === "https:" ? { ...options.tls, serverName: withoutDot(options.tls.serverName ?? host) } : undefined;
  try {
    if (proxy?.protocol.startsWith("socks5")) return await throughSocks(socksProxy(proxy), host, port, tls, signal);
    return await connect({ host, port, tls, proxy: proxy && httpProxy(proxy), signal });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw explain(error, options);
  }
}

async function throughSocks(
  proxy: SocksProxy,
  host: string,
  port: number,
  tls: TlsOptions | undefined,
  signal: AbortSignal,
): Promise<Conn> {
  const conn = await connectThroughSocks(proxy, host, port, signal);
  return tls ? (await tlsClient(conn, tls)).conn : conn;
}

function login(url: URL): { username: string; password: string } | undefined {
  if (url.username === "") return undefined;
  return { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
}

function socksProxy(url: URL): SocksProxy {
  return { host: hostOf(url), port: portOf(url), login: login(url) };
}

function httpProxy(url: URL): HttpProxy {
  const known = login(url);
  const authorization = known && `Basic ${Buffer.from(`${known.username}:${known.password}`).toString("base64")}`;
  return { host: hostOf(url), port: portOf(url), tls: url.protocol === "https:", authorization };
}

/** What the TLS library says about certificates, by its code, in plain words. */
const tlsReasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet (is this machine's clock right?)",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is self-signed and not the one that kubeconfig trusts",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate comes from an authority that kubeconfig does not trust",
  UNABLE_TO_GET_ISSUER_CERT: "the server's certificate comes from an authority that kubeconfig does not trust",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate comes from an authority that kubeconfig does not trust",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate comes from an authority that kubeconfig does not trust",
  CERT_SIGNATURE_FAILURE: "the server's certificate was not signed by the authority that kubeconfig trusts",
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: "the client certificate and the client key do not belong together",
  ERR_OSSL_X509_KEY_TYPE_MISMATCH: "the client certificate and the client key do not belong together",
  ERR_OSSL_PEM_NO_START_LINE: "a certificate or key is not a PEM text",
};

/** The innermost `code` of an error and its causes: the system's or the TLS library's own. */
export function deepCode(error: unknown): string | undefined {
  let code: string | undefined;
  for (let at = error; at instanceof Error; at = at.cause) code = systemCode(at) ?? code;
  return code;
}

function explain(error: unknown, { url, tls: { serverName } }: DialOptions): KtError {
  if (error instanceof KtError && error.code === "proxy-failed") return error;
  const code = deepCode(error);
  const said = error instanceof ConnectError ? error.reason : systemReason(error);
  const reason =
    (code === undefined ? undefined : tlsReasons[code]) ??
    wrongName(said, serverName) ??
    (/WRONG_VERSION_NUMBER/.test(said) ? "it does not speak TLS" : said);
  return new KtError("cluster-unreachable", `connect to ${url.origin}: ${reason}`, { cause: error });
}

/** The TLS library names what was asked for and what the certificate is for. */
function wrongName(said: string, serverName: string | undefined): string | undefined {
  const match = /Hostname\/IP does not match certificate's altnames: (.*)$/s.exec(said);
  if (!match) return undefined;
  const advice = serverName === undefined ? "is tls-server-name missing?" : `is tls-server-name "${serverName}" right?`;
  return `the server's certificate is for another name (${match[1]?.trim().replace(/[.:]$/, "")}); ${advice}`;
}
