/** Addresses and jump hosts as text: what is accepted comes back as formatTarget writes it, and nothing in it means more to socat or nc. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { looksLikeAddress, parseAddress } from "#route/address-text.ts";
import { parsePodSource } from "#route/pod-source-text.ts";
import { type JumpHost, formatPodSource, formatTarget, podSourceKinds } from "#route/target.ts";

const via: JumpHost = { kind: "service", namespace: "shop", name: "api", container: undefined, method: "auto", create: undefined };

describe("parseAddress", () => {
  test("takes names, IPv4 and IPv6", () => {
    expect(parseAddress("MyDB_1.internal.:3306")).toEqual({ host: "mydb_1.internal.", port: 3306 });
    expect(parseAddress("db:1")).toEqual({ host: "db", port: 1 });
    expect(parseAddress("10.0.0.7:65535")).toEqual({ host: "10.0.0.7", port: 65535 });
    expect(parseAddress("[FD00::7]:5432")).toEqual({ host: "fd00::7", port: 5432 });
    expect(parseAddress("[::ffff:10.0.0.7]:5432")).toEqual({ host: "::ffff:10.0.0.7", port: 5432 });
  });

  test("gives what formatTarget writes", () => {
    const label = fc.stringMatching(/^[a-z_]([a-z0-9_-]{0,8}[a-z0-9_])?$/);
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
    const host = fc.oneof(
      name,
      fc.ipV4(),
      fc.ipV6().filter((text) => !text.includes("%")),
    );
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65535 }), (given, port) => {
        const written = formatTarget({ kind: "address", cluster: { profile: "", context: undefined }, host: given, port, via });
        expect(written).toEndWith(" via shop/svc/api");
        expect(parseAddress(written.replace(/ via .*/, ""))).toEqual({ host: given.toLowerCase(), port });
      }),
    );
  });

  test("lets nothing through that socat, nc or a shell could take for more than a host", () => {
    const piece = fc.constantFrom(..."a1.-_:,!'\"$()[]{}|;&<> \t\n%\\/@#=~*?", "::1", "fork", "EXEC", "-e", "80", "\0", "é");
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 8 }).map((pieces) => `${pieces.join("")}:80`),
      fc.array(piece, { maxLength: 8 }).map((pieces) => `[${pieces.join("")}]:80`),
    );
    fc.assert(
      fc.property(text, (written) => {
        try {
          const { host, port } = parseAddress(written);
          expect(host).toMatch(/^([a-z0-9_]([a-z0-9._-]*[a-z0-9._])?|[0-9a-f:.]*:[0-9a-f:.]*)$/);
          expect(port >= 1 && port <= 65535).toBe(true);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: "profile-invalid", hints: [expect.any(String)] });
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("reads numbers only in their usual form: resolvers take others too, each in its own way", () => {
    for (const host of ["1", "10.1", "0x7f000001", "10.0.0.0x1", "010.0.0.1", "256.0.0.1", "1.2.3.4.5", "10.0.0.1."]) {
      expect(() => parseAddress(`${host}:80`)).toThrow(KtError);
    }
  });

  test("shows no password of a URL", () => {
    expect(() => parseAddress("mysql://app:secret@db:3306/x")).toThrow('target "mysql://***@db:3306/x" is a URL');
  });

  test("is meant by names with dots and IP addresses, not by what lacks a kind", () => {
    for (const text of ["mydb.internal:3306", "10.0.0.1:80", "[::1]:80"]) expect(looksLikeAddress(text)).toBe(true);
    for (const text of ["grafana:80", "svc/web.shop:80", "mydb.internal"]) expect(looksLikeAddress(text)).toBe(false);
  });
});

describe("parsePodSource", () => {
  test("gives what formatPodSource writes, of every kind", () => {
    const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);
    const source = fc.record({ kind: fc.constantFrom(...podSourceKinds), namespace: fc.option(label, { nil: undefined }), name: label });
    fc.assert(fc.property(source, (parts) => expect(parsePodSource(formatPodSource(parts), "via")).toEqual(parts)));
  });

  test("takes a bare name where one kind is usual", () => {
    expect(parsePodSource("kt-jump", "pod", "pod")).toEqual({ kind: "pod", namespace: undefined, name: "kt-jump" });
    expect(parsePodSource("shop/kt-jump", "pod", "pod")).toEqual({ kind: "pod", namespace: "shop", name: "kt-jump" });
    expect(parsePodSource("shop/pod/kt-jump", "pod", "pod")).toEqual({ kind: "pod", namespace: "shop", name: "kt-jump" });
    expect(parsePodSource("pod/kt-jump", "pod", "pod")).toEqual({ kind: "pod", namespace: undefined, name: "kt-jump" });
  });

  test("refuses anything else with a hint, whatever it is", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom("/", ":", "svc", "a", "-", "A", ".", ";", "$"), maxLength: 8 }));
    fc.assert(
      fc.property(text, (written) => {
        try {
          expect(parsePodSource(written, "via").name).toMatch(/^[a-z0-9.-]+$/);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: "profile-invalid", hints: [expect.any(String)] });
        }
      }),
    );
  });
});
