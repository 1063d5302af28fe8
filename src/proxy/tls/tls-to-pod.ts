/** TLS to a backend inside its tunnel: with any certificate, or with the one that its route asks for. */

import type { Clock } from "#base/clock.ts";
import { KtError, messageOf } from "#base/errors.ts";
import { parseAuthority } from "#base/hostname.ts";
import { systemCode } from "#base/system-error.ts";
import { tlsClient, type TlsSession } from "#net/tls.ts";
import { proxyLimits } from "#proxy/limits.ts";
import type { BackendTls } from "#route/route-tls.ts";
import type { Link } from "#proxy/door/dialer.ts";

export interface PodTlsOptions {
  /** What the client asked for, as sent. */
  readonly authority: string;
  readonly alpn: readonly string[];
  readonly clock: Clock;
  readonly tls: BackendTls | undefined;
}

/**
 * Where the route does not ask for more, the certificate is not checked: the tunnel has brought us to the right pod, and what pods present
 * inside a cluster is signed by authorities unknown outside it. Rejects with KtError `backend-tls` or `backend-certificate`.
 */
export async function tlsToPod(link: Link, { authority, alpn, clock, tls }: PodTlsOptions): Promise<TlsSession> {
  const serverName = tls?.serverName ?? parseAuthority(authority)?.host ?? authority;
  const giveUp = new AbortController();
  const tooLate = new Error(`no answer within ${proxyLimits.backendTlsMs / 1000} s`);
  const cancel = clock.after(proxyLimits.backendTlsMs, () => giveUp.abort(tooLate));
  try {
    return await tlsClient(link.conn, { serverName, insecure: tls?.verifies !== true, ca: tls?.ca, alpn }, giveUp.signal);
  } catch (error) {
    if (tls?.verifies === true && isAboutCertificate(error)) throw unverified(link.pod, serverName, error);
    throw new KtError("backend-tls", `pod "${link.pod}" did not agree to TLS: ${messageOf(error)}`, {
      hints: ['set scheme = "http" for this route if the backend speaks plain HTTP'],
      cause: error,
    });
  } finally {
    cancel();
  }
}

const wrongName = "ERR_TLS_CERT_ALTNAME_INVALID";

/** The codes of OpenSSL's verification, and that of a name that the certificate does not have. */
function isAboutCertificate(error: unknown): boolean {
  return /CERT|ISSUER|SIGNATURE|^CRL_/.test(systemCode(error) ?? "");
}

function unverified(pod: string, serverName: string, error: unknown): KtError {
  if (systemCode(error) === wrongName) {
    const names = namesIn(error);
    const [first] = names;
    return new KtError("backend-certificate", `the certificate of pod "${pod}" is for ${listed(names)}, and "${serverName}" is expected`, {
      hints: [`if that is the right backend: server_name = "${first ?? "NAME"}" beside its target in the profile`],
      cause: error,
    });
  }
  return new KtError("backend-certificate", `the certificate of pod "${pod}" cannot be verified: ${messageOf(error)}`, {
    hints: ["let ca name the file of the authority that has signed it, or take any certificate by insecure = true"],
    cause: error,
  });
}

/** Of the certificate that the error is about: "DNS:a.svc, IP Address:10.0.0.1". */
function namesIn(error: unknown): string[] {
  const { cert } = error as { readonly cert?: { readonly subjectaltname?: unknown } };
  const text = cert?.subjectaltname;
  return typeof text === "string" ? text.split(", ").map((each) => each.replace(/^[^:]*:/, "")) : [];
}

const shownNames = 5;

function listed(names: readonly string[]): string {
  if (names.length === 0) return "no name";
  const more = names.length > shownNames ? `, and ${names.length - shownNames} more` : "";
  return `${names
    .slice(0, shownNames)
    .map((name) => `"${name}"`)
    .join(", ")}${more}`;
}
