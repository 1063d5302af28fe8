/** The addresses of this machine. */

import { networkInterfaces } from "node:os";

/** By which other machines reach it, IPv4 first: neither loopback, nor what only works with the name of a card (fe80::/10). */
export function networkAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const reached = all.filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address)).map(({ address }) => address);
  return [...new Set(reached)].sort((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
}

/** Those of 127.0.0.0/8 that programs can listen at; undefined on Linux, where that is all of them. */
export function ownLoopback(): ReadonlySet<string> | undefined {
  if (process.platform === "linux") return undefined;
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return new Set(all.flatMap(({ address }) => (address.startsWith("127.") ? [address] : [])));
}
