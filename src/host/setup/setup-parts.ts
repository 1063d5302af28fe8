/** The parts of the set-up by their words on the command line. */

import { setupAddresses } from "./setup-addresses.ts";
import { setupDns } from "./setup-dns.ts";
import { setupNames } from "./setup-names.ts";
import type { SetupPart, SetupRequest } from "./setup-part.ts";
import { setupPorts } from "./setup-ports.ts";

const makers = { names: setupNames, dns: setupDns, ports: setupPorts, addresses: setupAddresses } as const;

export type PartName = keyof typeof makers;

export const partNames: readonly string[] = Object.keys(makers);

export function isPartName(word: string): word is PartName {
  return partNames.includes(word);
}

export function setupPart(name: PartName, request: SetupRequest): SetupPart {
  return makers[name](request);
}
