/** Lists of what programs trust: the system's, those that variables name, and files of kt's with its CA in them. */

import { existsSync, renameSync, writeFileSync } from "node:fs";
import { CryptoHasher } from "bun";
import { readRegularFile } from "#base/regular-file.ts";
import { hostLimits } from "#host/limits.ts";

/** Debian, Alpine and Arch; Fedora; SUSE; macOS. */
const systemLists = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

export function systemList(): string | undefined {
  return systemLists.find((path) => existsSync(path));
}

/** A file in the folder with all that the others hold, and the certificate. The same content is the same file. */
export function listWith(folder: string, others: readonly string[], pem: string): string {
  const text = [...others.map(textOf), pem].join("\n");
  const path = `${folder}/list-${new CryptoHasher("sha256").update(text).digest("hex").slice(0, 12)}.pem`;
  if (existsSync(path)) return path;
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, text, { mode: 0o644 });
  renameSync(fresh, path);
  return path;
}

/** Empty where it cannot be read: then the program that it is for could not read it either. */
function textOf(path: string): string {
  try {
    return new TextDecoder().decode(readRegularFile(path, { mostBytes: hostLimits.trustListBytes, code: "file-unwritable" }).bytes);
  } catch {
    return "";
  }
}
