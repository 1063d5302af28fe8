/** Addresses behind a jump host, as people write them: `HOST:PORT`, with nothing in them that socat or nc could take for more. */

import { KtError } from "#base/errors.ts";
import { normaliseHostname } from "#base/hostname.ts";
import { parseIpv4 } from "#base/ipv4.ts";
import { isIpv6 } from "#base/ipv6.ts";
import { kindOfWord } from "./pod-source-text.ts";

export interface Address {
  /** A name in lower case, or an IP address without brackets. A trailing dot stays: it keeps the pod's search domains out. */
  readonly host: string;
  readonly port: number;
}

/** What resolvers would read as a number (WHATWG URL §3.5, "ends in a number"): only the usual form of IPv4 is meant by it. */
function endsInNumber(host: string): boolean {
  return /(^|\.)(\d+|0x[0-9a-f]*)\.?$/.test(host);
}

function isHost(host: string): boolean {
  if (endsInNumber(host)) return parseIpv4(host) !== undefined;
  return normaliseHostname(host) !== undefined;
}

function refuse(text: string, why: string, hint: string): never {
  throw new KtError("profile-invalid", `target "${text}" ${why}`, { hints: [hint] });
}

/** `postgres://app@db:5432/shop` is meant as `db:5432`. */
function refuseUrl(text: string): never {
  const [, rest = ""] = text.split("://");
  const address = /(?:[^@/]*@)?([^/?#@]+)/.exec(rest)?.[1] ?? "HOST:PORT";
  refuse(text, "is a URL, and the target of a jump host is an address", `write "${address.includes(":") ? address : `${address}:PORT`}"`);
}

/** `shop/svc/web:80`: a pod could reach that by its DNS name, but kt reaches it without a jump. */
function refusePath(text: string): never {
  const path = text.split(":")[0] ?? "";
  const kind = path.split("/").find((segment) => kindOfWord(segment) !== undefined);
  if (kind !== undefined) refuse(text, "is not a valid address, which via needs", "leave out via: kt reaches this by itself");
  refuse(text, "is not a valid address, which via needs", 'write "HOST:PORT", such as "mydb.internal:3306"');
}

function refuseColons(text: string): never {
  const last = text.lastIndexOf(":");
  const [host, port] = [text.slice(0, last), text.slice(last + 1)];
  const hint = isIpv6(host) && /^\d+$/.test(port) ? `write "[${host}]:${port}"` : `write "[${text}]:PORT"`;
  refuse(text, "leaves open where its IPv6 address ends", isIpv6(text) ? hint : 'write "HOST:PORT" or "[IPV6]:PORT"');
}

function parsePort(text: string, port: string | undefined, host: string): number {
  if (port === undefined || port === "") refuse(text, "names no port", `write "${host}:5432", with the port of the service there`);
  if (/^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65535) return Number(port);
  refuse(text, `has the port "${port}"`, "the port of an address is a number from 1 to 65535");
}

/** Parses `HOST:PORT`, `IPV4:PORT` or `[IPV6]:PORT`. Throws KtError `profile-invalid` with a hint. */
export function parseAddress(given: string): Address {
  if (given.includes("://")) refuseUrl(given);
  if (given.includes("/")) refusePath(given);
  const text = given.toLowerCase();
  if (text.startsWith("[")) {
    const [, inside = "", port] = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? [];
    if (isIpv6(inside)) return { host: inside, port: parsePort(given, port, `[${inside}]`) };
    refuse(given, "has no IPv6 address between its brackets", 'for example "[fd00::1]:5432"');
  }
  const [host = "", port, ...more] = text.split(":");
  if (more.length > 0) refuseColons(given);
  if (isHost(host)) return { host, port: parsePort(given, port, host) };
  if (host === "") refuse(given, "names no host", 'write "HOST:PORT", such as "mydb.internal:3306"');
  refuse(
    given,
    `has the host "${host}", which is neither a valid name nor an IP address`,
    'write "HOST:PORT", such as "mydb.internal:3306"',
  );
}

/** True of a text that could only be meant as an address: a name with dots or an IP address, and a port. */
export function looksLikeAddress(text: string): boolean {
  return /^([a-z0-9_-]+(\.[a-z0-9_-]+)+\.?|\[[0-9a-f:.]+\]):\d+$/i.test(text);
}
