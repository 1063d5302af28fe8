/** Names of a cluster in the route table: which are served, with which port, and what goes before them. */

import { describe, expect, test } from "bun:test";
import { explainHost } from "#route/explain.ts";
import type { ClusterEntry, Lookup } from "#route/lookup.ts";
import { RouteTable } from "#route/table.ts";
import { parseTarget } from "#route/target-text.ts";
import { formatTarget, targetKey } from "#route/target.ts";

const entry: ClusterEntry = {
  profile: "/p",
  context: "dev",
  label: "dev",
  namespaces: ["shop", "team-*", "default", "com"],
  clusterDomain: "cluster.local",
  suffix: "k8s.localhost",
};
const target = { ...parseTarget("n/svc/own:80"), cluster: { profile: "/p", context: undefined } };
const table = RouteTable.build({
  static: [{ profile: "/p", route: "api.shop", host: "api.shop", target, scheme: "http" }],
  patterns: [],
  dynamic: [{ profile: "/p", suffix: "k8s.localhost", contexts: {}, reach: { kind: "all" } }],
  cluster: [entry, { ...entry, profile: "/q", namespaces: ["shop", "late"] }],
});

function shown(lookup: Lookup): string {
  if (lookup.kind !== "found") return lookup.kind;
  const { profile, route, scheme } = lookup;
  return `${profile} ${route} ${formatTarget(lookup.target)} ${scheme}`;
}

test.each([
  ["web.shop", "/p web.shop shop/svc/web:80 http"],
  ["web.shop:8989", "/p web.shop:8989 shop/svc/web:8989 http"],
  ["WEB.Shop.svc.", "/p web.shop.svc shop/svc/web:80 http"],
  ["web.shop.svc.cluster.local:443", "/p web.shop.svc.cluster.local:443 shop/svc/web:443 https"],
  ["db-0.db.team-a.svc:9090", "/p db-0.db.team-a.svc:9090 team-a/pod/db-0:9090 http"],
  ["web.late", "/q web.late late/svc/web:80 http"],
  ["api.shop", "/p api.shop n/svc/own:80 http"],
  ["web-80.svc.x.ns.dev.cx.k8s.localhost", "/p web-80.svc.x.ns.dev.cx.k8s.localhost x/svc/web:80 http"],
  ["kubernetes.default:443", "refused"],
  ["example.com", "unknown"],
  ["example.com.svc", "/p example.com.svc com/svc/example:80 http"],
  ["web.other", "unknown"],
  ["shop", "unknown"],
  ["a.web.shop", "unknown"],
  ["web.shop.svc.other.local", "unknown"],
])("%s", (host, expected) => {
  expect(shown(table.lookup(host))).toBe(expected);
});

describe("the port", () => {
  const otherwise = (host: string): unknown => {
    const lookup = table.lookup(host);
    return lookup.kind === "found" ? lookup.target.derived : undefined;
  };

  test("that the service lacks is the one called http, or https with TLS, and names of other ports are known", () => {
    const nameOf = { service: "web.svc.shop.ns", context: "dev", suffix: "k8s.localhost" };
    expect(otherwise("web.shop:8989")).toEqual({ mustBeCurrent: false, otherwise: { called: "http", nameOf } });
    expect(otherwise("web.shop:443")).toEqual({ mustBeCurrent: false, otherwise: { called: "https", nameOf } });
  });

  test("of a pod is that of the pod", () => {
    expect(otherwise("db-0.db.shop.svc:9090")).toEqual({ mustBeCurrent: false });
  });

  test("makes another tunnel than a port that is written down", () => {
    const lookup = table.lookup("web.shop");
    const named = { ...parseTarget("shop/svc/web:80"), cluster: { profile: "/p", context: "dev" } };
    expect(lookup.kind === "found" && targetKey(lookup.target)).not.toBe(targetKey(named));
  });
});

describe("without them", () => {
  const none = RouteTable.build({ static: [], patterns: [], dynamic: [] });

  test("such a name is unknown, and the page says how it would not be", () => {
    expect(none.lookup("web.shop.svc")).toMatchObject({ kind: "unknown", hint: expect.stringContaining("[http] cluster_names = true") });
    expect(none.lookup("web.shop")).toMatchObject({ kind: "unknown", hint: undefined });
    expect(table.lookup("web.other.svc")).toMatchObject({
      hint: expect.stringContaining("are served in shop, team-*, default, com, late"),
    });
  });

  test("DNS and explain know none", () => {
    expect([none.serves("web.shop"), table.serves("web.shop"), table.serves("web.other")]).toEqual([false, true, false]);
    expect(explainHost(none, "web.shop").map(({ step }) => step)).not.toContain("cluster names");
    expect(explainHost(table, "web.shop")).toContainEqual({ step: "cluster names", verdict: "matches", outcome: "match" });
    expect(explainHost(table, "web.other")).toContainEqual({
      step: "cluster names",
      verdict: "not a name of a service in shop, team-*, default, com, late",
      outcome: "miss",
    });
  });
});
