/** Connects from this machine for a client that names the host: never to this machine itself, nor to what only it can reach. */

import { dns } from "bun";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { isLoopbackIpv4, parseIpv4 } from "#base/ipv4.ts";
import { systemReason } from "#base/system-error.ts";
import { networkAddresses } from "#native/network-addresses.ts";
import { connectTcp } from "./tcp.ts";

export interface OutsideOptions {
  readonly host: string;
  readonly port: number;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
}

/**
 * Tries the host's addresses in the order in which the system has them. Rejects with KtError `name-refused`, `target-not-found` or
 * `target-refused`.
 */
export async function connectOutside({ host, port, signal }: OutsideOptions, resolve = addressesOf): Promise<Conn> {
  const place = formatHostPort({ host, port });
  const addresses = await resolve(host);
  const own = new Set(networkAddresses());
  const outside = addresses.filter((address) => !isWithin(address) && !own.has(address));
  if (outside.length === 0) throw notOutside(host, addresses[0] ?? "");
  let last: unknown;
  for (const address of outside) {
    try {
      return await connectTcp({ host: address, port, signal });
    } catch (error) {
      if (signal.aborted) throw toKtError(error, "shutting-down", `connect to ${place}`);
      last = error;
    }
  }
  throw new KtError("target-refused", `connect to ${place}: ${systemReason(last)}`, { cause: last });
}

async function addressesOf(host: string): Promise<string[]> {
  try {
    return (await dns.lookup(host, { backend: "system" })).map(({ address }) => address);
  } catch (error) {
    throw new KtError("target-not-found", `find the address of "${host}": ${systemReason(error)}`, { cause: error });
  }
}

/**
 * Addresses that lead back to this machine or to its own link (RFC 6890): loopback, unspecified, link-local, where clouds keep
 * credentials, multicast and broadcast.
 */
export function isWithin(address: string): boolean {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1] ?? address;
  const number = parseIpv4(mapped);
  if (number !== undefined) return isLoopbackIpv4(number) || isOddIpv4(number);
  return /^(::1?|fe[89ab].*|ff.*|::ffff:.*)$/i.test(URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1) ?? "::");
}

/** 0.0.0.0/8, 169.254.0.0/16, and from 224.0.0.0 on. */
function isOddIpv4(number: number): boolean {
  const first = number >>> 24;
  return first === 0 || first >= 224 || number >>> 16 === 0xa9fe;
}

function notOutside(host: string, address: string): KtError {
  const leads = host === address ? "is" : `leads to ${address}, which is`;
  return new KtError("name-refused", `"${host}" ${leads} this machine itself or its own link, which needs no proxy`, {
    hints: ["leave it out of the proxy: NO_PROXY"],
  });
}
