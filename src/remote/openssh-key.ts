/** The head of a private key in OpenSSH's own format: how it is encrypted (openssh-portable, PROTOCOL.key). */

const magic = "openssh-key-v1\0";

export interface OpensshKeyHead {
  /** "none" where it is not encrypted. */
  readonly cipher: string;
  /** How often the passphrase is hashed; 0 where the key is not encrypted. */
  readonly rounds: number;
}

/** Undefined where the text is not such a key, or its head is damaged. */
export function opensshKeyHead(text: string): OpensshKeyHead | undefined {
  const [, body = ""] = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]*)/.exec(text) ?? [];
  const bytes = Buffer.from(body, "base64");
  if (bytes.subarray(0, magic.length).toString("latin1") !== magic) return undefined;
  const [cipher, afterCipher] = stringAt(bytes, magic.length);
  const [kdf, afterKdf] = stringAt(bytes, afterCipher);
  const [options] = stringAt(bytes, afterKdf);
  if (cipher === undefined || options === undefined) return undefined;
  if (kdf?.toString("latin1") !== "bcrypt") return { cipher: cipher.toString("latin1"), rounds: 0 };
  const [salt, afterSalt] = stringAt(options, 0);
  if (salt === undefined || options.length < afterSalt + 4) return undefined;
  return { cipher: cipher.toString("latin1"), rounds: options.readUInt32BE(afterSalt) };
}

/** A string after its length (RFC 4251 §5), and where the next one begins; undefined where the bytes end before it does. */
function stringAt(bytes: Buffer, at: number): readonly [string: Buffer | undefined, next: number] {
  if (at + 4 > bytes.length) return [undefined, bytes.length];
  const end = at + 4 + bytes.readUInt32BE(at);
  return end > bytes.length ? [undefined, bytes.length] : [bytes.subarray(at + 4, end), end];
}
