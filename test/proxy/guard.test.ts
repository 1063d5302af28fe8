/** Who may ask the front door: programs, pages of this machine, pages that a profile allows, and no other page. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { decideRequest } from "#proxy/door/decide.ts";
import { HostPattern } from "#route/pattern.ts";
import { RouteTable } from "#route/table.ts";
import { parseTarget } from "#route/target-text.ts";
import { parseTargetTemplate } from "#route/template.ts";
import type { Header } from "#wire/http-head.ts";

const fixed = (profile: string, host: string) => ({
  profile,
  route: host,
  host,
  target: { ...parseTarget("n/svc/web:80"), cluster: { profile, context: undefined } },
  scheme: "http" as const,
});
const pattern = HostPattern.parse("{service}.shop.test");
const template = { ...parseTargetTemplate("n/svc/{service}:80", pattern.captures), profile: "/a", context: undefined, contexts: {} };
const table = RouteTable.build({
  static: [fixed("/a", "web.localhost"), fixed("/b", "other.localhost"), fixed("/a", "grafana.corp.example")],
  patterns: [{ profile: "/a", route: pattern.text, pattern, target: template, scheme: "http" }],
  dynamic: [{ profile: "/a", suffix: "k8s.localhost", contexts: { dev: "dev" }, reach: { kind: "all" } }],
  cluster: [{ profile: "/a", context: "dev", label: "dev", namespaces: ["dev"], clusterDomain: "cluster.local", suffix: undefined }],
  origins: [
    { profile: "/a", allowed: ["https://app.example.com", "https://*.preview.example"] },
    { profile: "/c", allowed: ["*"] },
  ],
});

interface Case {
  readonly host?: string;
  readonly method?: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
}

function outcome({ host = "web.localhost", method = "POST", headers }: Case): string {
  const list: Header[] = Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value): Header => [name, value]));
  try {
    decideRequest(table, host, { method, headers: list }, 8989);
    return "served";
  } catch (error) {
    return error instanceof KtError ? error.code : String(error);
  }
}

const crossSite = { "Sec-Fetch-Site": "cross-site" };
const navigation = { ...crossSite, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" };
const hosts = ["web.localhost", "api.shop.test", "web-80.svc.n.ns.dev.cx.k8s.localhost"];
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "CONNECT"];

describe("served", () => {
  const cases: readonly (readonly [string, Case])[] = [
    ["a program", { headers: { Accept: "*/*" } }],
    ["a page of a service's name in the cluster, for itself", { host: "web.dev:8989", headers: { Origin: "http://web.dev:8989" } }],
    ["the form of a page that sends no referrer, as Keycloak's", { headers: { Origin: "null", "Sec-Fetch-Site": "same-origin" } }],
    ["a page of localhost", { headers: { Origin: "http://localhost:3000" } }],
    ["a page of a loopback address", { headers: { Origin: "http://127.0.0.1:5173" } }],
    ["a page of another route, which browsers call cross-site", { headers: { Origin: "http://app.localhost:8989", ...crossSite } }],
    ["a page under a pattern's suffix", { headers: { Origin: "http://app.shop.test:8989", ...crossSite } }],
    ["a page of a route's own name", { headers: { Origin: "https://grafana.corp.example" } }],
    ["the preflight of a page of another route", { method: "OPTIONS", headers: { Origin: "http://app.localhost:8989", ...crossSite } }],
    ["an allowed page", { headers: { Origin: "https://app.example.com", ...crossSite } }],
    ["an allowed page of many", { headers: { origin: "https://pr-7.preview.example" } }],
    ["a link from another site", { method: "GET", headers: navigation }],
    ["a link from a page without a name", { method: "GET", headers: { ...navigation, Origin: "null" } }],
    ["an address that was typed", { method: "GET", headers: { ...navigation, "Sec-Fetch-Site": "none" } }],
    ["an image in a page of another route", { method: "GET", headers: { ...crossSite, Referer: "http://app.localhost:8989/" } }],
    ["an image in an allowed page", { method: "GET", headers: { ...crossSite, Referer: "https://app.example.com/" } }],
    ["a page's own request", { headers: { Origin: "http://web.localhost:8989", "Sec-Fetch-Site": "same-origin" } }],
  ];
  test.each(cases)("%s", (_who, asked) => expect(outcome(asked)).toBe("served"));
});

