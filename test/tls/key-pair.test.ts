/** Pairs that users bring: each thing that can be wrong with one is said of the right file. */

import { expect, test } from "bun:test";
import { isCertificate, pairProblem } from "#tls/key-pair.ts";
import { selfSigned } from "#tls/self-signed.ts";

const nowMs = Date.UTC(2026, 10, 30, 12);
const dayMs = 24 * 3600 * 1000;
const pair = { ...selfSigned("a.localhost", nowMs), host: "a.localhost" };

test("a good pair has no problem", () => {
  expect(pairProblem(pair, nowMs)).toBeUndefined();
});

test.each([
  ["no certificate", { ...pair, cert: "text" }, nowMs, "cert", "holds no PEM certificate"],
  ["no key", { ...pair, key: "text" }, nowMs, "key", "holds no PEM private key without a passphrase"],
  ["another's key", { ...pair, key: selfSigned("a.localhost", nowMs).key }, nowMs, "key", "is the key of another certificate"],
  ["over", pair, nowMs + 2 * dayMs, "cert", "has expired on 2026-12-01"],
  ["not yet", pair, nowMs - dayMs, "cert", "is not valid before 2026-11-30"],
  ["another name", { ...pair, host: "b.localhost" }, nowMs, "cert", 'is a certificate of other names than "b.localhost"'],
] as const)("%s", (_, given, atMs, of, message) => {
  expect(pairProblem(given, atMs)).toEqual({ of, message });
});

test("what holds a certificate", () => {
  expect([isCertificate(pair.cert), isCertificate(pair.key), isCertificate("")]).toEqual([true, false, false]);
});
