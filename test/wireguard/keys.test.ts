/** WireGuard's keys, against RFC 7748. */

import { expect, test } from "bun:test";
import { clamped, makeWireGuardKeys, publicKeyOf } from "#wireguard/keys.ts";
import { isWireGuardKey } from "#wire/wireguard-uapi.ts";

const base64 = (hex: string): string => Uint8Array.fromHex(hex).toBase64();

test("a public key is that of RFC 7748 §6.1", () => {
  const bob = base64("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  const wanted = base64("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  expect(publicKeyOf(bob)).toBe(wanted);
  expect(publicKeyOf(clamped(bob))).toBe(wanted);
});

test("a public key is the one that openssl pkey makes", () => {
  const alice = base64("77076d0a7318a57d3c16c17251b26645df4c2f92ebc0992ac177fba51db92c2a");
  expect(publicKeyOf(alice)).toBe(base64("f8a9535a2d2ff605e8e144d54f4ef5c62313a2055dbb21fddd3fd9c299eb015d"));
});

test("keys that are made are keys, clamped already, and no two alike", () => {
  const made = Array.from({ length: 20 }, makeWireGuardKeys);
  for (const { privateKey, publicKey } of made) {
    expect([privateKey, publicKey].map(isWireGuardKey)).toEqual([true, true]);
    expect(clamped(privateKey)).toBe(privateKey);
    expect(publicKeyOf(privateKey)).toBe(publicKey);
  }
  expect(new Set(made.map(({ publicKey }) => publicKey)).size).toBe(20);
});

test("what is not a key is refused, and not repeated in the message", () => {
  for (const text of ["", "secret", base64("00".repeat(31)), base64("00".repeat(33)), `${base64("00".repeat(32))}=`]) {
    expect(isWireGuardKey(text)).toBe(false);
    expect(() => publicKeyOf(text)).toThrow("the private key is not 32 bytes in base64");
  }
});