describe("refused", () => {
  const cases: readonly (readonly [string, Case])[] = [
    ["a page of the web", { headers: { Origin: "https://evil.example" } }],
    ["a page of the web, in old browsers", { headers: { ORIGIN: "https://evil.example" } }],
    ["a page without a name", { headers: { Origin: "null" } }],
    ["a frame without a name, of a page of its own", { headers: { Origin: "null", ...crossSite } }],
    ["a page without a name beside one", { headers: { Origin: ["null", "https://evil.example"], "Sec-Fetch-Site": "same-origin" } }],
    ["a page without a name that says two things", { headers: { Origin: "null", "Sec-Fetch-Site": ["same-origin", "cross-site"] } }],
    ["an empty Origin", { headers: { Origin: "" } }],
    ["two Origins, one of them good", { headers: { Origin: ["http://localhost", "https://evil.example"] } }],
    ["a list of Origins", { headers: { Origin: "http://localhost, https://evil.example" } }],
    ["a form of another site", { headers: { ...navigation, Origin: "https://evil.example" } }],
    ["a form of another site without an Origin", { headers: navigation }],
    ["a frame in another site", { method: "GET", headers: { ...navigation, "Sec-Fetch-Dest": "iframe" } }],
    ["an image in another site", { method: "GET", headers: { ...crossSite, "Sec-Fetch-Mode": "no-cors" } }],
    [
      "an image in another site that says so",
      { method: "GET", headers: { ...crossSite, Referer: "https://evil.example/http://localhost/" } },
    ],
    ["a WebSocket of another site", { method: "GET", headers: { Origin: "https://evil.example", Upgrade: "websocket" } }],
    [
      "a WebSocket that calls itself a link",
      { method: "GET", headers: { ...crossSite, "Sec-Fetch-Mode": "websocket", Upgrade: "websocket" } },
    ],
    ["a WebSocket of another site over HTTP/2", { method: "CONNECT", headers: { Origin: "https://evil.example" } }],
    ["one that calls itself a link", { method: "CONNECT", headers: navigation }],
    ["two Sec-Fetch-Sites", { method: "GET", headers: { "Sec-Fetch-Site": ["same-origin", "cross-site"] } }],
    ["two Sec-Fetch-Modes", { method: "GET", headers: { ...navigation, "Sec-Fetch-Mode": ["navigate", "cors"] } }],
    ["a page that another profile allows", { host: "other.localhost", headers: { Origin: "https://app.example.com" } }],
    ["an allowed page by another scheme", { headers: { Origin: "http://app.example.com" } }],
  ];
  test.each(cases)("%s", (_who, asked) => expect(outcome(asked)).toBe("origin-refused"));

  for (const host of hosts)
    test.each(methods)(`%s for ${host}`, (method) => {
      expect(outcome({ host, method, headers: { Origin: "https://evil.example", ...crossSite } })).toBe("origin-refused");
    });

  test("the reason names the page and what to write", () => {
    const asked = { method: "GET", headers: [["Origin", "https://evil.example"]] as const };
    expect(() => decideRequest(table, "web.localhost", asked, 8989)).toThrow('a page of "https://evil.example" asked for this');
    try {
      decideRequest(table, "web.localhost", asked, 8989);
    } catch (error) {
      expect((error as KtError).hints.join()).toContain('[http] allow_origins = ["https://evil.example"]');
    }
  });
});

describe("a name that asks for another port than it leads to", () => {
  const code = (host: string): string => {
    try {
      return String(decideRequest(table, host, { method: "GET", headers: [] }, 8989).target.port);
    } catch (error) {
      return error instanceof KtError ? error.code : String(error);
    }
  };

  test.each([
    ["api.shop.test", "80"],
    ["api.shop.test:8989", "80"],
    ["api.shop.test:80", "80"],
    ["api.shop.test:443", "80"],
    ["api.shop.test:9090", "host-ambiguous"],
    ["web-80.svc.n.ns.dev.cx.k8s.localhost:9090", "host-ambiguous"],
    ["web-9090.svc.n.ns.dev.cx.k8s.localhost:9090", "9090"],
    ["web.localhost:9090", "80"],
  ])("%s", (host, said) => expect(code(host)).toBe(said));
});

test("a name that is not this machine's is not told which routes there are", () => {
  const hints = (host: string): string => {
    try {
      return String(decideRequest(table, host, { method: "GET", headers: [] }, 8989).kind);
    } catch (error) {
      return error instanceof KtError ? error.hints.join("\n") : String(error);
    }
  };
  for (const host of ["nothing.localhost:8989", "localhost", "127.0.0.1:8989", "[::1]:8989"])
    expect(hints(host)).toContain("routes here: ");
  for (const host of ["rebound.evil.example:8989", "127.0.0.1.evil.example", "x"]) expect(hints(host)).not.toContain("web.localhost");
});

describe("names of the cluster", () => {
  test.each([
    ["another site", "https://evil.example"],
    ["a site under the same end of which no namespace is called so", "http://web.prod"],
    ["no origin", "null"],
  ])("are not for a page of %s", (_, origin) => {
    expect(outcome({ host: "web.dev:8989", headers: { Origin: origin } })).toBe("origin-refused");
  });

  test("do not lend a page whose own name was made to lead here any other", () => {
    expect(outcome({ host: "evil.example", headers: { Origin: "http://evil.example" } })).toBe("host-unknown");
    expect(outcome({ host: "evil.example", method: "GET", headers: {} })).toBe("host-unknown");
    expect(outcome({ host: "web.com", method: "GET", headers: {} })).toBe("host-unknown");
  });
});
