/** What TCP clients speak by their first bytes, and the refusals that they read, against what real peers sent. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  amqpGreeting,
  encodeAmqpClose,
  encodeMongoError,
  encodeMysqlError,
  encodePostgresError,
  encodeRedisError,
  recogniseTcp,
  type TcpSpeech,
} from "#wire/tcp-refusals.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));

/** First bytes of real clients: psql 15, redis-cli 7, mongosh 2 (pymongo 4 says OP_MSG), curl 7. */
const firstBytes: readonly (readonly [string, Uint8Array, TcpSpeech | undefined])[] = [
  ["psql, for TLS", hex("00000008 04d2162f"), { kind: "postgres", asks: "encryption" }],
  ["psql, for GSSAPI", hex("00000008 04d21630"), { kind: "postgres", asks: "encryption" }],
  ["psql, for a session", hex("00000026 00030000 75736572 00706f73 74677265 7300"), { kind: "postgres", asks: "session" }],
  ["a later minor version", hex("00000026 00030002 75736572"), { kind: "postgres", asks: "session" }],
  ["redis-cli", latin1("*2\r\n$7\r\nCOMMAND\r\n$4\r\nDOCS\r\n"), { kind: "redis" }],
  ["redis in a line", latin1("PING\r\n"), { kind: "redis" }],
  ["OP_QUERY", hex("3a000000 07000000 00000000 d4070000 00000000"), { kind: "mongo", requestId: 7, opcode: 2004 }],
  ["OP_MSG", hex("3a000000 09000000 00000000 dd070000 00000000"), { kind: "mongo", requestId: 9, opcode: 2013 }],
  ["pika", latin1("AMQP\0\0\x09\x01"), { kind: "amqp", asks: "greeting" }],
  ["pika, after the greeting", hex("01 0000 00000123 000a 000b 00000101"), { kind: "amqp", asks: "session" }],
  ["curl", latin1("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), { kind: "http1" }],
  ["HTTP/2", latin1("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), { kind: "h2" }],
  ["TLS", hex("160301"), { kind: "tls" }],
  ["nothing", hex(""), undefined],
  ["SSH", latin1("SSH-2.0-OpenSSH_9.2\r\n"), undefined],
  ["seven bytes", hex("00000008 04d216"), undefined],
  ["a request to cancel", hex("00000010 04d2162e 00000001 00000002"), undefined],
];

describe("recogniseTcp", () => {
  test.each(firstBytes)("%s", (_, bytes, speech) => {
    expect(recogniseTcp(bytes)).toEqual(speech as TcpSpeech);
  });

  test("anything gives an answer, and what has been recognised stays so as more comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(firstBytes.length - 1), (more, index) => {
        recogniseTcp(more);
        const [, bytes, speech] = firstBytes[index] as (typeof firstBytes)[number];
        if (speech) expect(recogniseTcp(Uint8Array.from([...bytes, ...more]))).toEqual(speech);
      }),
    );
  });
});

describe("refusals", () => {
  test("PostgreSQL's ErrorResponse", () => {
    expect(Buffer.from(encodePostgresError("kt: no", "kt status")).toString("latin1")).toBe(
      "E\0\0\0\x31SFATAL\0VFATAL\0C08006\0Mkt: no\0Hkt status\0\0".replace("\x31", String.fromCharCode(4 + 41)),
    );
    expect(encodePostgresError("ü", undefined)).toEqual(
      hex("45 0000001f 53464154414c00 56464154414c00 433038303036 00 4dc3bc00 00".replace("1f", "1e")),
    );
  });

  test("MySQL's ERR packet in the place of its greeting", () => {
    expect(encodeMysqlError("kt: no")).toEqual(hex("0f000000 ff 1304 23 3038533031 6b743a206e6f"));
    expect(encodeMysqlError("x".repeat(5000)).length).toBe(4 + 3 + 512);
  });

  test("Redis' error is one line", () => {
    expect(Buffer.from(encodeRedisError("kt: a\r\nb")).toString()).toBe("-ERR kt: a b\r\n");
  });

  test("AMQP's greeting, and its close within a short string", () => {
    expect(amqpGreeting).toEqual(hex("01 0000 0000001c 000a000a 0009 00000000 00000005504c41494e 00000005656e5f5553 ce"));
    expect(encodeAmqpClose("kt: no")).toEqual(
      Uint8Array.from([...hex("01 0000 00000025 000a0032 0140 1a"), ...latin1("CONNECTION_FORCED - kt: no"), 0, 0, 0, 0, 0xce]),
    );
    expect(encodeAmqpClose("x".repeat(5000)).length).toBe(7 + 4 + 3 + 255 + 4 + 1);
  });

  test.each([
    [2004, "01000000", 36],
    [2013, "dd070000", 21],
  ])("MongoDB's answer to opcode %p names its request", (opcode, answers, documentAt) => {
    const bytes = Buffer.from(encodeMongoError("kt: no", { requestId: 258, opcode }));
    expect(bytes.readUInt32LE(0)).toBe(bytes.length);
    expect(bytes.subarray(8, 16).toString("hex")).toBe(`02010000${answers}`);
    expect(bytes.readUInt32LE(documentAt)).toBe(bytes.length - documentAt);
    expect(bytes.toString("latin1")).toContain("\x02errmsg\0\x07\0\0\0kt: no\0");
  });
});
