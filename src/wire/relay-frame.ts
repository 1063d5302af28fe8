/** The frames between kt and its relay: streams, datagrams, credit, signs of life. Written for this project; both ends are kt. */

import { KtError } from "#base/errors.ts";
import { ByteReader } from "./reader.ts";
import { ByteWriter } from "./writer.ts";

/** Rises with every change that another version would misunderstand. The hello keeps its form for ever. */
export const relayVersion = 3;

/** `length u24, type u8, stream u32`, then the payload. Stream 0 is the session itself. */
export const relayHeaderBytes = 8;

/** A client's streams have odd ids, a relay's even ones. */
export const maxRelayStream = 0xff_ff_ff_fe;

/** The largest payload of a frame that is held until it is whole: a datagram of UDP fits. */
export const maxRelayPayloadBytes = 64 * 1024;

/** The largest payload of a data frame, which is passed on as it arrives: what a sender has at once is one frame. */
export const maxRelayDataBytes = 1024 * 1024;

/** What each side may send on a new stream before it hears of more. */
export const initialCreditBytes = 64 * 1024;

const types = {
  hello: 0,
  open: 1,
  opened: 2,
  data: 3,
  end: 4,
  reset: 5,
  credit: 6,
  datagram: 7,
  ping: 8,
  pong: 9,
  "go-away": 10,
  unreachable: 11,
} as const;

const nameOf = new Map<number, keyof typeof types>(Object.entries(types).map(([name, number]) => [number, name as keyof typeof types]));

/** Why a stream is over, in the order of their numbers on the wire. */
export const relayReasons = [
  /** Its holder gave it up. */
  "cancelled",
  /** The address refused the connection, or reports by ICMP that nothing listens. */
  "refused",
  /** The name does not resolve in the cluster. */
  "not-found",
  /** No answer, or no route. */
  "unreachable",
  /** The connection was reset or lost after it was open. */
  "lost",
  /** A limit of the relay. */
  "overloaded",
] as const;
export type RelayReason = (typeof relayReasons)[number];

export type RelayTransport = "tcp" | "udp";

/** What a stream leads to, as the cluster sees it. One that a relay opens leads to what the client has for a port of the relay's service. */
export interface RelayAddress {
  readonly transport: RelayTransport;
  /** A name, or an IP address without brackets; in what a relay opens the address that calls. */
  readonly host: string;
  /** In what a relay opens, the port of its service that was called. */
  readonly port: number;
}

export type RelayFrame =
  /** First, both ways. `id`: whose session it is; a client's stays the same over all its sessions. */
  | { readonly type: "hello"; readonly version: number; readonly id: string }
  | { readonly type: "open"; readonly stream: number; readonly to: RelayAddress }
  /** The address accepted. Data may have been sent before. */
  | { readonly type: "opened"; readonly stream: number }
  /** The sender's half is over. */
  | { readonly type: "end"; readonly stream: number }
  /** Both halves are over. `text`: the system's own words, for people. */
  | { readonly type: "reset"; readonly stream: number; readonly reason: RelayReason; readonly text: string }
  /** So many bytes more may be sent. */
  | { readonly type: "credit"; readonly stream: number; readonly bytes: number }
  /** One datagram, whole. There is no credit for it: what finds no room is dropped, as on any network. */
  | { readonly type: "datagram"; readonly stream: number; readonly bytes: Uint8Array }
  /** An earlier datagram did not arrive, as the network reports; the flow goes on. */
  | { readonly type: "unreachable"; readonly stream: number; readonly reason: RelayReason; readonly text: string }
  | { readonly type: "ping"; readonly id: number }
  | { readonly type: "pong"; readonly id: number }
  /** The sender opens no more streams and takes none; a client will not come back soon. */
  | { readonly type: "go-away" };

const magic = new TextEncoder().encode("kt-relay");
const textEncoder = new TextEncoder();
/** Longest text in a frame: a name has at most 253 characters, a reason is one sentence. */
const maxTextBytes = 512;

/** Writes the header of a frame whose payload follows as it is into `block` at `at`. */
export function writeRelayHeader(block: Uint8Array, at: number, { type, stream, lengthBytes }: RelayHeader): void {
  block[at] = lengthBytes >>> 16;
  block[at + 1] = lengthBytes >>> 8;
  block[at + 2] = lengthBytes;
  block[at + 3] = types[type];
  block[at + 4] = stream >>> 24;
  block[at + 5] = stream >>> 16;
  block[at + 6] = stream >>> 8;
  block[at + 7] = stream;
}

