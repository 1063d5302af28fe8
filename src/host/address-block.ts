/** The loopback addresses that macOS has after `kt setup addresses`. */

import { ownLoopback } from "#native/network-addresses.ts";

/** 127.[second].[third].[1…lasts], where addresses are given first: two clusters with four namespaces of 64 services and pods. */
export const addressBlock = { second: [1, 2], third: [27, 28, 29, 30], lasts: 64 } as const;

/** The last one is made last. */
export function hasAddressBlock(): boolean {
  const { second, third, lasts } = addressBlock;
  return ownLoopback()?.has(`127.${second.at(-1)}.${third.at(-1)}.${lasts}`) !== false;
}
