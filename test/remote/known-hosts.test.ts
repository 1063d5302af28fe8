/** Known hosts against lines that ssh-keygen wrote: plain, hashed, with ports, patterns, negation and markers; and what is refused. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { fingerprintOf, hostKeyOf } from "#remote/host-key.ts";
import { matchesHost } from "#remote/host-pattern.ts";
import { trustOf } from "#remote/host-trust.ts";
import { knownHostsLine, lookUpHost, parseKnownHosts } from "#remote/known-hosts.ts";

const ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKGAQsH4oy1B9D1TNNiwMFSpUclSnB0wPwWUm6sPmruj";
const ecdsa =
  "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHnXEqkaTsltIAzJpYU2kyCobS79x1fFbhYPHr39MzG/35nYBcoUj59rd4e39qc+LpDMT2PacEjjZi/35eIeN1I=";
const hashed = `|1|Ykb8kndUka7LxFVU8NyDX/fNDog=|Gj1FIx/JDfTzvgy/2giDUbJIshE= ${ed25519}
|1|ijiRBhnOGisfQ0QgO1h5S7SUMJw=|EGnZLfOsZxM84XRHGAnGkG3qZmQ= ${ecdsa}
`;

const keyOf = (text: string) => {
  const key = hostKeyOf(Buffer.from(text.split(" ")[1] ?? "", "base64"));
  if (key === undefined) throw new Error(`not a key: ${text}`);
  return key;
};
const types = (text: string, host: string, port = 22): string[] =>
  lookUpHost(parseKnownHosts(text), host, port).pinned.map(({ type }) => type);

/** The message with which a host is refused before anything is sent to it. */
function refusal(text: string, host = "192.0.2.7", port = 22): string {
  try {
    trustOf(text, { host, port, user: "root" });
  } catch (error) {
    if (error instanceof KtError && error.code === "ssh-host-key") return error.message;
    throw error;
  }
  throw new Error("it was trusted");
}

