/** The private keys of an EdgeNode's uplinks: one for each ordinal, made once and never replaced. */

import { KtError } from "#base/errors.ts";
import { makeWireGuardKeys, publicKeyOf } from "#wireguard/keys.ts";

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
    const privateKey = entry === undefined ? makeWireGuardKeys().privateKey : Buffer.from(entry, "base64").toString();
    if (entry === undefined) missing[ordinal] = Buffer.from(privateKey).toString("base64");
    publicKeys.set(ordinal, named(ordinal, privateKey));
  }
  return { publicKeys, missing };
}

function named(ordinal: number, privateKey: string): string {
  try {
    return publicKeyOf(privateKey.trim());
  } catch (error) {
    throw new KtError("cluster-error", `the private key of uplink ${ordinal} is not one of WireGuard`, { cause: error });
  }
}
