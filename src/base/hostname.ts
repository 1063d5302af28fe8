/** Parses and normalises DNS names and Host headers; refuses what DNS refuses. */

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Lower case, without a trailing dot. Returns undefined for what is not a DNS name (RFC 1035 §2.3.4 lengths, LDH labels and `_`). */
export function normaliseHostname(name: string): string | undefined {
  const lower = name.toLowerCase();
  const bare = lower.endsWith(".") ? lower.slice(0, -1) : lower;
  if (bare.length === 0 || bare.length > 253) return undefined;
  for (const part of bare.split(".")) if (!label.test(part)) return undefined;
  return bare;
}

export interface Authority {
  /** As sent, without port; IPv6 without brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

/** Splits `host[:port]` or `[ipv6][:port]` (RFC 3986 §3.2.2). Undefined for anything else. */
export function parseAuthority(text: string): Authority | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/@?#]+))(?::([0-9]{0,5}))?$/.exec(text);
  if (!match) return undefined;
  const host = match[1] ?? match[2];
  if (host === undefined) return undefined;
  const port = match[3] === undefined || match[3] === "" ? undefined : Number(match[3]);
  if (port !== undefined && port > 65535) return undefined;
  return { host, port };
}

/** A host as URLs and addresses write it: IPv6 in brackets. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

export function formatHostPort({ host, port }: { readonly host: string; readonly port: number | string }): string {
  return `${bracketed(host)}:${port}`;
}
