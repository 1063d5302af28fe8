/** Asks this machine's resolver for names, as the programs here do. */

import { dns } from "bun";
import { type Clock, sleep } from "#base/clock.ts";
import { doctorLimits } from "./limits.ts";

/** As getaddrinfo gives them; empty for a name that it does not know, undefined where it did not answer in time. */
export type Addresses = readonly string[] | undefined;

export async function resolveBySystem(name: string, clock: Clock): Promise<Addresses> {
  const looked = dns.lookup(name, { backend: "libc" }).then(
    (all) => all.map(({ address }) => address),
    () => [],
  );
  return await Promise.race([looked, sleep(clock, doctorLimits.doctorLookupMs).then(() => undefined)]);
}
