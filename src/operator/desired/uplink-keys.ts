/** The private keys of an EdgeNode's uplinks: one for each ordinal, made once and never replaced. */

import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { KtError } from "#base/errors.ts";

/** Of X25519, as WireGuard has keys. */
const keyBytes = 32;
/** What stands before such a key in PKCS #8 (RFC 8410 §7). */
const privateHead = Buffer.from("302e020100300506032b656e04220420", "hex");

/** In base64, as `wg genkey` prints it. */
export function newPrivateKey(): string {
  const { privateKey } = generateKeyPairSync("x25519");
  return privateKey.export({ type: "pkcs8", format: "der" }).subarray(-keyBytes).toString("base64");
}

/** In base64, too. Throws KtError `cluster-error` for what is not a private key. */
export function publicKeyOf(privateKey: string): string {
  const bytes = Buffer.from(privateKey.trim(), "base64");
  if (bytes.length !== keyBytes)
    throw new KtError("cluster-error", `a key of ${bytes.length} bytes is not one of WireGuard, which has ${keyBytes}`);
  const key = createPrivateKey({ key: Buffer.concat([privateHead, bytes]), type: "pkcs8", format: "der" });
  return createPublicKey(key).export({ type: "spki", format: "der" }).subarray(-keyBytes).toString("base64");
}

export interface UplinkKeys {
  /** In base64, by ordinal. */
  readonly publicKeys: ReadonlyMap<number, string>;
  /** What the Secret lacks, by ordinal, as its `data` has it. */
  readonly missing: Readonly<Record<string, string>>;
}

/** `data` is that of the Secret. Throws KtError `cluster-error`, naming the entry that is none. */
export function uplinkKeys(data: Readonly<Record<string, string>>, ordinals: readonly number[]): UplinkKeys {
  const publicKeys = new Map<number, string>();
  const missing: Record<string, string> = {};
  for (const ordinal of ordinals) {
    const entry = data[ordinal];
    const privateKey = entry === undefined ? newPrivateKey() : Buffer.from(entry, "base64").toString();
    if (entry === undefined) missing[ordinal] = Buffer.from(privateKey).toString("base64");
    publicKeys.set(ordinal, named(ordinal, privateKey));
  }
  return { publicKeys, missing };
}

function named(ordinal: number, privateKey: string): string {
  try {
    return publicKeyOf(privateKey);
  } catch (error) {
    throw new KtError("cluster-error", `the private key of uplink ${ordinal} is not one of WireGuard`, { cause: error });
  }
}
