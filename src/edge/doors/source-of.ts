/** What counts as one source of clients: an IPv4 address, or the 64 bits of IPv6 that a network gives to one customer. Pure. */

import { ipv6Bytes } from "#base/ipv6.ts";

export function sourceOf(host: string): string {
  if (!host.includes(":")) return host;
  return ipv6Bytes(host)?.subarray(0, 8).toHex() ?? host;
}
