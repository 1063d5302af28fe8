/** Origins of pages: which are this machine's, and what `allow_origins` takes and matches. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { AllowedOrigins, isLocalOrigin, parseAllowedOrigin, parseOrigin } from "#route/origins.ts";

function isLocal(text: string): boolean {
  const origin = parseOrigin(text);
  return origin !== undefined && isLocalOrigin(origin);
}

describe("pages of this machine", () => {
  const local = ["http://localhost", "https://localhost:3000", "HTTP://LocalHost.", "http://app.localhost:8989", "http://127.0.0.1:5173"];
  test.each([...local, "http://127.255.1.9", "https://[::1]:8443", "http://a.b.localhost"])("%s is one", (text) => {
    expect(isLocal(text)).toBe(true);
  });

  const foreign = ["https://evil.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://evil-localhost"];
  const odd = ["null", "", "file://", "http://", "localhost", "ftp://localhost", "chrome-extension://localhost", "http://0.0.0.0"];
  const tricks = [
    "http://localhost http://evil.example",
    "http://localhost,http://evil.example",
    "http://localhost/",
    "http://localhost@evil.example",
  ];
  const numbers = [
    "http://128.0.0.1",
    "http://127.0.0.256",
    "http://127.1",
    "http://[::2]",
    "http://[::ffff:8.8.8.8]",
    "http://localhost:99999",
  ];
  test.each([...foreign, ...odd, ...tricks, ...numbers, "http://evil.example#.localhost", "http://localhost\\.evil.example"])(
    "%j is none",
    (text) => expect(isLocal(text)).toBe(false),
  );
});

describe("allow_origins", () => {
  test.each([
    ["https://app.example.com", "https://app.example.com", true],
    ["https://app.example.com", "https://app.example.com:443", true],
    ["https://app.example.com:443", "https://app.example.com", true],
    ["HTTPS://App.Example.com", "https://app.example.com", true],
    ["https://app.example.com", "http://app.example.com", false],
    ["https://app.example.com", "https://app.example.com:8443", false],
    ["https://app.example.com", "https://app.example.com.evil.example", false],
    ["https://*.example.com", "https://app.example.com", true],
    ["https://*.example.com", "https://example.com", false],
    ["https://*.example.com", "https://a.b.example.com", false],
    ["https://*.example.com", "https://*.example.com.evil.example", false],
    ["https://*.example.com:8443", "https://app.example.com:8443", true],
    ["http://[fd00::1]:80", "http://[fd00::1]", true],
    ["chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop", true],
    ["*", "https://evil.example", true],
    ["*", "null", true],
    ["null", "null", true],
    ["null", "https://evil.example", false],
    ["https://app.example.com", "null", false],
  ])("%s for %s: %p", (rule, origin, isAllowed) => {
    expect(new AllowedOrigins([parseAllowedOrigin(rule)]).has(origin)).toBe(isAllowed);
  });

  const problem = (text: string): string => {
    try {
      return parseAllowedOrigin(text);
    } catch (error) {
      return error instanceof KtError ? `${error.message} (${error.hints.join("; ")})` : String(error);
    }
  };

  test.each([
    ["app.example.com", '"app.example.com" is not an origin: its scheme is missing (write "https://app.example.com")'],
    ["//app.example.com/", '"//app.example.com/" is not an origin: its scheme is missing (write "https://app.example.com")'],
    ["https://app.example.com/", '"https://app.example.com/" is more than an origin (write "https://app.example.com", without a path)'],
    [
      "https://app.example.com/x?y",
      '"https://app.example.com/x?y" is more than an origin (write "https://app.example.com", without a path)',
    ],
    ["https://a.*.com", /a \* that is not its whole first label/],
    ["https://a*.example.com", /a \* that is not its whole first label/],
    ["https://a b", /^"https:\/\/a b" is not an origin /],
    ["https://app.example.com:99999", /is not an origin/],
    ["https://", /is not an origin/],
    ["", /scheme is missing/],
  ])("%j is refused", (text, said) => {
    if (typeof said === "string") expect(problem(text)).toBe(said);
    else expect(problem(text)).toMatch(said);
  });
});
