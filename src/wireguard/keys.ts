/** WireGuard's keys: X25519 (RFC 7748), in base64 as `wg` prints them. */

import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { KtError } from "#base/errors.ts";
import { isWireGuardKey, type WireGuardKey } from "#wire/wireguard-uapi.ts";

export interface WireGuardKeys {
  readonly privateKey: WireGuardKey;
  readonly publicKey: WireGuardKey;
}

/** PKCS #8 of an X25519 key up to its 32 bytes, which are the last (RFC 8410 §7). */
const pkcs8Head = Uint8Array.fromHex("302e020100300506032b656e04220420");
const keyBytes = 32;

export function makeWireGuardKeys(): WireGuardKeys {
  const { privateKey } = generateKeyPairSync("x25519");
  const der = privateKey.export({ type: "pkcs8", format: "der" });
  const key = clamped(der.subarray(-keyBytes).toBase64());
  return { privateKey: key, publicKey: publicKeyOf(key) };
}

/** Throws KtError `protocol` where that is not a key. */
export function publicKeyOf(privateKey: WireGuardKey): WireGuardKey {
  if (!isWireGuardKey(privateKey)) throw new KtError("protocol", "the private key is not 32 bytes in base64");
  const der = Buffer.concat([pkcs8Head, Uint8Array.fromBase64(privateKey)]);
  const key = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
  return key.export({ type: "spki", format: "der" }).subarray(-keyBytes).toBase64();
}

/** The same key with the bits as X25519 takes them (RFC 7748 §5), which is how WireGuard says it again. */
export function clamped(privateKey: WireGuardKey): WireGuardKey {
  const bytes = Uint8Array.fromBase64(privateKey);
  bytes[0] = (bytes[0] ?? 0) & 0xf8;
  bytes[31] = ((bytes[31] ?? 0) & 0x7f) | 0x40;
  return bytes.toBase64();
}
