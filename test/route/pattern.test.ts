/** Hostname patterns: what they match, which of two is more specific, and how names with a port in them are read. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { HostPattern } from "#route/pattern.ts";

function capturesOf(pattern: string, host: string): unknown {
  const match = HostPattern.parse(pattern).match(host);
  return match?.kind === "match" ? match.captures : match?.readings;
}

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);

describe("match", () => {
  const cases: [pattern: string, host: string, captures: unknown][] = [
    ["{service}.{namespace}.shop.localhost", "web.blue.shop.localhost", { service: "web", namespace: "blue" }],
    ["{service}.{namespace}.shop.localhost", "web.shop.localhost", undefined],
    ["{service}.{namespace}.shop.localhost", "a.web.blue.shop.localhost", undefined],
    ["{service}-dev.localhost", "my-web-dev.localhost", { service: "my-web" }],
    ["{service}-dev.localhost", "-dev.localhost", undefined],
    ["{service}-dev.localhost", "web-dev.localhost.evil", undefined],
    ["pre-{service}.x.localhost", "pre-web.x.localhost", { service: "web" }],
    ["{service}-{namespace}.localhost", "web-blue.localhost", { service: "web", namespace: "blue" }],
    ["{port}.{service}.localhost", "8080.web.localhost", { port: "8080", service: "web" }],
    ["{port}.{service}.localhost", "70000.web.localhost", undefined],
    ["{service}.localhost", "a_b.localhost", undefined],
  ];
  for (const [pattern, host, captures] of cases) {
    test(`${pattern} and ${host}`, () => expect(capturesOf(pattern, host)).toEqual(captures as never));
  }

  test("two captures in one label that can be split in two places are unclear", () => {
    expect(capturesOf("{service}-{namespace}.localhost", "my-web-blue.localhost")).toEqual([
      { service: "my-web", namespace: "blue" },
      { service: "my", namespace: "web-blue" },
    ]);
  });

  test("what fill makes of captures in labels of their own, match takes apart again", () => {
    const pattern = HostPattern.parse("{port}.{service}.{namespace}.x-y.localhost");
    fc.assert(
      fc.property(name, name, fc.integer({ min: 1, max: 65535 }), (service, namespace, port) => {
        const captures = { port: String(port), service, namespace };
        expect(pattern.match(pattern.fill(captures))).toEqual({ kind: "match", captures });
      }),
    );
  });
});

describe("a name and its port in one label", () => {
  const read = (label: string): unknown => capturesOf("{service}-{port}.localhost", `${label}.localhost`);

  test("is the name, and what follows the last dash when that can only be a port", () => {
    expect(read("web-80")).toEqual({ service: "web", port: "80" });
    expect(read("web-2-80")).toEqual({ service: "web-2", port: "80" });
    expect(read("web-10")).toEqual({ service: "web", port: "10" });
    expect(read("web-http")).toEqual({ service: "web", port: "http" });
    expect(read("my-web-https")).toEqual({ service: "my-web", port: "https" });
    expect(read("web-metrics")).toEqual({ service: "web", port: "metrics" });
    expect(read("elasticsearch-es-http-9200")).toEqual({ service: "elasticsearch-es-http", port: "9200" });
  });

  test("is unclear when it may be a name whose port was forgotten", () => {
    expect(read("web-2")).toEqual([{ service: "web", port: "2" }, { service: "web-2" }]);
    expect(read("prom-http-web")).toEqual([
      { service: "prom-http", port: "web" },
      { service: "prom", port: "http-web" },
      { service: "prom-http-web" },
    ]);
  });

  test("takes no more memory the more labels can be read in several ways", () => {
    const labels = Array.from({ length: 22 }, (_, at) => `{a${at}}-{b${at}}`);
    const match = HostPattern.parse(`${labels.join(".")}.localhost`).match(`${Array(22).fill("x-y-z").join(".")}.localhost`);
    expect(match).toMatchObject({ kind: "unclear" });
    const readings = match?.kind === "unclear" ? match.readings : [];
    expect(readings).toHaveLength(4);
    expect(new Set(readings.map((captures) => JSON.stringify(captures))).size).toBe(4);
    expect(readings[0]).toMatchObject({ a0: "x-y", b0: "z", a21: "x-y", b21: "z" });
    expect(readings[3]).toMatchObject({ a0: "x", b0: "y-z", a21: "x", b21: "y-z" });
  });

  test("has at most four readings shown, the forgotten port last", () => {
    expect(read("a-b-c-d-e-f-g")).toEqual([
      { service: "a-b-c-d-e-f", port: "g" },
      { service: "a-b-c-d-e", port: "f-g" },
      { service: "a-b-c-d", port: "e-f-g" },
      { service: "a-b-c-d-e-f-g" },
    ]);
  });

  test("does not match without a dash or with a number that is not a port", () => {
    expect(read("web")).toBeUndefined();
    expect(read("web-0")).toBeUndefined();
    expect(read("web-65536")).toBeUndefined();
  });

  test("is never read as anything but name, dash, port", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9-]{1,30}$/), (label) => {
        const match = HostPattern.parse("{service}-{port}.localhost").match(`${label}.localhost`);
        const readings = match === undefined ? [] : match.kind === "match" ? [match.captures] : match.readings;
        for (const { service, port } of readings) expect(port === undefined ? service : `${service}-${port}`).toBe(label);
        if (match?.kind === "match") expect(match.captures["port"]).not.toContain("-");
      }),
    );
  });
});

describe("compare", () => {
  const order = (...patterns: string[]): string[] =>
    patterns
      .map((text) => HostPattern.parse(text))
      .sort((a, b) => a.compare(b))
      .map((pattern) => pattern.text);

  test("puts literals before parts, and parts before captures alone, the rightmost difference first", () => {
    const sorted = ["web.{a}.shop.localhost", "{a}-x.{b}.shop.localhost", "{a}.{b}.shop.localhost", "{a}.shop.{b}.localhost"];
    expect(order(...sorted.toReversed())).toEqual(sorted);
  });

  test("puts more literal text first, and more labels", () => {
    expect(order("{a}-x.localhost", "{a}-xyz.localhost")).toEqual(["{a}-xyz.localhost", "{a}-x.localhost"]);
    expect(order("{a}.localhost", "{b}.{a}.localhost")).toEqual(["{b}.{a}.localhost", "{a}.localhost"]);
  });

  test("calls two equal when neither is more specific", () => {
    expect(HostPattern.parse("{a}-x.localhost").compare(HostPattern.parse("y-{a}.localhost"))).toBe(0);
  });
});

describe("parse", () => {
  for (const text of [
    "web.localhost",
    "{a}{b}.localhost",
    "{a}.{a}.localhost",
    "{a.localhost",
    "a}.localhost",
    "{}.localhost",
    "{A}.localhost",
    "{".repeat(1_000_000),
    `${"{a}.".repeat(300)}localhost`,
  ]) {
    test(`refuses ${text.slice(0, 40)}`, () => expect(() => HostPattern.parse(text)).toThrow(KtError));
  }

  test("takes any case and a trailing dot", () => {
    expect(HostPattern.parse("{service}.Shop.Localhost.").match("web.shop.localhost")).toMatchObject({ kind: "match" });
  });

  test("gives one shape to patterns that differ in the names of captures", () => {
    expect(HostPattern.parse("{a}.x.localhost").shape).toBe(HostPattern.parse("{b}.X.localhost").shape);
  });

  test("gives a pattern or a KtError for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("{", "}", "a", "-", ".", "A", "_", "é"), maxLength: 20 }), (text) => {
        try {
          HostPattern.parse(text).match("a.a");
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(KtError);
        }
      }),
    );
  });
});
