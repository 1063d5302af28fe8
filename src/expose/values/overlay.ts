/** The network inside the tunnel, and who has which of its addresses. Pure. */

import { formatIpv4, parseIpv4 } from "#base/ipv4.ts";

export interface Overlay {
  /** As a number, without host bits. */
  readonly base: number;
  readonly prefix: number;
}

/** `10.200.0.0/24`; host bits count for nothing. Undefined for what is not an IPv4 network. */
export function parseOverlay(text: string): Overlay | undefined {
  const [, address = "", bits = ""] = /^([0-9.]+)\/(0|[1-9][0-9]?)$/.exec(text) ?? [];
  const [number, prefix] = [parseIpv4(address), Number(bits)];
  if (number === undefined || prefix > 32) return undefined;
  const sizeOf = 2 ** (32 - prefix);
  return { base: Math.floor(number / sizeOf) * sizeOf, prefix };
}

/** Without the network's own address, the edge's, and that of broadcasts, which has all host bits set. */
export function roomFor({ prefix }: Overlay): number {
  return prefix > 30 ? 0 : 2 ** (32 - prefix) - 3;
}

export function edgeAddress({ base }: Overlay): string {
  return formatIpv4(base + 1);
}

export function uplinkAddress({ base }: Overlay, ordinal: number): string {
  return formatIpv4(base + 2 + ordinal);
}

export function formatOverlay({ base, prefix }: Overlay): string {
  return `${formatIpv4(base)}/${prefix}`;
}
