/** Listen addresses as people write them: `127.0.0.1:8989`, `[::1]:8989`, or a bare port on both loopbacks. */

import { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import type { ListenAddress } from "./plan.ts";

function refuse(text: string, why: string, hint: string): never {
  throw new KtError("profile-invalid", `"${text}" ${why}`, { hints: [hint] });
}

function parsePort(port: string, whole: string): number {
  const number = Number(port);
  if (number >= 1 && number <= 65535) return number;
  refuse(whole, `has the port ${port}`, "a port is a number from 1 to 65535");
}

/** The address in its shortest form, or undefined for what is not an IP address. */
function normaliseIp(host: string, bracketed: boolean): string | undefined {
  if (!bracketed) return /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}$/.test(host) ? host.split(".").map(Number).join(".") : undefined;
  // The URL parser refuses what is not an IPv6 address, and shortens what is.
  return URL.parse(`http://[${host}]/`)?.hostname.slice(1, -1);
}

/** One address, or 127.0.0.1 and ::1 for a bare port or `localhost`. Throws KtError `profile-invalid` with a hint. */
export function parseListen(text: string): readonly ListenAddress[] {
  const match = /^(?:(?:\[([^\]]*)\]|([^:[\]]+)):)?([0-9]+)$/.exec(text);
  if (!match) refuse(text, "is not a valid address to listen on", 'for example "127.0.0.1:8989", "[::1]:8989" or 8989');
  const [, v6, v4, portText = ""] = match;
  const port = parsePort(portText, text);
  if (v6 === undefined && (v4 === undefined || v4.toLowerCase() === "localhost"))
    return ["127.0.0.1", "::1"].map((host) => ({ host, port }));
  const host = normaliseIp(v6 ?? v4 ?? "", v6 !== undefined);
  if (host === undefined) refuse(text, "does not begin with an IP address", `for example "127.0.0.1:${port}" or "[::1]:${port}"`);
  return [{ host, port }];
}

/** Only reachable from this machine. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host === "::1" || host.startsWith("127.");
}

/** Every address of its family. */
export function isWildcard({ host }: Pick<ListenAddress, "host">): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** True when the two cannot both be listened on: equal, or one of them is every address of the other's family. */
export function overlaps(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port !== b.port || a.transport !== b.transport) return false;
  return a.host === b.host || (a.host.includes(":") === b.host.includes(":") && (isWildcard(a) || isWildcard(b)));
}

/** As it is written in a URL or an address: IPv6 in brackets. A port of UDP ends in `/udp`, as services(5) writes it. */
export function formatListen(address: ListenAddress): string {
  return address.transport === undefined ? formatHostPort(address) : `${formatHostPort(address)}/${address.transport}`;
}
