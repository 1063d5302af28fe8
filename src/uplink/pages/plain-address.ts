/** The address of a peer as it is written elsewhere: a socket for both families says `::ffff:` before those of IPv4. */

export function plainAddress(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=[\d.]+$)/i, "");
}
