/** What clients of TCP protocols speak, by their first bytes, and how a server of theirs says that it cannot serve them. */

import { concatBytes } from "#base/bytes.ts";
import { h2Preface, readUint32 } from "./h2-frame.ts";

/** Of protocols whose clients speak first. */
export type TcpSpeech =
  | { readonly kind: "postgres"; readonly asks: "encryption" | "session" }
  | { readonly kind: "amqp"; readonly asks: "greeting" | "session" }
  | { readonly kind: "mongo"; readonly requestId: number; readonly opcode: number }
  | { readonly kind: "redis" | "tls" | "http1" | "h2" };

/** PostgreSQL's request codes (protocol §55.7): for TLS, for GSSAPI, to cancel; else the version of the protocol. */
const postgresEncryption = new Set([80877103, 80877104]);
const postgresVersion = 3;
const postgresHeaderBytes = 8;
const postgresMostBytes = 10_000;

/** MongoDB's message header, little-endian: length, request, response, opcode (OP_QUERY, OP_COMPRESSED, OP_MSG). */
const mongoHeaderBytes = 16;
const mongoOpcodes = new Set([2004, 2012, 2013]);

const redisCommand = /^(?:\*[0-9]{1,9}\r\n|(?:PING|HELLO|AUTH|INFO|SELECT|GET|SET|QUIT|ECHO|CLIENT)\b[^\r\n]*\r?\n)/i;
const httpRequest = /^[A-Z]{1,20} [^ \r\n]+ HTTP\/1\.[01]\r?\n/;
/** More than this is needed by none of them. */
const enoughBytes = 4096;

function readUint32Little(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}

function asPostgres(bytes: Uint8Array): TcpSpeech | undefined {
  if (bytes.length < postgresHeaderBytes) return undefined;
  const length = readUint32(bytes, 0);
  const code = readUint32(bytes, 4);
  if (length === postgresHeaderBytes && postgresEncryption.has(code)) return { kind: "postgres", asks: "encryption" };
  const isStart = length > postgresHeaderBytes && length <= postgresMostBytes && code >>> 16 === postgresVersion;
  return isStart ? { kind: "postgres", asks: "session" } : undefined;
}

const amqpHeader = "AMQP\0\0\x09\x01";
/** A method frame of class connection, method start-ok, on channel 0 (AMQP 0-9-1 §4.2.3). */
const amqpStartOk = /^\x01\0\0[\s\S]{4}\0\x0a\0\x0b/;

function asMongo(bytes: Uint8Array): TcpSpeech | undefined {
  if (bytes.length < mongoHeaderBytes) return undefined;
  const opcode = readUint32Little(bytes, 12);
  if (!mongoOpcodes.has(opcode) || readUint32Little(bytes, 8) !== 0) return undefined;
  return { kind: "mongo", requestId: readUint32Little(bytes, 4), opcode };
}

/** What the client speaks; undefined while that is not clear, which it may never be. */
export function recogniseTcp(bytes: Uint8Array): TcpSpeech | undefined {
  if (bytes[0] === 0x16 && bytes[1] === 0x03) return { kind: "tls" };
  const text = Buffer.from(bytes.subarray(0, enoughBytes)).toString("latin1");
  if (text.startsWith(h2PrefaceText)) return { kind: "h2" };
  if (httpRequest.test(text)) return { kind: "http1" };
  if (text.startsWith(amqpHeader)) return { kind: "amqp", asks: "greeting" };
  if (amqpStartOk.test(text)) return { kind: "amqp", asks: "session" };
  if (redisCommand.test(text)) return { kind: "redis" };
  return asPostgres(bytes) ?? asMongo(bytes);
}

const h2PrefaceText = Buffer.from(h2Preface).toString("latin1");

const encoder = new TextEncoder();

/** No encryption here: the client goes on without it, or says that it must have it. */
export const postgresNoEncryption: Uint8Array = encoder.encode("N");

/** An ErrorResponse (protocol §55.7): connection failure (08006), FATAL. */
export function encodePostgresError(message: string, hint: string | undefined): Uint8Array {
  const fields = ["SFATAL", "VFATAL", "C08006", `M${message}`, ...(hint === undefined ? [] : [`H${hint}`])];
  const body = encoder.encode(`${fields.join("\0")}\0\0`);
  const packet = new Uint8Array(5 + body.length);
  packet[0] = 0x45;
  new DataView(packet.buffer).setUint32(1, 4 + body.length);
  packet.set(body, 5);
  return packet;
}

