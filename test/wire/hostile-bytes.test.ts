/** Bytes of strangers at a public edge and its uplinks: each reader gives a value or KtError `protocol`, and nothing else. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { decodeTlsHello } from "#wire/tls-hello.ts";
import {
  decodeUplinkAnswer,
  decodeUplinkDatagram,
  decodeUplinkGreeting,
  decodeUplinkRequest,
  edgeWelcome,
  encodeSessionEvent,
  encodeUplinkRequest,
  peekUplinkDatagram,
  uplinkGreetings,
} from "#wire/uplink-frame.ts";
import { clientHello } from "#test/support/client-hello.ts";

const hello = await clientHello("a.example.com");
const any = fc.uint8Array({ maxLength: 400 });

/** Some bytes changed, and the rest cut off: most of it is still as it should be, so that a reader gets far. */
function changed(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }));
  return fc.tuple(fc.array(change, { maxLength: 6 }), fc.nat({ max: bytes.length })).map(([changes, end]) => {
    const copy = Uint8Array.from(bytes);
    for (const [at, value] of changes) copy[at] = value;
    return copy.subarray(0, end);
  });
}

const request = encodeUplinkRequest({ kind: "open", target: "00000000000000aa", connectTimeoutMs: 1000 });
const event = encodeSessionEvent("end", 7);
const readers: readonly [string, (bytes: Uint8Array) => unknown, Uint8Array][] = [
  ["a TLS hello", decodeTlsHello, hello],
  ["a request", decodeUplinkRequest, request],
  ["a greeting", decodeUplinkGreeting, uplinkGreetings.parked],
  ["an answer", (bytes) => decodeUplinkAnswer(bytes[0] ?? 255), edgeWelcome()],
  ["a datagram", decodeUplinkDatagram, event],
  ["the head of a datagram", peekUplinkDatagram, event],
];

test.each(readers)("any bytes in the place of %s are read, or refused in words", (_, read, sample) => {
  const outcome = (bytes: Uint8Array): string => {
    try {
      read(bytes);
      return "read";
    } catch (error) {
      return error instanceof KtError ? error.code : String(error);
    }
  };
  fc.assert(
    fc.property(fc.oneof(any, changed(sample)), (bytes) => expect(["read", "protocol"]).toContain(outcome(bytes))),
    { numRuns: 2000 },
  );
});
