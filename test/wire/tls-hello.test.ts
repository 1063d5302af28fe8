/** The ClientHello reader: real captures, any split, garbage, limits. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "#wire/limits.ts";
import { boringHello, curlHello, goHello, opensslHello } from "#test/vectors/tls-hellos.ts";
import { decodeTlsHello } from "#wire/tls-hello.ts";

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

const captures = [
  { from: "openssl", hex: opensslHello, serverName: "argocd.localhost", alpn: ["h2", "http/1.1"] },
  { from: "curl", hex: curlHello, serverName: "grafana.localhost", alpn: ["h2", "http/1.1"] },
  { from: "Go, post-quantum", hex: goHello, serverName: "api.shop.localhost", alpn: ["h2"] },
  { from: "BoringSSL, post-quantum", hex: boringHello, serverName: "bun.localhost", alpn: ["http/1.1"] },
];

const u16 = (value: number): number[] => [value >> 8, value & 255];
const latin1 = (text: string): number[] => [...Buffer.from(text, "latin1")];

interface HelloParts {
  readonly names?: readonly string[];
  readonly alpn?: readonly string[];
  /** Extensions of other kinds, such as GREASE (RFC 8701) before and padding (RFC 7685) after. */
  readonly before?: readonly (readonly [type: number, length: number])[];
  readonly after?: readonly (readonly [type: number, length: number])[];
}

const extension = (type: number, body: readonly number[]): number[] => [...u16(type), ...u16(body.length), ...body];
const filler = (list: HelloParts["before"] = []): number[] =>
  list.flatMap(([type, length]) => extension(type, new Array<number>(length).fill(0)));

/** The handshake message, naively put together. */
function buildHello(parts: HelloParts): Uint8Array {
  const names = (parts.names ?? []).flatMap((name) => [0, ...u16(name.length), ...latin1(name)]);
  const alpn = (parts.alpn ?? []).flatMap((protocol) => [protocol.length, ...latin1(protocol)]);
  const extensions = [
    ...filler(parts.before),
    ...(parts.names ? extension(0, [...u16(names.length), ...names]) : []),
    ...(parts.alpn ? extension(16, [...u16(alpn.length), ...alpn]) : []),
    ...filler(parts.after),
  ];
  const body = [3, 3, ...new Array<number>(32).fill(7), 0, ...u16(2), 0x13, 0x01, 1, 0, ...u16(extensions.length), ...extensions];
  return Uint8Array.from([1, body.length >> 16, ...u16(body.length & 0xffff), ...body]);
}

/** Cuts a handshake message into records of the given sizes, the last one repeated. */
function toRecords(message: Uint8Array, sizes: readonly number[]): Uint8Array {
  const out: number[] = [];
  for (let at = 0, index = 0; at < message.length; index++) {
    const fragment = message.subarray(at, at + (sizes[Math.min(index, sizes.length - 1)] ?? 1));
    out.push(0x16, 3, 1, ...u16(fragment.length), ...fragment);
    at += fragment.length;
  }
  return Uint8Array.from(out);
}

function failure(bytes: Uint8Array): string {
  try {
    return `no failure: ${JSON.stringify(decodeTlsHello(bytes))}`;
  } catch (error) {
    return error instanceof KtError && error.code === "protocol" ? error.message : `not a protocol error: ${String(error)}`;
  }
}

const hostname = fc.domain();
const protocols = fc.array(fc.constantFrom("h2", "http/1.1", "\x0a\x0a", "acme-tls/1"), { maxLength: 4 });