describe("lines of known hosts", () => {
  test("a fingerprint is the one that ssh-keygen prints", () => {
    expect(fingerprintOf(keyOf(ed25519))).toBe("SHA256:lUmHEyhWPUwxgWu4b0ImbAd3oV33ghrBrJq/mIxtKC8");
  });

  test("plain names, several in a line, in any case", () => {
    expect(types(`edge.example,192.0.2.7 ${ed25519} a comment`, "192.0.2.7")).toEqual(["ssh-ed25519"]);
    expect(types(`Edge.Example ${ed25519}`, "edge.EXAMPLE")).toEqual(["ssh-ed25519"]);
    expect(types(`edge.example ${ed25519}`, "edge.example.org")).toEqual([]);
    expect(types(`2001:db8::1 ${ed25519}`, "2001:db8::1")).toEqual(["ssh-ed25519"]);
  });

  test("hashed names, also of other ports", () => {
    expect(types(hashed, "192.0.2.7")).toEqual(["ssh-ed25519"]);
    expect(types(hashed, "edge.example", 2222)).toEqual(["ecdsa-sha2-nistp256"]);
    expect(types(hashed, "edge.example")).toEqual([]);
    expect(types(hashed, "192.0.2.8")).toEqual([]);
  });

  test("[host]:port counts for its port alone, and before a line without a port", () => {
    const file = `[edge.example]:2222 ${ecdsa}\nedge.example ${ed25519}`;
    expect(types(file, "edge.example", 2222)).toEqual(["ecdsa-sha2-nistp256"]);
    expect(types(file, "edge.example")).toEqual(["ssh-ed25519"]);
    expect(types(file, "edge.example", 2200)).toEqual(["ssh-ed25519"]);
    expect(types(`[edge.example]:22 ${ed25519}`, "edge.example")).toEqual(["ssh-ed25519"]);
  });

  test("patterns and negation", () => {
    expect(types(`*.example,!test.example ${ed25519}`, "edge.example")).toEqual(["ssh-ed25519"]);
    expect(types(`*.example,!test.example ${ed25519}`, "test.example")).toEqual([]);
    expect(types(`!test.example,*.example ${ed25519}`, "test.example")).toEqual([]);
    expect(types(`192.0.2.? ${ed25519}`, "192.0.2.7")).toEqual(["ssh-ed25519"]);
    expect(types(`192.0.2.? ${ed25519}`, "192.0.2.70")).toEqual([]);
  });

  test("a pattern matches as a regular expression of the same meaning does, in linear time", () => {
    const char = fc.constantFrom("a", "b", ".", "*", "?");
    fc.assert(
      fc.property(
        fc.string({ unit: char, minLength: 1, maxLength: 12 }),
        fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 12 }),
        (pattern, text) => {
          const expected = new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".")}$`).test(text);
          expect(matchesHost(pattern, text)).toBe(expected);
        },
      ),
    );
    const started = performance.now();
    expect(matchesHost(`${"*a".repeat(30)}b`, "a".repeat(5_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  test("any text is read without an error, and what kt writes is found again", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseKnownHosts(text)));
    fc.assert(
      fc.property(fc.domain(), fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        expect(types(knownHostsLine(host, port, keyOf(ed25519)), host, port)).toEqual(["ssh-ed25519"]);
      }),
    );
  });

  test("lines that are not in the format are counted, and comments are not", () => {
    const wrong = [
      "192.0.2.7",
      "192.0.2.7 ssh-rsa !!!",
      `192.0.2.7 ssh-rsa ${ed25519.split(" ")[1]}`,
      `@other 192.0.2.7 ${ed25519}`,
      "192.0.2.7 ssh-rsa AAAA",
    ];
    expect(parseKnownHosts(["# comment", "", ...wrong].join("\n"))).toEqual({ lines: [], unreadable: [3, 4, 5, 6, 7] });
  });
});

describe("trust in a host", () => {
  const address = { host: "192.0.2.7", port: 22, user: "root" };

  test("only the algorithms of its pinned types are offered", () => {
    expect(trustOf(`192.0.2.7 ${ecdsa}`, address).algorithms).toEqual(["ecdsa-sha2-nistp256"]);
    const rsa = `ssh-rsa ${Buffer.concat([Buffer.from([0, 0, 0, 7]), Buffer.from("ssh-rsa"), new Uint8Array(9)]).toString("base64")}`;
    expect(trustOf(`192.0.2.7 ${rsa}\n192.0.2.7 ${ed25519}`, address).algorithms).toEqual(["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"]);
  });

  test("another key is refused with its fingerprint, the pinned one is not", () => {
    const trust = trustOf(`192.0.2.7 ${ed25519}`, address);
    expect(trust.objection(keyOf(ed25519))).toBeUndefined();
    expect(trust.objection(keyOf(ecdsa))?.message).toContain(fingerprintOf(keyOf(ecdsa)));
  });

  test("a revoked key is refused although it is pinned, whichever host the line names", () => {
    const trust = trustOf(`192.0.2.7 ${ed25519}\n@revoked other.example ${ed25519}`, address);
    expect(trust.objection(keyOf(ed25519))?.message).toContain("@revoked");
  });

  test("what the file has nothing for is not connected to, and the sentence says why", () => {
    expect(refusal("")).toBe("the known hosts have no key of 192.0.2.7");
    expect(refusal(`192.0.2.8 ${ed25519}`, "192.0.2.7", 2222)).toBe("the known hosts have no key of 192.0.2.7:2222");
    expect(refusal(`192.0.2.8 ${ed25519}\nnonsense`)).toBe(
      "the known hosts have no key of 192.0.2.7: line 2 is not in the format of known_hosts",
    );
    expect(refusal("{}")).toBe("the known hosts have no key of 192.0.2.7: they are not in the format of known_hosts");
    expect(refusal(`@cert-authority * ${ed25519}`)).toBe(
      "the known hosts have only a @cert-authority line for 192.0.2.7, and kt does not read host certificates",
    );
    const dss = `ssh-dss ${Buffer.concat([Buffer.from([0, 0, 0, 7]), Buffer.from("ssh-dss"), new Uint8Array(9)]).toString("base64")}`;
    expect(refusal(`192.0.2.7 ${dss}`)).toBe("the known hosts have only ssh-dss for 192.0.2.7, which kt does not accept");
  });
});
