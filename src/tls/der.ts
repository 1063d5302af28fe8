/** DER (ITU-T X.690) as certificates need it: values of one tag, and what is made of them (RFC 5280). */

import { createHash, createSign, type KeyObject, randomBytes } from "node:crypto";

/** One tag with its length and contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Uint8Array.of(tag, body.length), body]);
  const length = body.length < 0x100 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...length), body]);
}

export const sequence = (...contents: readonly Uint8Array[]): Uint8Array => der(0x30, ...contents);
export const hex = (text: string): Uint8Array => Buffer.from(text, "hex");
const octets = (content: Uint8Array): Uint8Array => der(0x04, content);

/** RFC 5280 §4.1.2.5: UTCTime up to the year 2049, GeneralizedTime after it. */
function time(ms: number): Uint8Array {
  const digits = new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, "");
  return ms < Date.UTC(2050, 0) ? der(0x17, Buffer.from(`${digits.slice(2)}Z`)) : der(0x18, Buffer.from(`${digits}Z`));
}

/** 1.2.840.10045.4.3.2, ecdsa-with-SHA256 (RFC 5758 §3.2). */
const ecdsaWithSha256 = sequence(hex("06082a8648ce3d040302"));
const commonName = hex("0603550403");
const commonNameLength = 64;

/** Of one common name, which holds at most 64 characters. */
export function distinguishedName(text: string): Uint8Array {
  return sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from(text.slice(0, commonNameLength))))));
}

const yes = hex("0101ff");

/** `oid`: the last byte of 2.5.29.x. */
export function extension(oid: number, content: Uint8Array, isCritical = false): Uint8Array {
  return sequence(der(0x06, Uint8Array.of(0x55, 0x1d, oid)), ...(isCritical ? [yes] : []), octets(content));
}

/** The id by which certificates refer to a key: the SHA-1 of it (RFC 5280 §4.2.1.2), which nothing depends on. */
export function keyId(publicKey: KeyObject): Uint8Array {
  return createHash("sha1")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest();
}

export interface CertificateParts {
  readonly subject: Uint8Array;
  readonly publicKey: KeyObject;
  readonly issuer: Uint8Array;
  readonly issuerKey: KeyObject;
  /** Time of day in milliseconds. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly extensions: readonly Uint8Array[];
}

/** Signs it; PEM. */
export function signCertificate(parts: CertificateParts): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive, and of full length
  const body = sequence(
    der(0xa0, hex("020102")),
    der(0x02, serial),
    ecdsaWithSha256,
    parts.issuer,
    sequence(time(parts.fromMs), time(parts.untilMs)),
    parts.subject,
    parts.publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...parts.extensions)),
  );
  const signature = createSign("SHA256").update(body).sign(parts.issuerKey);
  const lines = Buffer.from(sequence(body, ecdsaWithSha256, der(0x03, Uint8Array.of(0), signature)))
    .toString("base64")
    .replace(/(.{64})(?=.)/g, "$1\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** 2.5.29.17: one name of a host, or one IP address as bytes. */
export function alternativeName(name: { readonly dns: string } | { readonly ip: Uint8Array }): Uint8Array {
  return extension(17, sequence("dns" in name ? der(0x82, Buffer.from(name.dns)) : der(0x87, name.ip)));
}
