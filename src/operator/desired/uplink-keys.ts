/** The private keys of an EdgeNode's uplinks: one for each ordinal and transport, made once and never replaced. */

import { KtError } from "#base/errors.ts";
import { makeKey, pinOfKey } from "#tls/identity.ts";
import { makeWireGuardKeys, publicKeyOf } from "#wireguard/keys.ts";

export interface UplinkKeys {
  /** In base64, by ordinal: of WireGuard, or the pin with TLS. */
  readonly publicKeys: ReadonlyMap<number, string>;
  /** What the Secret lacks, by ordinal, as its `data` has it. */
  readonly missing: Readonly<Record<string, string>>;
}

interface KeyKind {
  /** Of the Secret, as the pods have it as a file. */
  readonly entry: (ordinal: number) => string;
  readonly make: () => string;
  /** Throws, or undefined, for what is not such a key. */
  readonly publicKey: (privateKey: string) => string | undefined;
  readonly called: string;
}

const kinds: Readonly<Record<"wireguard" | "tls", KeyKind>> = {
  wireguard: {
    entry: String,
    make: () => makeWireGuardKeys().privateKey,
    publicKey: (key) => publicKeyOf(key.trim()),
    called: "WireGuard",
  },
  tls: { entry: (ordinal) => `tls-${ordinal}`, make: makeKey, publicKey: pinOfKey, called: "EC P-256" },
};

/** `data` is that of the Secret. Throws KtError `cluster-error`, naming the entry that is none. */
export function uplinkKeys(
  data: Readonly<Record<string, string>>,
  ordinals: readonly number[],
  transport: "wireguard" | "tls",
): UplinkKeys {
  const kind = kinds[transport];
  const publicKeys = new Map<number, string>();
  const missing: Record<string, string> = {};
  for (const ordinal of ordinals) {
    const name = kind.entry(ordinal);
    const entry = data[name];
    const privateKey = entry === undefined ? kind.make() : Buffer.from(entry, "base64").toString();
    if (entry === undefined) missing[name] = Buffer.from(privateKey).toString("base64");
    publicKeys.set(ordinal, named(ordinal, privateKey, kind));
  }
  return { publicKeys, missing };
}

function named(ordinal: number, privateKey: string, { publicKey, called }: KeyKind): string {
  const message = `the private key of uplink ${ordinal} is not one of ${called}`;
  let key: string | undefined;
  try {
    key = publicKey(privateKey);
  } catch (error) {
    throw new KtError("cluster-error", message, { cause: error });
  }
  if (key === undefined) throw new KtError("cluster-error", message);
  return key;
}
