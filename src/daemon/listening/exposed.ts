/** Which listeners of a profile the network reaches, and where: `expose = true` is easily forgotten. */

import { formatListen, isLoopback } from "#profile/values/listen.ts";
import type { ListenAddress, Plan } from "#profile/values/plan.ts";
import { networkAddresses } from "#native/network-addresses.ts";

export interface Exposure {
  readonly address: string;
  /** Where other machines find it. */
  readonly reachableAt: readonly string[];
}

/** `own` are the addresses of this machine in the network; absent, they are asked for. */
export function exposuresOf({ listeners }: Pick<Plan, "listeners">, own?: readonly string[]): Exposure[] {
  const wide = listeners.flatMap(({ listen }) => listen).filter((address) => !isLoopback(address));
  if (wide.length === 0) return [];
  const here = own ?? networkAddresses();
  const exposures = wide.map((address) => ({ address: formatListen(address), reachableAt: reachableAt(address, here) }));
  return [...new Map(exposures.map((exposure) => [exposure.address, exposure])).values()];
}

/** `::` takes IPv4 too, as Linux and macOS have it by default. */
function reachableAt({ host, port }: ListenAddress, own: readonly string[]): string[] {
  const hosts = host === "::" ? own : host === "0.0.0.0" ? own.filter((address) => !address.includes(":")) : [host];
  return hosts.map((each) => formatListen({ host: each, port }));
}

/** As many as a line takes. */
const shown = 4;

export function exposureText({ address, reachableAt: places }: Exposure): string {
  const more = places.length > shown ? ` and ${places.length - shown} more` : "";
  const where = places.length === 0 ? "though this machine is in no network now" : `at ${places.slice(0, shown).join(", ")}${more}`;
  return `the network reaches ${address} (expose = true), ${where}`;
}
