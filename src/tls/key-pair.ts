/** What is wrong with certificates and keys that users bring. */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isoDay } from "#base/time-of-day.ts";

/** A certificate with its key, PEM texts, and the name of the server that shows it. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
  readonly host: string;
}

/** Why a pair cannot be used, as a part of a sentence about one of its files; undefined where it can be. */
export function pairProblem({ cert, key, host }: KeyPair, nowMs: number): PairProblem | undefined {
  const certificate = firstOf(cert);
  if (certificate === undefined) return { of: "cert", message: "holds no PEM certificate" };
  const privateKey = keyOf(key);
  if (privateKey === undefined) return { of: "key", message: "holds no PEM private key without a passphrase" };
  if (!certificate.checkPrivateKey(privateKey)) return { of: "key", message: "is the key of another certificate" };
  const [fromMs, untilMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (untilMs <= nowMs) return { of: "cert", message: `has expired on ${isoDay(untilMs)}` };
  if (fromMs > nowMs) return { of: "cert", message: `is not valid before ${isoDay(fromMs)}` };
  if (certificate.checkHost(host) === undefined) return { of: "cert", message: `is a certificate of other names than "${host}"` };
  return undefined;
}

export interface PairProblem {
  readonly of: "cert" | "key";
  readonly message: string;
}

/** Whether a text begins with a certificate. */
export function isCertificate(pem: string): boolean {
  return firstOf(pem) !== undefined;
}

function firstOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function keyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
