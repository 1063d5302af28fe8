/** The addresses by which other machines reach this one. */

import { networkInterfaces } from "node:os";

/** Those of the network cards, IPv4 first; without loopback and what only works with the name of a card (fe80::/10). */
export function networkAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const reached = all.filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address)).map(({ address }) => address);
  return [...new Set(reached)].sort((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
}
