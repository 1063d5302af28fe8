/** The header that says to a target where a connection came from: the PROXY protocol, versions 1 and 2 (HAProxy, proxy-protocol.txt). */

import { KtError } from "#base/errors.ts";
import { ipv6Bytes } from "#base/ipv6.ts";
import { parseIpv4 } from "#base/ipv4.ts";
import { ByteWriter } from "./writer.ts";

/** `host` is an IP address; one of IPv4 inside IPv6 (`::ffff:192.0.2.1`) is taken as IPv4. */
export interface ProxyEnd {
  readonly host: string;
  readonly port: number;
}

/** A connection as its accepting side sees it. */
export interface ProxiedEnds {
  readonly source: ProxyEnd;
  readonly destination: ProxyEnd;
}

const signature = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
/** Version 2, command PROXY. */
const proxied = 0x21;
/** Address family in the upper half, transport in the lower one. */
const families = { 4: 0x10, 16: 0x20 } as const;
const transports = { stream: 1, datagram: 2 } as const;

/** One line of text; of TCP alone. Throws KtError `internal` for what is not an IP address, as `encodeProxyV2` does. */
export function encodeProxyV1({ source, destination }: ProxiedEnds): Uint8Array {
  const [from, to] = sameFamily(source, destination);
  const family = from.length === 4 ? "TCP4" : "TCP6";
  return new TextEncoder().encode(`PROXY ${family} ${textOf(from)} ${textOf(to)} ${source.port} ${destination.port}\r\n`);
}

/** Bytes, before the first of a connection or in front of a datagram. */
export function encodeProxyV2({ source, destination }: ProxiedEnds, transport: keyof typeof transports): Uint8Array {
  const [from, to] = sameFamily(source, destination);
  const addressBytes = 2 * from.length + 4;
  return new ByteWriter(signature.length + 4 + addressBytes)
    .put(signature)
    .u8(proxied)
    .u8(families[from.length as 4 | 16] | transports[transport])
    .u16(addressBytes)
    .put(from)
    .put(to)
    .u16(source.port)
    .u16(destination.port)
    .finish();
}

/** IPv4 where both are that; otherwise both as IPv6. */
function sameFamily(source: ProxyEnd, destination: ProxyEnd): [Uint8Array, Uint8Array] {
  const [from, to] = [addressBytesOf(source.host), addressBytesOf(destination.host)];
  return from.length === to.length ? [from, to] : [asIpv6(from), asIpv6(to)];
}

function addressBytesOf(host: string): Uint8Array {
  const number = parseIpv4(host);
  if (number !== undefined) return new ByteWriter(4).u32(number).finish();
  const bytes = ipv6Bytes(host);
  if (!bytes) throw new KtError("internal", `internal error: "${host}" is not a valid IP address`);
  return isMapped(bytes) ? bytes.subarray(12) : bytes;
}

/** RFC 4291 §2.5.5.2. */
function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}

function asIpv6(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 16) return bytes;
  return new ByteWriter(16).put(new Uint8Array(10)).u16(0xffff).put(bytes).finish();
}

/** In full: every reader takes that. */
function textOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[2 * at] ?? 0) * 256 + (bytes[2 * at + 1] ?? 0)).toString(16));
  return groups.join(":");
}
