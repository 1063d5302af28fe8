/** What an edge says to an uplink, on a stream's first bytes and around each datagram. Written for this project; both ends are kt. */

import { KtError } from "#base/errors.ts";
import { ByteReader } from "./reader.ts";
import { ByteWriter } from "./writer.ts";

/** The port of an uplink's overlay address for streams and for datagrams. */
export const uplinkPort = 40501;

/** Rises with every change that another version would misunderstand; an uplink answers `version` to one that it does not know. */
export const uplinkVersion = 1;

/** "kt", version, kind, target (8 bytes), connect timeout (u32). The answer is one byte. */
export const uplinkRequestBytes = 16;

const magic = 0x6b74;

/** The first bytes of every stream from an edge. */
export type UplinkRequest =
  /** To be connected to a target: after the answer `opened` the stream is the target's. */
  | { readonly kind: "open"; readonly target: TargetKey; readonly connectTimeoutMs: number }
  /** The stream on which the uplink says what it serves: a line of JSON (`UplinkNews`) at once and at each change, from both ends an empty one as a sign of life. */
  | { readonly kind: "news" }
  /** After the answer `opened` the stream is one to the uplink's own page, by HTTP: an edge that cannot reach its address asks for `/ready` here. */
  | { readonly kind: "page" }
  /** After the answer `opened` the stream carries what goes in datagrams elsewhere, both ways, each behind its length (`FramedDatagrams`). */
  | { readonly kind: "datagrams" };

/** Of an address and protocol, as 16 hexadecimal digits: an edge asks by it, and never by an address. */
export type TargetKey = string;

/** In the order of their numbers on the wire. */
export const uplinkAnswers = [
  "opened",
  /** No target of this key is served here: it is another plan's. */
  "unknown",
  "refused",
  "timed-out",
  "unreachable",
  /** It ends; what is open goes on. */
  "draining",
  /** A limit of the uplink. */
  "overloaded",
  /** The request is of a version that it does not know. */
  "version",
] as const;
export type UplinkAnswer = (typeof uplinkAnswers)[number];

const kinds = { open: 1, news: 2, page: 3, datagrams: 4 } as const;
const requestKinds = ["open", "news", "page", "datagrams"] as const;

/** What an uplink that connects to its edge says first, in TLS: what the connection is for. The edge says `edgeWelcome` when it keeps it. */
export const uplinkGreetings = {
  /** The edge's, to ask something of the uplink on it. */
  parked: Uint8Array.of(0x6b, 0x74, 1, 1),
  /** The uplink's, to the edge's page. */
  page: Uint8Array.of(0x6b, 0x74, 1, 2),
} as const;
export const uplinkGreetingBytes = 4;
export type UplinkGreeting = keyof typeof uplinkGreetings;

/** One byte of the edge: it knows this uplink. */
export const edgeWelcome = (): Uint8Array => Uint8Array.of(1);

/** Undefined for what no uplink says. */
export function decodeUplinkGreeting(bytes: Uint8Array): UplinkGreeting | undefined {
  for (const kind of ["parked", "page"] as const) if (Buffer.compare(uplinkGreetings[kind], bytes) === 0) return kind;
  return undefined;
}

export function encodeUplinkRequest(request: UplinkRequest): Uint8Array {
  const writer = new ByteWriter(uplinkRequestBytes).u16(magic).u8(uplinkVersion).u8(kinds[request.kind]);
  const isOpen = request.kind === "open";
  return writer
    .put(isOpen ? keyBytes(request.target) : new Uint8Array(8))
    .u32(isOpen ? request.connectTimeoutMs : 0)
    .finish();
}

/** "version" where another version sent it. Throws KtError `protocol` for what no edge sends. */
export function decodeUplinkRequest(bytes: Uint8Array): UplinkRequest | "version" {
  const reader = new ByteReader(bytes);
  if (reader.u16() !== magic) throw new KtError("protocol", "the stream does not begin as one of an edge");
  if (reader.u8() !== uplinkVersion) return "version";
  const number = reader.u8();
  const kind = requestKinds.find((each) => kinds[each] === number);
  if (kind === undefined) throw new KtError("protocol", `an edge asks for ${number}, which is unknown`);
  return kind === "open" ? { kind, target: reader.take(8).toHex(), connectTimeoutMs: reader.u32() } : { kind };
}

export const encodeUplinkAnswer = (answer: UplinkAnswer): Uint8Array => Uint8Array.of(uplinkAnswers.indexOf(answer));

