/** The public key of a host: its type, its fingerprint, and the algorithms that prove it (RFC 4253 §6.6, RFC 8332). */

import { CryptoHasher } from "bun";

export interface HostKey {
  readonly type: string;
  /** As it travels: its type as a length-prefixed string, then its numbers. */
  readonly blob: Uint8Array;
}

/** Best first. Signatures of RSA keys are asked for with SHA-2 alone; DSA is too weak, and hosts have no keys of tokens. */
const algorithms: Readonly<Record<string, readonly string[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

export const hostKeyTypes: readonly string[] = Object.keys(algorithms);

/** Those that a host proves keys of these types with, best first; none for types that kt does not accept. */
export function algorithmsFor(types: Iterable<string>): string[] {
  const wanted = new Set(types);
  return hostKeyTypes.filter((type) => wanted.has(type)).flatMap((type) => algorithms[type] ?? []);
}

/** Undefined where the bytes do not begin with the name of a type. */
export function hostKeyOf(blob: Uint8Array): HostKey | undefined {
  if (blob.length < 4) return undefined;
  const length = new DataView(blob.buffer, blob.byteOffset).getUint32(0);
  if (length === 0 || length > 64 || 4 + length >= blob.length) return undefined;
  const type = new TextDecoder("latin1").decode(blob.subarray(4, 4 + length));
  return /^[a-z0-9@.-]+$/.test(type) ? { type, blob } : undefined;
}

export function isSameKey(one: HostKey, other: HostKey): boolean {
  return Buffer.compare(one.blob, other.blob) === 0;
}

/** As `ssh-keygen -l` prints it: "SHA256:…", without padding. */
export function fingerprintOf({ blob }: HostKey): string {
  return `SHA256:${new CryptoHasher("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
