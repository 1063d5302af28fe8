/** The PROXY header, read back by a reader of its own that follows the specification. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeProxyV1, encodeProxyV2, type ProxiedEnds } from "#wire/proxy-header.ts";

interface Read {
  readonly family: string;
  readonly transport: string;
  readonly source: string;
  readonly destination: string;
  readonly ports: readonly number[];
}

/** Version 2, as its section 2.2 has it. */
function readV2(bytes: Uint8Array): Read {
  expect(Buffer.from(bytes.subarray(0, 12)).toString("latin1")).toBe("\r\n\r\n\0\r\nQUIT\n");
  expect(bytes[12]).toBe(0x21);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const kind = bytes[13] ?? 0;
  const isIpv4 = kind >> 4 === 1;
  const width = isIpv4 ? 4 : 16;
  expect(view.getUint16(14)).toBe(2 * width + 4);
  expect(bytes.length).toBe(16 + 2 * width + 4);
  const address = (at: number): string => {
    const part = bytes.subarray(at, at + width);
    return isIpv4 ? part.join(".") : Buffer.from(part).toString("hex");
  };
  return {
    family: isIpv4 ? "IPv4" : "IPv6",
    transport: (kind & 15) === 1 ? "STREAM" : "DGRAM",
    source: address(16),
    destination: address(16 + width),
    ports: [view.getUint16(16 + 2 * width), view.getUint16(18 + 2 * width)],
  };
}

const port = fc.nat({ max: 65_535 });
const ends = (host: fc.Arbitrary<string>): fc.Arbitrary<ProxiedEnds> => {
  const end = fc.record({ host, port });
  return fc.record({ source: end, destination: end });
};
/** An address as 32 hexadecimal digits, and a form in which it is written: in full, shortened, or with its end as IPv4. */
const written = fc
  .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat({ max: 2 }))
  .map(([bytes, mask, form]) => {
    // Many zeros, so that there is something to shorten.
    const hex = Buffer.from(bytes.map((byte, at) => ((mask[at & 14] ?? 0) % 2 === 0 ? byte : 0))).toString("hex");
    const groups = hex.match(/.{4}/g) ?? [];
    const dotted = [...Buffer.from(hex.slice(24), "hex")].join(".");
    const full = groups.join(":");
    const short = new URL(`http://[${full}]/`).hostname.slice(1, -1);
    return { hex, host: [full, short, `${groups.slice(0, 6).join(":")}:${dotted}`][form] ?? full };
  })
  .filter(({ hex }) => !hex.startsWith("00000000000000000000ffff"));

describe("version 2", () => {
  test("has any addresses of IPv4, of a stream and of a datagram", () => {
    fc.assert(
      fc.property(ends(fc.ipV4()), fc.constantFrom("stream", "datagram"), (given, transport) => {
        expect(readV2(encodeProxyV2(given, transport))).toEqual({
          family: "IPv4",
          transport: transport === "stream" ? "STREAM" : "DGRAM",
          source: given.source.host,
          destination: given.destination.host,
          ports: [given.source.port, given.destination.port],
        });
      }),
    );
  });

  test("has any addresses of IPv6, in every form in which they are written", () => {
    fc.assert(
      fc.property(written, written, (source, destination) => {
        const given = { source: { host: source.host, port: 1 }, destination: { host: destination.host, port: 2 } };
        const read = readV2(encodeProxyV2(given, "stream"));
        expect(read).toMatchObject({ family: "IPv6", source: source.hex, destination: destination.hex });
      }),
    );
  });

  test("has both as IPv6 where only one is", () => {
    const mixed = { source: { host: "192.0.2.1", port: 1 }, destination: { host: "2001:db8::1", port: 2 } };
    expect(readV2(encodeProxyV2(mixed, "stream")).source).toBe("00000000000000000000ffffc0000201");
  });
});

describe("version 1", () => {
  test("is one line with the addresses in full", () => {
    const text = (given: ProxiedEnds): string => new TextDecoder().decode(encodeProxyV1(given));
    const v4 = { source: { host: "192.0.2.1", port: 56_324 }, destination: { host: "198.51.100.7", port: 443 } };
    expect(text(v4)).toBe("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n");
    const v6 = { source: { host: "2001:db8::1", port: 1 }, destination: { host: "fe80::2%eth0", port: 65_535 } };
    expect(text(v6)).toBe("PROXY TCP6 2001:db8:0:0:0:0:0:1 fe80:0:0:0:0:0:0:2 1 65535\r\n");
  });

  test("says IPv4 of clients that came by it to a socket of IPv6", () => {
    const mapped = { source: { host: "::ffff:192.0.2.1", port: 1 }, destination: { host: "::ffff:c633:6407", port: 2 } };
    expect(new TextDecoder().decode(encodeProxyV1(mapped))).toBe("PROXY TCP4 192.0.2.1 198.51.100.7 1 2\r\n");
  });

  test("is never longer than the 107 bytes that readers keep for it", () => {
    const host = fc.oneof(
      fc.ipV4(),
      written.map((address) => address.host),
    );
    fc.assert(fc.property(ends(host), (given) => encodeProxyV1(given).length <= 107));
  });
});
