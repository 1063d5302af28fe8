/** The server's side of SOCKS5 (RFC 1928): what clients send as values, and the answers as bytes. */

import { concatBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";

export const socksVersion = 5;
/** SOCKS 4 and 4a, which are refused. */
export const socks4Version = 4;

export const socksMethods = { none: 0x00, noneAcceptable: 0xff } as const;

/** RFC 1928 §4, CMD. */
export const socksCommands = { connect: 1, bind: 2, udpAssociate: 3 } as const;

/** RFC 1928 §6, REP. */
export const socksReplies = {
  succeeded: 0,
  failed: 1,
  notAllowed: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  refused: 5,
  timedOut: 6,
  commandUnknown: 7,
  addressUnknown: 8,
} as const;

const addressTypes = { ipv4: 1, name: 3, ipv6: 4 } as const;

export interface SocksGreeting {
  readonly methods: readonly number[];
  /** How many bytes it took. */
  readonly length: number;
}

export interface SocksRequest {
  readonly command: number;
  /** A name as sent, or an IP address without brackets; undefined for a type of address that there is none of. */
  readonly host: string | undefined;
  readonly port: number;
  /** How many bytes it took. */
  readonly length: number;
}

/** Throws KtError `request-invalid`. */
export function decodeSocksGreeting(bytes: Uint8Array): SocksGreeting | "short" {
  const [version, count] = bytes;
  if (version === undefined) return "short";
  if (version !== socksVersion) throw wrongVersion(version);
  if (count === undefined || bytes.length < 2 + count) return "short";
  return { methods: [...bytes.subarray(2, 2 + count)], length: 2 + count };
}

/** Throws KtError `request-invalid`. */
export function decodeSocksRequest(bytes: Uint8Array): SocksRequest | "short" {
  const [version, command, , type] = bytes;
  if (version !== undefined && version !== socksVersion) throw wrongVersion(version);
  if (command === undefined || type === undefined) return "short";
  const address = addressIn(bytes, type);
  if (address === "short") return "short";
  const { host, end } = address;
  // Where its address ends is not known: nothing behind it is looked at.
  if (host === undefined) return { command, host, port: 0, length: bytes.length };
  const [high, low] = bytes.subarray(end);
  if (high === undefined || low === undefined) return "short";
  return { command, host, port: high * 256 + low, length: end + 2 };
}

function addressIn(bytes: Uint8Array, type: number): { readonly host: string | undefined; readonly end: number } | "short" {
  const begin = type === addressTypes.name ? 5 : 4;
  const length = type === addressTypes.name ? bytes[4] : lengths[type];
  if (type === addressTypes.name && length === undefined) return "short";
  if (length === undefined) return { host: undefined, end: begin };
  const end = begin + length;
  if (bytes.length < end) return "short";
  return { host: hostOf(type, bytes.subarray(begin, end)), end };
}

const lengths: Readonly<Record<number, number>> = { [addressTypes.ipv4]: 4, [addressTypes.ipv6]: 16 };

function hostOf(type: number, bytes: Uint8Array): string {
  if (type === addressTypes.ipv4) return bytes.join(".");
  if (type === addressTypes.name) return Buffer.from(bytes).toString("latin1");
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[2 * at] ?? 0) * 256 + (bytes[2 * at + 1] ?? 0)).toString(16));
  // The URL parser writes them in their shortest form (RFC 5952).
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

function wrongVersion(version: number): KtError {
  if (version === socks4Version)
    return new KtError("request-invalid", "the client speaks SOCKS 4, and kt's proxy speaks SOCKS 5", {
      hints: ["set the client to SOCKS 5, for curl --socks5-hostname or socks5h://"],
    });
  return new KtError("request-invalid", `version ${version} of SOCKS is not supported: kt's proxy speaks SOCKS 5`);
}

export function encodeSocksMethod(method: number): Uint8Array {
  return Uint8Array.of(socksVersion, method);
}

/** The address is of no use to a client of CONNECT: kt has none in the cluster. */
export function encodeSocksReply(reply: number): Uint8Array {
  return concatBytes([Uint8Array.of(socksVersion, reply, 0, addressTypes.ipv4), new Uint8Array(6)]);
}

/** That a client of SOCKS 4 is refused (91), in its own protocol. */
export function encodeSocks4Refusal(): Uint8Array {
  return Uint8Array.of(0, 91, 0, 0, 0, 0, 0, 0);
}
