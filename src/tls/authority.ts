/**
 * kt's certificate authority: a root whose key is thrown away once it has signed the one intermediate, which signs a leaf for each name.
 * Root and intermediate are bound to the same domains: Java does not look at those of the root, which its user trusts as it is.
 */

import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { KtError } from "#base/errors.ts";
import { formatIpv4, isLoopbackIpv4, parseIpv4 } from "#base/ipv4.ts";
import { alternativeName, der, distinguishedName, extension, hex, keyId, sequence, signCertificate } from "./der.ts";
import type { Certificate } from "./self-signed.ts";

/** What is kept of an authority. PEM texts. */
export interface AuthorityTexts {
  /** What programs are to trust. */
  readonly root: string;
  readonly intermediate: string;
  /** Of the intermediate. */
  readonly key: string;
  /** Normalised; each stands for itself and all names under it. */
  readonly domains: readonly string[];
}

const dayMs = 24 * 3600 * 1000;
export const authorityLimits = {
  /** After this programs have to be told to trust another. */
  authorityMs: 730 * dayMs,
  /** Browsers take no leaf of more than 398 days; one is made anew when half of its time has passed. */
  leafMs: 30 * dayMs,
  /** Clocks of containers and virtual machines are behind at times. */
  lateClockMs: dayMs / 24,
} as const;

/** 2.5.29.19, critical: a CA with so many intermediates below it. */
const authorityConstraints = (below: number): Uint8Array => extension(19, sequence(hex("0101ff"), der(0x02, Uint8Array.of(below))), true);
/** 2.5.29.15, critical: keyCertSign and cRLSign; digitalSignature. */
const signsCertificates = extension(15, hex("03020106"), true);
const signsHandshakes = extension(15, hex("03020780"), true);
/** 2.5.29.37: serverAuth. */
const forServers = extension(37, sequence(hex("06082b06010505070301")));
const subjectKey = (key: KeyObject): Uint8Array => extension(14, der(0x04, keyId(key)));
const issuerKeyId = (key: KeyObject): Uint8Array => extension(35, sequence(der(0x80, keyId(key))));

/** 127.0.0.0/8 and ::1, as address and mask: without them no IP address at all would be allowed. */
const loopbackAddresses = [hex("7f000000ff000000"), hex(`${"00".repeat(15)}01${"ff".repeat(16)}`)];

/** 2.5.29.30, critical: the permitted subtrees (RFC 5280 §4.2.1.10). */
function nameConstraints(domains: readonly string[]): Uint8Array {
  const names = domains.map((domain) => sequence(der(0x82, Buffer.from(domain))));
  const addresses = loopbackAddresses.map((address) => sequence(der(0x87, address)));
  return extension(30, sequence(der(0xa0, ...names, ...addresses)), true);
}

function newKey(): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** `owner`: shown in lists of authorities, so that people know whose it is. */
export function makeAuthority(owner: string, domains: readonly string[], nowMs: number): AuthorityTexts {
  const [root, intermediate] = [newKey(), newKey()];
  const whose = owner.replace(/[^A-Za-z0-9@._-]/g, "-").slice(0, 32);
  const rootName = distinguishedName(`kt CA of ${whose} ${new Date(nowMs).toISOString().slice(0, 10)}`);
  const bounds = { fromMs: nowMs - authorityLimits.lateClockMs, untilMs: nowMs + authorityLimits.authorityMs };
  const signed = { issuer: rootName, issuerKey: root.privateKey, ...bounds };
  const limits = [signsCertificates, nameConstraints(domains)];
  return {
    root: signCertificate({
      ...signed,
      subject: rootName,
      publicKey: root.publicKey,
      extensions: [authorityConstraints(1), ...limits, subjectKey(root.publicKey)],
    }),
    intermediate: signCertificate({
      ...signed,
      subject: distinguishedName(`kt CA of ${whose} signing`),
      publicKey: intermediate.publicKey,
      extensions: [authorityConstraints(0), ...limits, forServers, subjectKey(intermediate.publicKey), issuerKeyId(root.publicKey)],
    }),
    key: intermediate.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    domains,
  };
}

/** Signs leaves. */
export class Authority {
  readonly texts: AuthorityTexts;
  readonly untilMs: number;
  readonly #key: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #name: Uint8Array;

  /** Throws KtError `authority-unusable` where the three do not belong together. */
  constructor(texts: AuthorityTexts) {
    const intermediate = new X509Certificate(texts.intermediate);
    this.#key = createPrivateKey(texts.key);
    if (!intermediate.checkPrivateKey(this.#key)) throw unusable("the key is that of another certificate");
    if (!intermediate.verify(new X509Certificate(texts.root).publicKey)) throw unusable("the certificate is not signed by the root");
    this.texts = texts;
    this.untilMs = Date.parse(intermediate.validTo);
    this.#publicKey = intermediate.publicKey;
    this.#name = distinguishedName(commonNameOf(intermediate));
  }

  /** Whether a name, or an IP address without brackets, is within its domains. */
  covers(name: string): boolean {
    if (addressBytes(name) !== undefined) return name === "::1" || isLoopbackIpv4(parseIpv4(name) ?? 0);
    return this.texts.domains.some((domain) => name === domain || name.endsWith(`.${domain}`));
  }

  /** A leaf for this name alone, with the chain that servers send. */
  issue(name: string, nowMs: number): Certificate {
    const { privateKey, publicKey } = newKey();
    const ip = addressBytes(name);
    const cert = signCertificate({
      // OpenSSL takes a common name that looks like one of a host for one, and an address does.
      subject: distinguishedName(ip === undefined ? name : `kt ${name}`),
      publicKey,
      issuer: this.#name,
      issuerKey: this.#key,
      fromMs: nowMs - authorityLimits.lateClockMs,
      untilMs: Math.min(nowMs + authorityLimits.leafMs, this.untilMs),
      extensions: [
        alternativeName(ip === undefined ? { dns: name } : { ip }),
        signsHandshakes,
        forServers,
        subjectKey(publicKey),
        issuerKeyId(this.#publicKey),
      ],
    });
    return { cert: `${cert}${this.texts.intermediate}`, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
  }
}

function unusable(message: string): KtError {
  return new KtError("authority-unusable", message);
}

/** As it was written: none of its characters is escaped. */
function commonNameOf({ subject }: X509Certificate): string {
  return subject.replace(/^CN=/, "");
}

/** Of an IPv4 address, and of ::1. */
function addressBytes(name: string): Uint8Array | undefined {
  if (name === "::1") return hex(`${"00".repeat(15)}01`);
  const number = parseIpv4(name);
  return number === undefined ? undefined : Uint8Array.from(formatIpv4(number).split("."), Number);
}
