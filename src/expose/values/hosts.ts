/** Addresses and names of machines in the resources. Pure. */

import { parseIpv4 } from "#base/ipv4.ts";
import { isIpv6 } from "#base/ipv6.ts";

/** An IPv4 address written as IPv6 (::ffff:0:0/96) is refused, as by the API server: it has a plain form. */
export function isIpAddress(text: string): boolean {
  if (parseIpv4(text) !== undefined) return true;
  return isIpv6(text.toLowerCase()) && !/^\[::ffff:[0-9a-f]+:[0-9a-f]+\]$/.test(URL.parse(`http://[${text}]`)?.hostname ?? "");
}

/** Of names as resolvers take them, with a dot at their end too; one whose last label is a number would be a broken address. */
export const hostPattern = "^[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?([.][A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)*[.]?$";
export const numericEndPattern = "(^|[.])[0-9]+[.]?$";

const host = new RegExp(hostPattern);
const numericEnd = new RegExp(numericEndPattern);

export function isHost(text: string): boolean {
  return isIpAddress(bare(text)) || (host.test(text) && !numericEnd.test(text));
}

/** IPv6 without its brackets. */
export function bare(text: string): string {
  return text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
}
