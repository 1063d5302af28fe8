/** Private keys in PKCS#8, as `ssh-keygen -m PKCS8` and openssl write them, put into the forms that the SSH library reads. */

import type { KeyObject } from "node:crypto";

/** `unreadable`: damaged, or another passphrase. `encryption`: none that is read here. `kind`: not one that SSH signs in with. */
export type Pkcs8Outcome = { readonly pem: string } | { readonly fault: "unreadable" | "encryption" | "kind" };

const form = /-----BEGIN (ENCRYPTED )?PRIVATE KEY-----([^-]*)-----END \1?PRIVATE KEY-----/;

export const isPkcs8 = (text: string): boolean => form.test(text);

export const isEncryptedPkcs8 = (text: string): boolean => form.exec(text)?.[1] !== undefined;

/** How often the passphrase is hashed (RFC 8018, appendix A); 0 where that is not said. */
export function pkcs8Rounds(text: string): number {
  const bytes = Buffer.from(form.exec(text)?.[2] ?? "", "base64");
  return isEncryptedPkcs8(text) ? (countAfterSalt(bytes, { start: 0, end: bytes.length }, 0) ?? 0) : 0;
}

/** In the clear, so that it is decrypted this once. */
export async function rewrittenPkcs8(text: string, passphrase: string): Promise<Pkcs8Outcome> {
  const { createPrivateKey } = await import("node:crypto");
  try {
    const [key = ""] = form.exec(text) ?? [];
    return pemOf(createPrivateKey({ key, format: "pem", ...(isEncryptedPkcs8(text) && { passphrase }) }));
  } catch (error) {
    const reason = String(Reflect.get(Object(error), "code"));
    return { fault: /^ERR_OSSL_(?:UNSUPPORTED|UNKNOWN)/.test(reason) ? "encryption" : "unreadable" };
  }
}

function pemOf(key: KeyObject): Pkcs8Outcome {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return { pem: key.export({ type: "pkcs1", format: "pem" }).toString() };
    case "ec":
      return { pem: key.export({ type: "sec1", format: "pem" }).toString() };
    case "ed25519":
      return { pem: opensshOf(key.export({ format: "jwk" })) };
    default:
      return { fault: "kind" };
  }
}

/** Ed25519 has no older form: openssh-portable, PROTOCOL.key, without encryption. */
function opensshOf({ d = "", x = "" }: { readonly d?: string; readonly x?: string }): string {
  const [seed, point] = [Buffer.from(d, "base64url"), Buffer.from(x, "base64url")];
  const publicPart = Buffer.concat([string("ssh-ed25519"), string(point)]);
  const privatePart = Buffer.concat([uint32(0), uint32(0), publicPart, string(Buffer.concat([seed, point])), string("")]);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, -privatePart.length & 7));
  const head = [Buffer.from("openssh-key-v1\0"), string("none"), string("none"), string(""), uint32(1)];
  const bytes = Buffer.concat([...head, string(publicPart), string(Buffer.concat([privatePart, padding]))]);
  const lines = bytes.toString("base64").match(/.{1,70}/g) ?? [];
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join("\n");
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** After its length (RFC 4251 §5). */
function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

interface Span {
  readonly start: number;
  readonly end: number;
}

const tags = { integer: 0x02, octets: 0x04, sequence: 0x30 } as const;
/** PBES2 nests its key derivation in four sequences. */
const deepest = 5;

/** Every scheme has its rounds right behind its salt. Undefined where there are none. */
function countAfterSalt(bytes: Buffer, { start, end }: Span, depth: number): number | undefined {
  let previous: number | undefined;
  for (let at = start; at < end; ) {
    const item = derAt(bytes, at);
    if (item === undefined || item.end > end) return undefined;
    if (item.tag === tags.integer && previous === tags.octets) return Number(`0x0${bytes.toString("hex", item.start, item.end)}`);
    const found = item.tag === tags.sequence && depth < deepest ? countAfterSalt(bytes, item, depth + 1) : undefined;
    if (found !== undefined) return found;
    [previous, at] = [item.tag, item.end];
  }
  return undefined;
}

/** The value that begins there, after its tag and length; undefined where the length is not one. */
function derAt(bytes: Buffer, at: number): (Span & { readonly tag: number }) | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined) return undefined;
  const start = at + 2;
  if (first < 0x80) return { tag, start, end: start + first };
  const count = first - 0x80;
  if (count < 1 || count > 4 || start + count > bytes.length) return undefined;
  return { tag, start: start + count, end: start + count + bytes.readUIntBE(start, count) };
}
