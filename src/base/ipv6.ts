/** IPv6 addresses as text. */

import { parseIpv4 } from "./ipv4.ts";

/** In small letters, without a zone. RFC 4291 §2.2: eight groups, the last two perhaps as IPv4, and one run of zeros perhaps left out. */
export function isIpv6(text: string): boolean {
  const [head = "", tail, ...more] = text
    .replace(/(?<=:)[0-9.]+\.[0-9.]+$/, (last) => (parseIpv4(last) === undefined ? last : "0:0"))
    .split("::");
  const groups = [head, tail ?? ""].flatMap((side) => (side === "" ? [] : side.split(":")));
  const fits = tail === undefined ? groups.length === 8 : groups.length <= 7;
  return more.length === 0 && fits && groups.every((group) => /^[0-9a-f]{1,4}$/.test(group));
}