/** Throws KtError `protocol` for an unknown one. */
export function decodeUplinkAnswer(byte: number): UplinkAnswer {
  const answer = uplinkAnswers[byte];
  if (answer === undefined) throw new KtError("protocol", `an uplink answers ${byte}, which is unknown`);
  return answer;
}

/** A datagram may be so long; with its head it would not fit into one, and is sent as two parts. */
export const maxPayloadBytes = 65_507;
const maxWholeBytes = 65_000;

/** To an uplink. A session is a number of 48 bits that its edge made. */
export interface SessionTo {
  readonly session: number;
  readonly target: TargetKey;
  /** How long the session may be idle: the uplink gives it up a little later by itself. */
  readonly timeoutMs: number;
}

const datagramKinds = { whole: 1, first: 2, second: 3, end: 4, refused: 5 } as const;
export type DatagramKind = keyof typeof datagramKinds;
const kindOfNumber: readonly (DatagramKind | undefined)[] = [undefined, "whole", "first", "second", "end", "refused"];

/** What goes between an edge and an uplink in one datagram. */
export type UplinkDatagram =
  /** `part` where it is half of one. */
  | { readonly kind: "data"; readonly to: SessionTo; readonly part: 0 | 1 | 2; readonly payload: Uint8Array }
  /** The session is over, on either side. */
  | { readonly kind: "end"; readonly session: number }
  /** From an uplink: nothing listens at the target (ICMP). */
  | { readonly kind: "refused"; readonly session: number };

/** kind u8, session u48, target (8 bytes), timeout u32: the same head both ways, so that a datagram that was swapped is not misread. */
export const uplinkDatagramHeadBytes = 19;

/** The head of all whole datagrams of a session: made once, it spares each of them the work. */
export function encodeSessionHead(to: SessionTo): Uint8Array {
  return framed("whole", to, new Uint8Array());
}

/** One datagram, or two for a payload that fills one by itself, behind a head that was made or received before. */
export function frameData(head: Uint8Array, payload: Uint8Array): Uint8Array[] {
  if (payload.length <= maxWholeBytes) return [behindHead("whole", head, payload)];
  return [behindHead("first", head, payload.subarray(0, maxWholeBytes)), behindHead("second", head, payload.subarray(maxWholeBytes))];
}

function behindHead(kind: DatagramKind, head: Uint8Array, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(uplinkDatagramHeadBytes + payload.length);
  bytes.set(head);
  bytes[0] = datagramKinds[kind];
  bytes.set(payload, uplinkDatagramHeadBytes);
  return bytes;
}

/** What a datagram is and of which session, for those that know the session already; undefined where it is none. */
export function peekUplinkDatagram(bytes: Uint8Array): { readonly kind: DatagramKind; readonly session: number } | undefined {
  const kind = bytes.length < uplinkDatagramHeadBytes ? undefined : kindOfNumber[bytes[0] as number];
  if (kind === undefined) return undefined;
  const high = ((bytes[1] as number) << 8) | (bytes[2] as number);
  const low = ((bytes[3] as number) << 24) | ((bytes[4] as number) << 16) | ((bytes[5] as number) << 8) | (bytes[6] as number);
  return { kind, session: high * 2 ** 32 + (low >>> 0) };
}

export function encodeSessionEvent(kind: "end" | "refused", session: number): Uint8Array {
  return framed(kind, { session, target: "0".repeat(16), timeoutMs: 0 }, new Uint8Array());
}

function framed(kind: DatagramKind, { session, target, timeoutMs }: SessionTo, payload: Uint8Array): Uint8Array {
  return new ByteWriter(uplinkDatagramHeadBytes + payload.length)
    .u8(datagramKinds[kind])
    .u16(Math.floor(session / 2 ** 32))
    .u32(session % 2 ** 32)
    .put(keyBytes(target))
    .u32(timeoutMs)
    .put(payload)
    .finish();
}

/** The payload is a view. Throws KtError `protocol`. */
export function decodeUplinkDatagram(bytes: Uint8Array): UplinkDatagram {
  const reader = new ByteReader(bytes);
  const kind = kindOfNumber[reader.u8()];
  const session = reader.u16() * 2 ** 32 + reader.u32();
  const target = reader.take(8).toHex();
  const timeoutMs = reader.u32();
  if (kind === undefined) throw new KtError("protocol", "a datagram between edge and uplink is of an unknown kind");
  if (kind === "end" || kind === "refused") return { kind, session };
  const part = kind === "whole" ? 0 : kind === "first" ? 1 : 2;
  return { kind: "data", to: { session, target, timeoutMs }, part, payload: reader.rest() };
}

function keyBytes(key: TargetKey): Uint8Array {
  return Uint8Array.fromHex(key);
}
