/** Certificates: what one says, and self-signed ones for TLS clients that have to be told something and hear nothing else. */

import { createSign, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";

export interface Certificate {
  /** PEM. */
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

/** DER (ITU-T X.690): one tag with its length and contents. */
function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Uint8Array.of(tag, body.length), body]);
  const length = body.length < 0x100 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...length), body]);
}

const sequence = (...contents: readonly Uint8Array[]): Uint8Array => der(0x30, ...contents);
const hex = (text: string): Uint8Array => Buffer.from(text, "hex");
const time = (ms: number): Uint8Array => der(0x18, Buffer.from(`${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`));

/** 1.2.840.10045.4.3.2, ecdsa-with-SHA256 (RFC 5758 §3.2). */
const ecdsaWithSha256 = sequence(hex("06082a8648ce3d040302"));
const commonName = hex("0603550403");
const subjectAltName = hex("0603551d11");

/**
 * A certificate for one DNS name, valid for a day from `nowMs` (RFC 5280). The common name holds at most 64 characters, so a
 * longer name stands in the alternative name alone.
 */
export function selfSigned(hostname: string, nowMs: number): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from(hostname.slice(0, 64))))));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive, and of full length
  const alternativeNames = sequence(subjectAltName, der(0x04, sequence(der(0x82, Buffer.from(hostname)))));
  const body = sequence(
    der(0xa0, hex("020102")),
    der(0x02, serial),
    ecdsaWithSha256,
    name,
    sequence(time(nowMs - dayMs / 24), time(nowMs + dayMs)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(alternativeNames)),
  );
  const signature = createSign("SHA256").update(body).sign(privateKey);
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Uint8Array.of(0), signature));
  const lines = Buffer.from(certificate)
    .toString("base64")
    .replace(/(.{64})(?=.)/g, "$1\n");
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
