/** Certificates: what one says, and self-signed ones for TLS clients that have to be told something and hear nothing else. */

import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { alternativeName, distinguishedName, signCertificate } from "./der.ts";

export interface Certificate {
  /** PEM; with the certificates between it and a root behind it. */
  readonly cert: string;
  readonly key: string;
}

/** Who a certificate is for and when it counts. */
export interface CertificateFacts {
  /** As OpenSSL writes it, one line: `CN=dev, O=team`. */
  readonly subject: string;
  /** Time of day in milliseconds. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Undefined for what is not a PEM certificate. */
export function readCertificate(pem: string): CertificateFacts | undefined {
  try {
    const { subject, validFrom, validTo } = new X509Certificate(pem);
    return { subject: subject.replaceAll("\n", ", "), fromMs: Date.parse(validFrom), untilMs: Date.parse(validTo) };
  } catch {
    return undefined;
  }
}

const dayMs = 24 * 3600 * 1000;

/** A certificate for one DNS name, valid for a day from `nowMs` (RFC 5280). A long name stands in the alternative name whole. */
export function selfSigned(hostname: string, nowMs: number): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = distinguishedName(hostname);
  const cert = signCertificate({
    subject: name,
    publicKey,
    issuer: name,
    issuerKey: privateKey,
    fromMs: nowMs - dayMs / 24,
    untilMs: nowMs + dayMs,
    extensions: [alternativeName({ dns: hostname })],
  });
  return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}