/** ER_HANDSHAKE_ERROR, and its state: a communication error. */
const mysqlCode = 1043;
const mysqlState = "08S01";
/** What MySQL's own messages hold at most. */
const mysqlMessageBytes = 512;

/**
 * An ERR packet in the place of the greeting. Servers leave the SQL state out there, but clients such as PyMySQL skip it all the
 * same, and those that look find it.
 */
export function encodeMysqlError(message: string): Uint8Array {
  const text = encoder.encode(`#${mysqlState}${message}`).subarray(0, mysqlMessageBytes);
  const length = 3 + text.length;
  return Uint8Array.from([length & 255, length >> 8, 0, 0, 0xff, mysqlCode & 255, mysqlCode >> 8, ...text]);
}

/** A simple error of RESP, which is one line. */
export function encodeRedisError(message: string): Uint8Array {
  return encoder.encode(`-ERR ${message.replace(/[\r\n]+/g, " ")}\r\n`);
}

/** A method frame of class connection (AMQP 0-9-1 §4.2). */
function amqpConnection(method: number, ...fields: readonly Uint8Array[]): Uint8Array {
  const payload = concatBytes([Uint8Array.of(0, 10, 0, method), ...fields]);
  const frame = new Uint8Array(payload.length + 8);
  frame[0] = 1;
  new DataView(frame.buffer).setUint32(3, payload.length);
  frame.set(payload, 7);
  frame[frame.length - 1] = 0xce;
  return frame;
}

function amqpLong(text: string): Uint8Array {
  const bytes = encoder.encode(text);
  return Uint8Array.from([0, 0, 0, bytes.length, ...bytes]);
}

const amqpStart = 10;
const amqpClose = 50;
/** CONNECTION_FORCED, by an operator or because of something outside. */
const amqpCode = 320;
/** What a short string holds. */
const amqpTextBytes = 255;

/** Connection.Start: version 0-9, no properties, one mechanism, one locale. Without it no reason can be given. */
export const amqpGreeting: Uint8Array = amqpConnection(amqpStart, Uint8Array.of(0, 9, 0, 0, 0, 0), amqpLong("PLAIN"), amqpLong("en_US"));

/** Connection.Close with the reason, in answer to Start-Ok. */
export function encodeAmqpClose(message: string): Uint8Array {
  const text = encoder.encode(`CONNECTION_FORCED - ${message}`).subarray(0, amqpTextBytes);
  return amqpConnection(amqpClose, Uint8Array.of(amqpCode >> 8, amqpCode & 255, text.length), text, new Uint8Array(4));
}

/** HostUnreachable. */
const mongoCode = 6;

/** A document with `ok: 0` and the reason, in the form of message that was asked in. */
export function encodeMongoError(message: string, request: { readonly requestId: number; readonly opcode: number }): Uint8Array {
  const document = bson([
    [0x01, "ok", new Uint8Array(8)],
    [0x02, "errmsg", bsonText(message)],
    [0x10, "code", little32(mongoCode)],
    [0x02, "codeName", bsonText("HostUnreachable")],
  ]);
  const isQuery = request.opcode === 2004;
  // OP_REPLY: flags (AwaitCapable), cursor, start, one document. OP_MSG: flags, then a section of kind 0.
  const front = isQuery ? [...little32(8), ...new Uint8Array(12), ...little32(1)] : [0, 0, 0, 0, 0];
  const length = mongoHeaderBytes + front.length + document.length;
  const header = [...little32(length), ...little32(1), ...little32(request.requestId), ...little32(isQuery ? 1 : 2013)];
  return Uint8Array.from([...header, ...front, ...document]);
}

function little32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function bsonText(text: string): Uint8Array {
  const bytes = encoder.encode(`${text}\0`);
  return Uint8Array.from([...little32(bytes.length), ...bytes]);
}

function bson(elements: readonly (readonly [type: number, name: string, value: Uint8Array])[]): Uint8Array {
  const body = elements.flatMap(([type, name, value]) => [type, ...encoder.encode(`${name}\0`), ...value]);
  return Uint8Array.from([...little32(body.length + 5), ...body, 0]);
}
