/** Chooses the address that an HTTP route gets for programs that do not resolve its name. Pure. */

import { hash } from "bun";
import type { ListenAddress } from "./plan.ts";

/** Of 127.0.0.0/8, above what systems and other tools use of it: 127.0.0.53, 127.0.1.1, 127.1.0.0/16. */
const firstBlock = 128;
const lastBlock = 254;

/** Between the ports that servers are usually given and those that systems give to clients. */
const firstPort = 20_000;
const lastPort = 32_000;

/** The part of a hash that falls into a range, both ends included. */
function within(seed: string, from: number, to: number): number {
  return from + (hash.xxHash32(seed) % (to - from + 1));
}

export interface AddressChoice {
  /** Where the front door listens. */
  readonly listen: readonly ListenAddress[];
  /** Every address of 127.0.0.0/8 is there without being set up, as on Linux; macOS has 127.0.0.1 alone. */
  readonly hasWholeNetwork: boolean;
  /** Addresses that are taken, as `HOST:PORT`. */
  readonly isTaken: (address: ListenAddress) => boolean;
}

/**
 * The same for the same hostname, on every machine and after every start: it stands in files that `kt env` wrote. Where the whole network
 * is there the port is the front door's, so that only the host differs from the route's URL.
 */
export function ownAddressOf(host: string, choice: AddressChoice): ListenAddress {
  for (let attempt = 0; ; attempt++) {
    const address = candidate(`${host}#${attempt}`, choice);
    if (!choice.isTaken(address)) return address;
  }
}

function candidate(seed: string, { listen, hasWholeNetwork }: AddressChoice): ListenAddress {
  const isEverywhere = listen.some(({ host }) => host === "0.0.0.0" || host === "::");
  const [first] = listen;
  const port = hasWholeNetwork && !isEverywhere && first !== undefined ? first.port : within(`${seed} port`, firstPort, lastPort);
  if (!hasWholeNetwork) return { host: "127.0.0.1", port };
  const parts = [within(`${seed} a`, firstBlock, lastBlock), within(`${seed} b`, 0, 255), within(`${seed} c`, 1, 254)];
  return { host: `127.${parts.join(".")}`, port };
}
