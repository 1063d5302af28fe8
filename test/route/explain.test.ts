/** The explanation of a name: its last decisive step agrees with the table, and it says how to mend what does not work. */

import { describe, expect, test } from "bun:test";
import { explainHost, explainPort } from "#route/explain.ts";
import { HostPattern } from "#route/pattern.ts";
import { RouteTable } from "#route/table.ts";
import type { Target } from "#route/target.ts";

const cluster = { profile: "/p/tunnels.toml", context: undefined };
const web = { kind: "service", cluster, namespace: undefined, name: "web", port: 80 } as const;
const template = {
  kind: "service",
  profile: cluster.profile,
  context: "dev",
  contexts: {},
  namespace: "{n}",
  name: "{s}",
  port: "80",
} as const;
const text = "{s}.{n}.shop.localhost";
const table = RouteTable.build({
  static: [{ profile: cluster.profile, route: "Web.localhost", host: "web.localhost", target: web, scheme: "http" }],
  patterns: [
    { profile: cluster.profile, route: text, pattern: HostPattern.parse(text), target: template, scheme: undefined },
    {
      profile: cluster.profile,
      route: "{x}.{y}.{z}.localhost",
      pattern: HostPattern.parse("{x}.{y}.{z}.localhost"),
      target: template,
      scheme: undefined,
    },
  ],
  dynamic: [{ profile: cluster.profile, suffix: "k8s.localhost", contexts: {}, reach: { kind: "all" } }],
});

function lines(host: string): string[] {
  return explainHost(table, host).map(({ step, verdict, outcome }) => `${outcome} ${step}: ${verdict}`);
}

describe("explainHost", () => {
  test("a static route", () => {
    expect(lines("WEB.localhost:8989")).toEqual([
      'info name: "WEB.localhost:8989" is looked up as "web.localhost"',
      'match routes: "Web.localhost"',
      "info target: svc/web:80, in the context's namespace, in the current context",
      "info scheme: plain HTTP from the client goes to the backend as http, as the profile says; TLS is passed through as it is",
      "info profile: /p/tunnels.toml",
    ]);
  });

  test("whose scheme is guessed by the port", () => {
    const manner = { forwarded: true, schemeGiven: false };
    const entry = { profile: "p", route: "a.localhost", host: "a.localhost", target: web, scheme: "http", manner } as const;
    const guessed = RouteTable.build({ static: [entry], patterns: [], dynamic: [] });
    expect(explainHost(guessed, "a.localhost").find(({ step }) => step === "scheme")?.verdict).toBe(
      "plain HTTP from the client goes to the backend as http, by its port unless the service has an appProtocol; TLS is passed through as it is",
    );
  });

  test("a pattern, and the one it goes before", () => {
    expect(lines("web.blue.shop.localhost").slice(1, 5)).toEqual([
      "miss routes: no route of this name",
      'match patterns: "{s}.{n}.shop.localhost" matches with {s} = "web", {n} = "blue"',
      'miss patterns: "{x}.{y}.{z}.localhost" matches with {x} = "web", {y} = "blue", {z} = "shop", but is not more specific',
      'info target: blue/svc/web:80, in context "dev"',
    ]);
  });

  test("a dynamic name, after everything else missed", () => {
    expect(lines("web-80.svc.blue.ns.dev.cx.k8s.localhost").slice(1, 6)).toEqual([
      "miss routes: no route of this name",
      'miss patterns: "{s}.{n}.shop.localhost" does not match',
      'miss patterns: "{x}.{y}.{z}.localhost" does not match',
      "match dynamic names: matches",
      'info target: blue/svc/web:80, in context "dev"',
    ]);
  });

  test("an unclear name ends with how to write it", () => {
    expect(lines("web-2.svc.blue.ns.dev.cx.k8s.localhost").slice(4, 6)).toEqual([
      "stop dynamic names: can be read in more than one way",
      'stop to write: service "web", port 2: write 2.web.svc.blue.ns.dev.cx.k8s.localhost',
    ]);
  });

  test("an unknown name ends with the nearest", () => {
    expect(lines("wev.localhost").at(-1)).toBe(
      'stop result: nothing is known by the name "wev.localhost"; the nearest route is "web.localhost"',
    );
    expect(lines("a b")).toEqual(['stop name: "a b" is not a valid hostname']);
  });
});

describe("explainPort", () => {
  const listen = [
    { host: "127.0.0.1", port: 5432 },
    { host: "::1", port: 5432 },
  ];
  const entries = [{ profile: cluster.profile, route: "5432", listen, target: web }];
  const outcomes = (port: string): string[] => explainPort(entries, port).map(({ outcome }) => outcome);

  test("finds a port, with its address or without", () => {
    for (const port of ["5432", "127.0.0.1:5432", "[::1]:5432"]) expect(outcomes(port)).toEqual(["info", "match", "info", "info"]);
  });

  test("says what is near when nothing listens", () => {
    expect(explainPort(entries, "5433").at(-1)).toMatchObject({ outcome: "stop", verdict: expect.stringContaining("the nearest is 5432") });
    expect(outcomes("10.0.0.1:5432")).toEqual(["info", "stop"]);
  });

  test("says how a jump host is used", () => {
    const create = { image: "alpine/socat:1", command: undefined, timeoutMs: 1, ttlMs: 1 };
    const via = { kind: "pod", namespace: "shop", name: "kt-jump", container: undefined, method: "auto", create } as const;
    const jump = { kind: "address", cluster, host: "db.internal", port: 3306, via } as const;
    const steps = (target: Target): string[] =>
      explainPort([{ profile: "", route: "3306", listen, target }], "5432").map(({ verdict }) => verdict);
    expect(steps(jump)).toContain("db.internal:3306 via shop/pod/kt-jump, in the current context");
    expect(steps(jump)).toContain("socat, else nc, run in shop/pod/kt-jump, which is made from alpine/socat:1 when it is not there");
    const service = { ...jump, via: { ...via, kind: "service", name: "api", container: "main", method: "nc", create: undefined } } as const;
    expect(steps(service)).toContain('nc, run in container "main" of a ready pod of shop/svc/api');
  });
});
