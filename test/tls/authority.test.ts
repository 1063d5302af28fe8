/** kt's CA: what OpenSSL says of its chains, the names that it may sign for, and what is refused. */

import { afterAll, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { spawnSync, which, write } from "bun";
import { Authority, authorityLimits, makeAuthority } from "#tls/authority.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const nowMs = Date.UTC(2026, 10, 30, 12);
const texts = makeAuthority("me@the-laptop", ["localhost", "dev.test"], nowMs);
const authority = new Authority(texts);

const directory = await tempDir();
afterAll(() => directory[Symbol.asyncDispose]());

describe.skipIf(which("openssl") === null)("openssl takes a chain", () => {
  test.each([
    ["grafana.localhost", true],
    ["localhost", true],
    ["deep.er.dev.test", true],
    ["127.0.0.1", true],
    ["127.9.8.7", true],
    ["::1", true],
    ["www.example.com", false],
    ["notlocalhost", false],
    ["dev.test.example.com", false],
    ["10.0.0.1", false],
  ])("for %s: %p", async (name, isGood) => {
    const file = (part: string): string => `${directory.path}/${name.replaceAll(":", "_")}-${part}.pem`;
    await write(file("root"), texts.root);
    await write(file("between"), texts.intermediate);
    await write(file("leaf"), authority.issue(name, nowMs).cert);
    const at = ["-attime", String(nowMs / 1000)];
    const { exitCode, stderr } = spawnSync([
      "openssl",
      "verify",
      "-x509_strict",
      "-purpose",
      "sslserver",
      ...at,
      "-CAfile",
      file("root"),
      "-untrusted",
      file("between"),
      file("leaf"),
    ]);
    expect([exitCode === 0, authority.covers(name)]).toEqual([isGood, isGood]);
    if (!isGood) expect(stderr.toString()).toContain("permitted subtree violation");
  });
});

test("a leaf has one name, a key of its own, and ends before its authority", () => {
  const [first, second] = [authority.issue("a.localhost", nowMs), authority.issue("a.localhost", nowMs)];
  const leaf = new X509Certificate(first.cert);
  expect(leaf.subjectAltName).toBe("DNS:a.localhost");
  expect(leaf.checkIssued(new X509Certificate(texts.intermediate))).toBe(true);
  expect(Date.parse(leaf.validTo) - nowMs).toBe(authorityLimits.leafMs);
  expect(first.key).not.toBe(second.key);
  const late = new X509Certificate(authority.issue("a.localhost", authority.untilMs - 1000).cert);
  expect(Date.parse(late.validTo)).toBe(authority.untilMs);
});

test("root and intermediate last two years, and none of the texts has the root's key", () => {
  expect(authority.untilMs - nowMs).toBe(authorityLimits.authorityMs);
  const root = new X509Certificate(texts.root);
  expect(Date.parse(root.validTo)).toBe(authority.untilMs);
  expect(root.verify(root.publicKey)).toBe(true);
  expect(texts.key.match(/PRIVATE KEY/g)).toHaveLength(2);
  expect(new X509Certificate(texts.intermediate).publicKey.equals(root.publicKey)).toBe(false);
});

test("what does not belong together is refused", () => {
  const other = makeAuthority("me", ["localhost"], nowMs);
  expect(() => new Authority({ ...texts, key: other.key })).toThrow("the key is that of another certificate");
  expect(() => new Authority({ ...texts, root: other.root })).toThrow("not signed by the root");
});

test("an owner of any characters makes a name that leaves can repeat", () => {
  const odd = new Authority(makeAuthority('ö, CN="x"+y=z\\@h', ["localhost"], nowMs));
  const leaf = new X509Certificate(odd.issue("a.localhost", nowMs).cert);
  expect(leaf.checkIssued(new X509Certificate(odd.texts.intermediate))).toBe(true);
});
