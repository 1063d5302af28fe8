/** Tests label selectors and domains against what the API server and the world's registries have. */

import { expect, test } from "bun:test";
import { parseDomain } from "#profile/values/domain.ts";
import { checkSelector } from "#profile/values/selector.ts";

const selectors: readonly [string, boolean][] = [
  ["app", true],
  ["!app", true],
  ["app=api", true],
  ["app==api", true],
  ["app!=api", true],
  ["app=", true],
  ["app.kubernetes.io/name=api,tier in (a,b), env notin (prod)", true],
  ["tier in ()", true],
  ["", false],
  ["app=api,", false],
  ["app = = api", false],
  ["app in api", false],
  ["app in (a", false],
  ["-app", false],
  ["UPPER.example/x=1", false],
  [`${"a".repeat(64)}=1`, false],
  [`a=${"b".repeat(63)}`, true],
];

test.each(selectors)("selector %p is valid: %p", (selector, isValid) => {
  const check = (): string => checkSelector(selector);
  if (isValid) expect(check()).toBe(selector);
  else expect(check).toThrow(/selector/);
});

const domains: readonly [string, string | undefined][] = [
  ["dev.test", "dev.test"],
  ["*.dev.example.com", "dev.example.com"],
  ["test", "test"],
  ["internal", "internal"],
  ["com", undefined],
  ["co.uk", undefined],
  ["shop.co.uk", "shop.co.uk"],
  ["localhost", undefined],
  ["local", undefined],
  ["a b.test", undefined],
];

test.each(domains)("domain %p becomes %p", (text, domain) => {
  if (domain === undefined) expect(() => parseDomain(text)).toThrow(/domain/);
  else expect(parseDomain(text)).toBe(domain);
});