describe("decodeTlsHello", () => {
  for (const { from, hex, serverName, alpn } of captures) {
    test(`reads the hello of ${from}`, () => {
      expect(decodeTlsHello(fromHex(hex))).toEqual({ serverName, alpn });
    });

    test(`asks for more at every cut of the hello of ${from}`, () => {
      const bytes = fromHex(hex);
      for (let cut = 0; cut < bytes.length; cut++) expect(decodeTlsHello(bytes.subarray(0, cut))).toBe("short");
    });
  }

  test("a hello without extensions, and one without a name, have no server name", () => {
    const bare = Uint8Array.from([1, 0, 0, 41, 3, 3, ...new Array<number>(32).fill(7), 0, 0, 2, 0, 47, 1, 0]);
    expect(decodeTlsHello(toRecords(bare, [100]))).toEqual({ serverName: undefined, alpn: [] });
    expect(decodeTlsHello(toRecords(buildHello({ names: [] }), [999]))).toEqual({ serverName: undefined, alpn: [] });
  });

  test("any names, other extensions and records read the same", () => {
    const others = fc.uniqueArray(fc.tuple(fc.integer({ min: 17, max: 65535 }), fc.integer({ min: 0, max: 900 })), {
      maxLength: 5,
      selector: ([type]) => type,
    });
    fc.assert(
      fc.property(
        hostname,
        protocols,
        others,
        fc.nat(5),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 6 }),
        (name, alpn, extra, cut, sizes) => {
          const message = buildHello({ names: [name], alpn, before: extra.slice(0, cut), after: extra.slice(cut) });
          expect(decodeTlsHello(toRecords(message, sizes))).toEqual({ serverName: name, alpn });
        },
      ),
    );
  });

  test("a 12 KB hello in one-byte records", () => {
    const message = buildHello({ names: ["big.localhost"], before: [[0x0a0a, 6000]], after: [[21, 6000]] });
    expect(decodeTlsHello(toRecords(message, [1]))).toEqual({ serverName: "big.localhost", alpn: [] });
  });

  test("bytes after the hello do not matter", () => {
    const bytes = fromHex(goHello);
    expect(decodeTlsHello(Uint8Array.from([...bytes, 0xff, 0xff]))).toEqual({ serverName: "api.shop.localhost", alpn: ["h2"] });
  });

  test("a hello at the limit is waited for, one past it is refused by its length alone", () => {
    const announce = (length: number): Uint8Array =>
      Uint8Array.from([0x16, 3, 1, 0x40, 0, 1, length >> 16, (length >> 8) & 255, length & 255]);
    expect(decodeTlsHello(announce(wireLimits.tlsHelloBytes - 4))).toBe("short");
    expect(failure(announce(wireLimits.tlsHelloBytes - 3))).toBe(
      "reading the TLS hello: 65537 bytes, more than the 65536 that are accepted",
    );
  });

  test.each([
    ["another record type", [0x17], "record type 23 instead of a handshake"],
    ["SSL 2", [0x16, 2], "version 2 instead of 3.x"],
    ["an empty record", [0x16, 3, 1, 0, 0], "a record of 0 bytes"],
    ["a record past 2^14", [0x16, 3, 1, 0x40, 1], "a record of 16385 bytes"],
    ["another handshake type", [0x16, 3, 1, 0, 9, 2], "handshake type 2 instead of a client hello"],
    ["a hello that is cut inside", [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], "a length runs past its end"],
  ])("refuses %s as soon as it shows", (_, bytes, reason) => {
    expect(failure(Uint8Array.from(bytes))).toBe(`reading the TLS hello: ${reason}`);
  });

  test("two names, or the same extension twice, are refused", () => {
    expect(failure(toRecords(buildHello({ names: ["a.test", "b.test"] }), [999]))).toBe("reading the TLS hello: two server names");
    expect(failure(toRecords(buildHello({ names: ["a.test"], after: [[0, 0]] }), [999]))).toBe("reading the TLS hello: extension 0 twice");
  });

  test("random bytes, and random damage to a real hello, give a hello, short or a protocol error", () => {
    const real = fromHex(curlHello);
    const damaged = fc.array(fc.tuple(fc.nat(real.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((hits) => {
      const bytes = real.slice();
      for (const [at, value] of hits) bytes[at] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), damaged), (bytes) => {
        try {
          const hello = decodeTlsHello(bytes);
          expect(hello === "short" || Array.isArray(hello.alpn)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(KtError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
