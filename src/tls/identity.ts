/** An identity that is a key: its digest is what the other end knows, and its certificate only the form in which TLS shows it. */

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { distinguishedName, signCertificate } from "./der.ts";

export interface Identity {
  /** PEM, self-signed. */
  readonly cert: string;
  /** PEM, PKCS#8. */
  readonly key: string;
  /** In base64: the SHA-256 of the public key as SPKI (RFC 5280 §4.1), by which others know it. */
  readonly pin: string;
}

const dayMs = 24 * 3600 * 1000;
/** Both ends go by the key: how long its certificate counts is left to no clock. */
const validMs = 20 * 365 * dayMs;

/** PEM, PKCS#8, of EC P-256. */
export function makeKey(): string {
  return pemOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

/** Its pin alone, as `identityOf` has it. */
export function pinOfKey(keyPem: string): string | undefined {
  const privateKey = privateKeyOf(keyPem);
  return privateKey && pinOf(createPublicKey(privateKey));
}

/** Undefined for what is not such a key. */
export function identityOf(keyPem: string, nowMs: number): Identity | undefined {
  const privateKey = privateKeyOf(keyPem);
  if (privateKey === undefined) return undefined;
  const publicKey = createPublicKey(privateKey);
  const name = distinguishedName("kt");
  const validity = { fromMs: nowMs - dayMs, untilMs: nowMs + validMs };
  const cert = signCertificate({ subject: name, publicKey, issuer: name, issuerKey: privateKey, ...validity, extensions: [] });
  return { cert, key: pemOf(privateKey), pin: pinOf(publicKey) };
}

/** The pin of the key in a certificate, in DER; undefined for what is none. */
export function pinOfCertificate(certificate: Uint8Array): string | undefined {
  try {
    return pinOf(new X509Certificate(certificate).publicKey);
  } catch {
    return undefined;
  }
}

function pinOf(publicKey: KeyObject): string {
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64");
}

function privateKeyOf(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? key : undefined;
  } catch {
    return undefined;
  }
}

const pemOf = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();
