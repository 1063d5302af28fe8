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

/** The 16 bytes of such an address, a zone being left out; undefined for what is none. */
export function ipv6Bytes(text: string): Uint8Array | undefined {
  const [bare = ""] = text.toLowerCase().split("%");
  if (!isIpv6(bare)) return undefined;
  const dotted = parseIpv4(bare.slice(bare.lastIndexOf(":") + 1));
  const last = dotted === undefined ? "" : `${(dotted >>> 16).toString(16)}:${(dotted & 0xffff).toString(16)}`;
  const hexadecimal = dotted === undefined ? bare : `${bare.slice(0, bare.lastIndexOf(":") + 1)}${last}`;
  const [head = "", tail] = hexadecimal.split("::");
  const [front, back] = [groupsOf(head), groupsOf(tail ?? "")];
  const zeros = Array<number>(8 - front.length - back.length).fill(0);
  return Uint8Array.from([...front, ...zeros, ...back].flatMap((group) => [group >>> 8, group & 0xff]));
}

function groupsOf(side: string): number[] {
  return side === "" ? [] : side.split(":").map((group) => Number.parseInt(group, 16));
}
