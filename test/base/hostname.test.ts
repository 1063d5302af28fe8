/** Hosts and ports as addresses and URLs write them. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatHostPort, normaliseHostname, parseAuthority } from "#base/hostname.ts";

describe("a host with its port", () => {
  test("has brackets around IPv6 alone", () => {
    expect(formatHostPort({ host: "::1", port: 443 })).toBe("[::1]:443");
    expect(formatHostPort({ host: "127.0.0.1", port: "80" })).toBe("127.0.0.1:80");
    expect(formatHostPort({ host: "localhost", port: 8989 })).toBe("localhost:8989");
  });

  test("is read back as it was written", () => {
    const hosts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(hosts, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
        expect(parseAuthority(formatHostPort({ host, port }))).toEqual({ host, port });
      }),
    );
  });
});

test("a hostname loses capitals and its last dot, and is refused with characters that DNS does not have", () => {
  expect(normaliseHostname("Grafana.Localhost.")).toBe("grafana.localhost");
  for (const wrong of ["", ".", "a..b", "a b", "-a", "ä", "a".repeat(64), `${"a.".repeat(127)}a`])
    expect(normaliseHostname(wrong)).toBeUndefined();
});
