/** The names under which the front door shows itself: what everybody types first. Pure. */

import { parseAuthority } from "#base/hostname.ts";

export const indexHost = "localhost";

const names = new Set([indexHost, "127.0.0.1", "::1"]);

/** Exactly these: a page of the web that makes its own name lead here (DNS rebinding) sends that name. */
export function isIndexName(host: string): boolean {
  const { host: name } = parseAuthority(host) ?? {};
  return name !== undefined && names.has(name.toLowerCase().replace(/^\[|\]$|\.$/g, ""));
}
