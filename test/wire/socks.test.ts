/** The server's side of SOCKS5: requests of every kind of address, in pieces, and what is not one. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeSocksGreeting,
  decodeSocksRequest,
  encodeSocks4Refusal,
  encodeSocksMethod,
  encodeSocksReply,
  socksMethods,
  socksReplies,
} from "#wire/socks.ts";

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);
const named = (name: string, port: number): Uint8Array =>
  Uint8Array.from([5, 1, 0, 3, name.length, ...Buffer.from(name, "latin1"), port >> 8, port & 255]);

describe("a greeting", () => {
  test("lists the methods of the client", () => {
    expect(decodeSocksGreeting(bytes(5, 2, 0, 2))).toEqual({ methods: [0, 2], length: 4 });
  });

  test("of another version is refused in words", () => {
    expect(() => decodeSocksGreeting(bytes(4, 1, 0, 80))).toThrow("SOCKS 4");
    expect(() => decodeSocksGreeting(bytes(9))).toThrow("version 9");
  });
});

describe("a request", () => {
  test.each([
    ["an IPv4 address", bytes(5, 1, 0, 1, 10, 96, 0, 1, 1, 187), "10.96.0.1", 443],
    ["an IPv6 address", bytes(5, 1, 0, 4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80), "fd00::1", 80],
    ["a name", named("web.shop", 8080), "web.shop", 8080],
    ["an empty name", named("", 1), "", 1],
  ])("for %s", (_, sent, host, port) => {
    expect(decodeSocksRequest(sent)).toEqual({ command: 1, host, port, length: sent.length });
  });

  test("for an address of an unknown type says so instead of waiting for its end", () => {
    expect(decodeSocksRequest(bytes(5, 1, 0, 2, 9, 9))).toMatchObject({ host: undefined });
  });
});

const name = fc.string({ unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789.-\0é".split("")), maxLength: 255 });
const address = fc.oneof(
  name.map((text) => [3, text.length, ...Buffer.from(text, "latin1")]),
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((four) => [1, ...four]),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((sixteen) => [4, ...sixteen]),
);
const request = fc
  .record({ command: fc.integer({ min: 0, max: 255 }), address, port: fc.integer({ min: 0, max: 65535 }) })
  .map(({ command, address: text, port }) => ({
    command,
    port,
    sent: Uint8Array.from([5, command, 0, ...text, port >> 8, port & 255]),
  }));

describe("split at any byte", () => {
  test("a greeting is short until it is whole", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 255 }), fc.uint8Array({ maxLength: 5 }), (methods, rest) => {
        const sent = Uint8Array.from([5, methods.length, ...methods]);
        for (let at = 0; at < sent.length; at++) expect(decodeSocksGreeting(sent.subarray(0, at))).toBe("short");
        expect(decodeSocksGreeting(Uint8Array.from([...sent, ...rest]))).toEqual({ methods: [...methods], length: sent.length });
      }),
    );
  });

  test("a request is short until it is whole, and what follows is not its own", () => {
    fc.assert(
      fc.property(request, fc.uint8Array({ maxLength: 5 }), ({ command, port, sent }, rest) => {
        for (let at = 0; at < sent.length; at++) expect(decodeSocksRequest(sent.subarray(0, at))).toBe("short");
        const whole = decodeSocksRequest(sent);
        expect(whole).toMatchObject({ command, port, length: sent.length });
        expect(decodeSocksRequest(Uint8Array.from([...sent, ...rest]))).toEqual(whole);
      }),
    );
  });

  test("random bytes are read, refused or waited for, and never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        for (const decode of [decodeSocksGreeting, decodeSocksRequest]) {
          try {
            const read = decode(noise);
            if (read !== "short") expect(read.length).toBeLessThanOrEqual(noise.length);
          } catch (error) {
            expect(error).toMatchObject({ code: "request-invalid" });
          }
        }
      }),
    );
  });
});

test("answers have the form of RFC 1928 §6, and a client of SOCKS 4 gets one of its own", () => {
  expect([...encodeSocksMethod(socksMethods.none)]).toEqual([5, 0]);
  expect([...encodeSocksReply(socksReplies.notAllowed)]).toEqual([5, 2, 0, 1, 0, 0, 0, 0, 0, 0]);
  expect([...encodeSocks4Refusal()]).toEqual([0, 91, 0, 0, 0, 0, 0, 0]);
});
