/** TLS of a route on both of its sides: towards clients where kt itself speaks it, and towards a backend that has to be verified. */

/** kt speaks TLS to the clients of a name. PEM texts. */
export interface Termination {
  /** A request without TLS is answered with the address of the same thing with it. */
  readonly redirects: boolean;
  /** A port that addresses of https:// leave out is one of those that are listened on. */
  readonly hasDefaultPort: boolean;
  /** The user's own certificate and its key. Absent: one of kt's own CA. */
  readonly pair?: { readonly cert: string; readonly key: string };
  /** Who has signed the certificates that clients must have. */
  readonly clientCa?: string;
}

/** What a backend that speaks TLS has to prove. Absent: nothing, for the tunnel has brought us to the right pod. */
export interface BackendTls {
  readonly verifies: boolean;
  /** PEM; absent: the system's roots. */
  readonly ca?: string;
  /** What is sent as SNI and expected in the certificate; absent: the name that the client asked for. */
  readonly serverName?: string;
}

const keys = new WeakMap<BackendTls, string>();

/** Equal keys mean that a connection for one may be used for the other. Asked at every request, so remembered. */
export function backendTlsKey(tls: BackendTls | undefined): string {
  if (tls === undefined) return "";
  let key = keys.get(tls);
  if (key === undefined) {
    key = [tls.verifies, tls.serverName ?? "", tls.ca ?? ""].join("\u0000");
    keys.set(tls, key);
  }
  return key;
}
