/** The first field of a line in a known-hosts file: which hosts the line is about (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */

import { CryptoHasher } from "bun";

/**
 * Whether a list of patterns matches this name, a host or "[host]:port". A negated pattern that matches rules the line out, whatever
 * else matches.
 */
export function matchesHost(patterns: string, name: string): boolean {
  if (patterns.startsWith("|")) return matchesHash(patterns, name);
  const lowerName = name.toLowerCase();
  let found = false;
  for (const pattern of patterns.toLowerCase().split(",")) {
    const isNegated = pattern.startsWith("!");
    if (!matchesGlob(isNegated ? pattern.slice(1) : pattern, lowerName)) continue;
    if (isNegated) return false;
    found = true;
  }
  return found;
}

/** "|1|SALT|HASH": the HMAC of the name with SHA-1, which OpenSSH writes as it was asked to connect: in small letters. */
function matchesHash(field: string, name: string): boolean {
  const [empty, version, salt = "", hash = "", ...more] = field.split("|");
  if (empty !== "" || version !== "1" || salt === "" || more.length > 0) return false;
  const digest = new CryptoHasher("sha1", Buffer.from(salt, "base64")).update(name.toLowerCase()).digest("base64");
  return digest === hash;
}

/** `*` is any number of characters, `?` is one; nothing else is special. Linear but for the last `*`, which is tried anew. */
function matchesGlob(pattern: string, text: string): boolean {
  let [at, from, star, retry] = [0, 0, -1, 0];
  while (at < text.length) {
    if (pattern[from] === "*") [star, retry] = [from++, at];
    else if (from < pattern.length && (pattern[from] === "?" || pattern[from] === text[at])) [from, at] = [from + 1, at + 1];
    else if (star >= 0) [from, at] = [star + 1, ++retry];
    else return false;
  }
  while (pattern[from] === "*") from++;
  return from === pattern.length;
}