export function encodeRelayFrame(frame: RelayFrame): Uint8Array {
  switch (frame.type) {
    case "hello": {
      const id = text(frame.id);
      return header("hello", 0, magic.length + 2 + id.length, magic.length + 2 + id.length)
        .put(magic)
        .u16(frame.version)
        .put(id)
        .finish();
    }
    case "open": {
      const host = text(frame.to.host);
      const lengthBytes = 3 + host.length;
      const udp = frame.to.transport === "udp" ? 1 : 0;
      return header("open", frame.stream, lengthBytes, lengthBytes).u8(udp).u16(frame.to.port).put(host).finish();
    }
    case "reset":
    case "unreachable": {
      const words = text(frame.text);
      const lengthBytes = 1 + words.length;
      return header(frame.type, frame.stream, lengthBytes, lengthBytes).u8(relayReasons.indexOf(frame.reason)).put(words).finish();
    }
    case "credit":
      return header("credit", frame.stream, 4, 4).u32(frame.bytes).finish();
    case "datagram":
      return header("datagram", frame.stream, frame.bytes.length, frame.bytes.length).put(frame.bytes).finish();
    case "ping":
    case "pong":
      return header(frame.type, 0, 4, 4).u32(frame.id).finish();
    case "opened":
    case "end":
      return header(frame.type, frame.stream, 0).finish();
    case "go-away":
      return header("go-away", 0, 0).finish();
  }
}

function header(type: keyof typeof types, stream: number, lengthBytes: number, follows = 0): ByteWriter {
  return new ByteWriter(relayHeaderBytes + follows).u24(lengthBytes).u8(types[type]).u32(stream);
}

/** Cut at the limit: what is shown to people may be, and a name is never longer. */
function text(value: string): Uint8Array {
  const bytes = textEncoder.encode(value);
  return bytes.length <= maxTextBytes ? bytes : bytes.subarray(0, maxTextBytes);
}

/** What precedes a payload. */
export interface RelayHeader {
  readonly type: keyof typeof types;
  readonly stream: number;
  readonly lengthBytes: number;
}

/** Throws KtError `protocol` for what no relay sends. */
export function decodeRelayHeader(bytes: Uint8Array, at: number): RelayHeader {
  const reader = new ByteReader(bytes, at);
  const lengthBytes = reader.u24();
  const number = reader.u8();
  const type = nameOf.get(number);
  if (type === undefined) throw new KtError("protocol", `the relay's session has a frame of the unknown type ${number}`);
  if (lengthBytes > (type === "data" ? maxRelayDataBytes : maxRelayPayloadBytes))
    throw new KtError("protocol", `the relay's session has a frame of ${lengthBytes} bytes`);
  return { type, stream: reader.u32(), lengthBytes };
}

/** A frame other than data. Throws KtError `protocol`. */
export function decodeRelayPayload({ type, stream }: RelayHeader, payload: Uint8Array): RelayFrame {
  const reader = new ByteReader(payload);
  switch (type) {
    case "hello":
      if (!reader.take(magic.length).every((byte, at) => byte === magic[at]))
        throw new KtError("protocol", "what answers is not a relay of kt");
      return { type, version: reader.u16(), id: readText(reader) };
    case "open": {
      const transport = reader.u8() === 1 ? "udp" : "tcp";
      const port = reader.u16();
      return { type, stream, to: { transport, port, host: readText(reader) } };
    }
    case "reset":
    case "unreachable": {
      const reason = relayReasons[reader.u8()] ?? "lost";
      return { type, stream, reason, text: readText(reader) };
    }
    case "credit":
      return { type, stream, bytes: reader.u32() };
    case "datagram":
      return { type, stream, bytes: payload };
    case "ping":
    case "pong":
      return { type, id: reader.u32() };
    case "opened":
    case "end":
      return { type, stream };
    case "go-away":
      return { type };
    case "data":
      throw new KtError("internal", "internal error: data frames are passed on as they arrive");
  }
}

function readText(reader: ByteReader): string {
  if (reader.remaining > maxTextBytes) throw new KtError("protocol", `the relay's session has a text of ${reader.remaining} bytes`);
  return new TextDecoder().decode(reader.rest());
}
