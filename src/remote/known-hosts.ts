/** Reads known-hosts files: which keys a host may show, and which must never be accepted (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */

import { type HostKey, hostKeyOf } from "./host-key.ts";
import { matchesHost } from "./host-pattern.ts";

const sshPort = 22;

interface KnownHostsLine {
  readonly marker: "@cert-authority" | "@revoked" | undefined;
  readonly patterns: string;
  readonly key: HostKey;
}

export interface KnownHosts {
  readonly lines: readonly KnownHostsLine[];
  /** Numbers, from 1, of the lines that are not as the format has them: they say nothing, and OpenSSH ignores them too. */
  readonly unreadable: readonly number[];
}

/** What the file says about one host. */
export interface KnownHost {
  readonly pinned: readonly HostKey[];
  readonly revoked: readonly HostKey[];
  /** A line says that certificates of an authority prove this host. */
  readonly hasAuthority: boolean;
}

export function parseKnownHosts(text: string): KnownHosts {
  const lines: KnownHostsLine[] = [];
  const unreadable: number[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const trimmed = raw.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const line = parseLine(trimmed);
    if (line === undefined) unreadable.push(index + 1);
    else lines.push(line);
  }
  return { lines, unreadable };
}

function parseLine(line: string): KnownHostsLine | undefined {
  const fields = line.split(/[ \t]+/);
  const marker = fields[0]?.startsWith("@") ? fields.shift() : undefined;
  if (marker !== undefined && marker !== "@cert-authority" && marker !== "@revoked") return undefined;
  const [patterns = "", type, encoded = ""] = fields;
  const key = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) ? hostKeyOf(Buffer.from(encoded, "base64")) : undefined;
  return key === undefined || key.type !== type ? undefined : { marker, patterns, key };
}

/**
 * Entries of other ports than 22 are written "[host]:port"; where there is none, those of the host alone count, as for OpenSSH. A key that
 * is revoked is so for every host: "must not ever be accepted".
 */
export function lookUpHost({ lines }: KnownHosts, host: string, port: number): KnownHost {
  const withPort = `[${host}]:${port}`;
  const about = (names: readonly string[]): readonly KnownHostsLine[] =>
    lines.filter(({ marker, patterns }) => marker !== "@revoked" && names.some((name) => matchesHost(patterns, name)));
  const exact = about(port === sshPort ? [host, withPort] : [withPort]);
  const found = exact.length > 0 ? exact : about([host]);
  return {
    pinned: found.filter(({ marker }) => marker === undefined).map(({ key }) => key),
    revoked: lines.filter(({ marker }) => marker === "@revoked").map(({ key }) => key),
    hasAuthority: found.some(({ marker }) => marker === "@cert-authority"),
  };
}

/** The line that pins a key to a host. */
export function knownHostsLine(host: string, port: number, { type, blob }: HostKey): string {
  const name = port === sshPort ? host : `[${host}]:${port}`;
  return `${name} ${type} ${Buffer.from(blob).toString("base64")}`;
}
