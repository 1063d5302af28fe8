/** The route table: precedence, conflicts, dynamic names, and answers that guess nothing. */

import { describe, expect, test } from "bun:test";
import { routeLimits } from "#route/limits.ts";
import type { DynamicEntry, Lookup, PatternEntry, RouteEntries, StaticEntry } from "#route/lookup.ts";
import { HostPattern } from "#route/pattern.ts";
import type { DynamicReach } from "#route/lookup.ts";
import { RouteTable } from "#route/table.ts";
import { formatTarget } from "#route/target.ts";
import { parseTarget } from "#route/target-text.ts";
import { parseTargetTemplate } from "#route/template.ts";

function fixed(host: string, target: string, profile = "/a"): StaticEntry {
  return { profile, route: host, host, target: { ...parseTarget(target), cluster: { profile, context: undefined } }, scheme: "http" };
}

function pattern(host: string, target: string, more: { profile?: string; context?: string; scheme?: "http" | "https" } = {}): PatternEntry {
  const { profile = "/a", context, scheme } = more;
  const parsed = HostPattern.parse(host);
  const template = { ...parseTargetTemplate(target, parsed.captures), profile, context, contexts: { prod: "arn:prod" } };
  return { profile, route: host, pattern: parsed, target: template, scheme };
}

const all: DynamicReach = { kind: "all" };

function dynamic(contexts: Record<string, string> = {}, profile = "/a", suffix = "k8s.localhost", reach = all): DynamicEntry {
  return { profile, suffix, contexts, reach };
}

function table(entries: Partial<RouteEntries>): RouteTable {
  return RouteTable.build({ static: [], patterns: [], dynamic: [], ...entries });
}

function goesTo(lookup: Lookup): string {
  if (lookup.kind !== "found") return lookup.kind;
  return `${lookup.via} ${formatTarget(lookup.target)} ${lookup.target.cluster.context ?? "-"} ${lookup.scheme}`;
}

describe("names", () => {
  const routes = table({ static: [fixed("grafana.localhost", "monitoring/svc/grafana:80")] });

  for (const host of ["grafana.localhost", "GRAFANA.Localhost", "grafana.localhost.", "grafana.localhost:8989", "Grafana.localhost.:80"]) {
    test(`${host} is found`, () => expect(goesTo(routes.lookup(host))).toBe("static monitoring/svc/grafana:80 - http"));
  }

  test("an unknown name gets the nearest one and all there are", () => {
    expect(routes.lookup("grafna.localhost")).toEqual({
      kind: "unknown",
      host: "grafna.localhost",
      nearest: "grafana.localhost",
      known: ["grafana.localhost"],
      hint: undefined,
    });
  });

  for (const host of ["", "a b", "[::1]:80", "a..b", "http://grafana.localhost", "grafana.localhost:x"]) {
    test(`"${host}" is unknown`, () => expect(routes.lookup(host)).toMatchObject({ kind: "unknown", host }));
  }
});

describe("precedence", () => {
  const name = "web-80.svc.shop.ns.dev.cx.k8s.localhost";
  const ofPattern = pattern("{x}.svc.shop.ns.dev.cx.k8s.localhost", "svc/pattern:80");

  test("is static, then pattern, then dynamic", () => {
    const all = { static: [fixed(name, "svc/static:80")], patterns: [ofPattern], dynamic: [dynamic()] };
    expect(goesTo(table(all).lookup(name))).toBe("static svc/static:80 - http");
    expect(goesTo(table({ ...all, static: [] }).lookup(name))).toBe("pattern svc/pattern:80 - http");
    expect(goesTo(table({ dynamic: [dynamic()] }).lookup(name))).toBe("dynamic shop/svc/web:80 dev http");
    expect(table({}).lookup(name).kind).toBe("unknown");
  });

  test("prefers the more specific pattern, in whatever order they came", () => {
    const patterns = [pattern("{s}.{n}.localhost", "{n}/svc/{s}:80"), pattern("{s}.prod.localhost", "live/svc/{s}:80")];
    for (const order of [patterns, patterns.toReversed()]) {
      expect(goesTo(table({ patterns: order }).lookup("web.prod.localhost"))).toBe("pattern live/svc/web:80 - http");
      expect(goesTo(table({ patterns: order }).lookup("web.dev.localhost"))).toBe("pattern dev/svc/web:80 - http");
    }
  });

  test("refuses a name that two equally specific patterns send to different targets", () => {
    const patterns = [pattern("{s}-x.localhost", "svc/{s}:80"), pattern("y-{s}.localhost", "svc/{s}:81")];
    expect(table({ patterns }).lookup("y-web-x.localhost")).toEqual({
      kind: "ambiguous",
      host: "y-web-x.localhost",
      readings: ['pattern "{s}-x.localhost": svc/y-web:80', 'pattern "y-{s}.localhost": svc/web-x:81'],
      hint: 'add a route for this name: "y-web-x.localhost" = "NAMESPACE/svc/NAME:PORT" under [routes]',
    });
    expect(goesTo(table({ patterns }).lookup("web-x.localhost"))).toBe("pattern svc/web:80 - http");
  });
});

describe("patterns", () => {
  test("fill the target, the context and its short name", () => {
    const routes = table({ patterns: [pattern("{port}.{s}.{c}.localhost", "svc/{s}-api:{port}", { context: "{c}" })] });
    expect(goesTo(routes.lookup("8443.web.prod.localhost"))).toBe("pattern svc/web-api:8443 arn:prod https");
    expect(goesTo(routes.lookup("http.web.dev.localhost"))).toBe("pattern svc/web-api:http dev http");
  });

  test("keep the scheme they name", () => {
    const routes = table({ patterns: [pattern("{s}.localhost", "svc/{s}:443", { scheme: "http" })] });
    expect(goesTo(routes.lookup("web.localhost"))).toBe("pattern svc/web:443 - http");
  });

  test("say how a name can be read that can be read in two ways", () => {
    const routes = table({ patterns: [pattern("{s}-{n}.localhost", "{n}/svc/{s}:80")] });
    expect(routes.lookup("my-web-shop.localhost")).toMatchObject({
      kind: "ambiguous",
      readings: ['{s} is "my-web", {n} is "shop"', '{s} is "my", {n} is "web-shop"'],
    });
  });
});

describe("dynamic names", () => {
  const routes = table({ dynamic: [dynamic({ prod: "arn:aws:eks:eu-west-1:123456789012:cluster/prod" })] });
  const at = (name: string, rest = "svc.shop.ns.dev.cx.k8s.localhost"): string => goesTo(routes.lookup(`${name}.${rest}`));

  test("reach services and pods, by number and by name", () => {
    expect(at("web-80")).toBe("dynamic shop/svc/web:80 dev http");
    expect(at("my-web-http")).toBe("dynamic shop/svc/my-web:http dev http");
    expect(at("web-2-80")).toBe("dynamic shop/svc/web-2:80 dev http");
    expect(at("web-0-8080", "pod.shop.ns.dev.cx.k8s.localhost")).toBe("dynamic shop/pod/web-0:8080 dev http");
    expect(at("WEB-80", "SVC.shop.ns.Dev.cx.k8s.localhost.:8989")).toBe("dynamic shop/svc/web:80 dev http");
  });

  test("have a long form for every port", () => {
    expect(at("2.web")).toBe("dynamic shop/svc/web:2 dev http");
    expect(at("server.argocd")).toBe("dynamic shop/svc/argocd:server dev http");
    expect(at("http-web.prom")).toBe("dynamic shop/svc/prom:http-web dev http");
    expect(at("80.web-2", "pod.shop.ns.dev.cx.k8s.localhost")).toBe("dynamic shop/pod/web-2:80 dev http");
  });

  test("speak https to 443, 8443 and https", () => {
    expect(at("web-443")).toEndWith(" https");
    expect(at("web-8443")).toEndWith(" https");
    expect(at("web-https")).toEndWith(" https");
    expect(at("https-web.web")).toEndWith(" https");
    expect(at("web-4430")).toEndWith(" http");
  });

  test("know contexts by their short names", () => {
    expect(at("web-80", "svc.shop.ns.prod.cx.k8s.localhost")).toContain("arn:aws:eks:eu-west-1:123456789012:cluster/prod");
  });

  test("name themselves as their route", () => {
    expect(routes.lookup("WEB-80.svc.shop.ns.dev.cx.k8s.localhost.")).toMatchObject({ route: "web-80.svc.shop.ns.dev.cx.k8s.localhost" });
  });

  test("that parse two ways are refused with how to write them", () => {
    expect(routes.lookup("web-2.svc.shop.ns.dev.cx.k8s.localhost")).toMatchObject({
      kind: "ambiguous",
      readings: [
        'service "web", port 2: write 2.web.svc.shop.ns.dev.cx.k8s.localhost',
        'service "web-2", its port forgotten: write web-2-PORT.svc.shop.ns.dev.cx.k8s.localhost',
      ],
    });
  });

  test("that are written as the refusal says are found", () => {
    const refused = routes.lookup("my-argocd-server.svc.shop.ns.dev.cx.k8s.localhost");
    const written =
      refused.kind === "ambiguous" ? refused.readings.map((reading) => reading.replace(/.*write /, "").replace("PORT", "80")) : [];
    expect(written.map((host) => goesTo(routes.lookup(host)))).toEqual([
      "dynamic shop/svc/my-argocd:server dev http",
      "dynamic shop/svc/my:argocd-server dev http",
      "dynamic shop/svc/my-argocd-server:80 dev http",
    ]);
  });

  test("without a port get a hint, and so do others under the suffix", () => {
    for (const name of ["web.svc.shop.ns.dev.cx", "web-0.svc.shop.ns.dev.cx", "web-80.svc.shop", "x"]) {
      expect(routes.lookup(`${name}.k8s.localhost`)).toMatchObject({ kind: "unknown", hint: expect.stringContaining("NAME-PORT.svc") });
    }
  });

  test("end with the profile's own suffix, and with no other", () => {
    const own = table({ dynamic: [dynamic({}, "/a", "cluster.test")] });
    expect(goesTo(own.lookup("web-80.svc.shop.ns.dev.cx.cluster.test"))).toBe("dynamic shop/svc/web:80 dev http");
    expect(goesTo(own.lookup("web-80.svc.shop.ns.dev.cx.k8s.localhost"))).toBe("unknown");
  });

  test("of two profiles go to the first that knows the context, else to the first", () => {
    const two = table({ dynamic: [dynamic({ dev: "kind-dev" }, "/a"), dynamic({ prod: "arn:prod", dev: "other" }, "/b")] });
    const profileOf = (context: string): string => {
      const lookup = two.lookup(`web-80.svc.shop.ns.${context}.cx.k8s.localhost`);
      return lookup.kind === "found" ? `${lookup.profile} ${lookup.target.cluster.profile} ${lookup.target.cluster.context}` : lookup.kind;
    };
    expect(profileOf("dev")).toBe("/a /a kind-dev");
    expect(profileOf("prod")).toBe("/b /b arn:prod");
    expect(profileOf("third")).toBe("/a /a third");
    expect(two.conflicts).toEqual([{ kind: "context", profile: "/b", route: "dev", holder: "/a" }]);
  });
});

describe("conflicts", () => {
  test("of one hostname: the first keeps it, the second is reported, everything else works", () => {
    const entries = [
      fixed("web.localhost", "svc/a:80", "/a"),
      fixed("web.localhost", "svc/b:80", "/b"),
      fixed("b.localhost", "svc/b:80", "/b"),
    ];
    const routes = table({ static: entries });
    expect(routes.conflicts).toEqual([{ kind: "host", profile: "/b", route: "web.localhost", holder: "/a" }]);
    expect(goesTo(routes.lookup("web.localhost"))).toBe("static svc/a:80 - http");
    expect(goesTo(routes.lookup("b.localhost"))).toBe("static svc/b:80 - http");
  });

  test("of one pattern, whatever its captures are called", () => {
    const patterns = [
      pattern("{a}.x.localhost", "svc/{a}:80", { profile: "/a" }),
      pattern("{b}.x.localhost", "svc/{b}:81", { profile: "/b" }),
    ];
    expect(table({ patterns }).conflicts).toEqual([{ kind: "pattern", profile: "/b", route: "{b}.x.localhost", holder: "/a" }]);
  });

  test("are none between two profiles with one suffix", () => {
    expect(table({ dynamic: [dynamic({}, "/a"), dynamic({}, "/b")] }).conflicts).toEqual([]);
  });
});

test("more names than are remembered are all answered", () => {
  const routes = table({ patterns: [pattern("{s}.localhost", "svc/{s}:80")] });
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index <= routeLimits.recentNames; index++) {
      expect(goesTo(routes.lookup(`web${index}.localhost`))).toBe(`pattern svc/web${index}:80 - http`);
    }
  }
  const first = routes.lookup("web0.localhost");
  expect(routes.lookup("web0.localhost")).toBe(first);
});

describe("a pattern that leaves its port open", () => {
  const routes = table({
    patterns: [pattern("{s}.{n}.open.localhost", "{n}/svc/{s}:{port}"), pattern("{s}.fixed.localhost", "n/svc/{s}:80")],
  });

  test.each([
    ["web.shop.open.localhost:9090", "pattern shop/svc/web:9090 - http"],
    ["web.shop.open.localhost:8443", "pattern shop/svc/web:8443 - https"],
    ["WEB.shop.open.localhost.:9090", "pattern shop/svc/web:9090 - http"],
    ["web.shop.open.localhost", "pattern shop/svc/web:80 - http"],
    ["web.shop.open.localhost:0", "unknown"],
    ["web.fixed.localhost:9090", "pattern n/svc/web:80 - http"],
  ])("takes that of the name as sent: %s", (host, target) => {
    expect(goesTo(routes.lookup(host))).toBe(target);
    expect(goesTo(routes.lookup(host))).toBe(target);
  });

  test("does so in its target's port only", () => {
    expect(() => parseTargetTemplate("svc/web-{port}:{port}", ["s"])).toThrow("uses {port}, which the pattern does not capture");
    expect(() => parseTargetTemplate("{port}/svc/{s}:80", ["s"])).toThrow("uses {port}, which the pattern does not capture");
  });
});

describe("names that no profile has", () => {
  const name = (context: string, start = "web-80.svc.shop"): string => `${start}.ns.${context}.cx.k8s.localhost`;
  const these = (contexts: readonly string[], current = false): DynamicReach => ({ kind: "these", contexts, current });
  const reaching = (reach: DynamicReach, contexts: Record<string, string> = {}): RouteTable =>
    table({ dynamic: [dynamic(contexts, "/a", "k8s.localhost", reach)] });
  const said = (lookup: Lookup): string => (lookup.kind === "refused" ? `${lookup.reason}; ${lookup.hint}` : lookup.kind);

  test("reaches the contexts of the list, by either name", () => {
    const routes = reaching(these(["arn:prod", "dev"]), { prod: "arn:prod", dev: "dev-2" });
    expect(goesTo(routes.lookup(name("prod")))).toBe("dynamic shop/svc/web:80 arn:prod http");
    // The label means another context here.
    expect(routes.lookup(name("dev")).kind).toBe("refused");
    expect(said(routes.lookup(name("stage")))).toBe(
      'a dynamic name reaches for context "stage", which this profile does not name; if it should, write [contexts] stage = "stage" in the profile, or [http] dynamic = true for every context',
    );
  });

  test("reaches any context, or the current one, or none", () => {
    expect(reaching({ kind: "all" }).lookup(name("stage"))).toMatchObject({ kind: "found", target: { derived: { mustBeCurrent: false } } });
    expect(reaching(these([], true)).lookup(name("stage"))).toMatchObject({ kind: "found", target: { derived: { mustBeCurrent: true } } });
    expect(said(reaching({ kind: "none" }).lookup(name("stage")))).toBe(
      `"${name("stage")}" is a dynamic name, and the profile has turned these off; write a route, [routes] "NAME.localhost" = "shop/svc/web:80", or [http] dynamic = ["stage"]`,
    );
  });

  test("belongs to the first profile that reaches its context", () => {
    const [none, all] = [dynamic({ prod: "x" }, "/none", "k8s.localhost", { kind: "none" }), dynamic({}, "/all")];
    const current = dynamic({}, "/current", "k8s.localhost", these([], true));
    const owner = (...entries: DynamicEntry[]): unknown => {
      const lookup = table({ dynamic: entries }).lookup(name("prod"));
      return lookup.kind === "found" ? lookup.profile : lookup.kind;
    };
    expect(owner(none, all)).toBe("/all");
    expect(owner(none, current)).toBe("/current");
    expect(owner(none, current, all)).toBe("/all");
    expect(owner(none)).toBe("refused");
  });

  test("does not reach the API server", () => {
    const routes = table({
      dynamic: [dynamic()],
      patterns: [pattern("{s}.{n}.any.localhost", "{n}/svc/{s}:443"), pattern("{s}.here.localhost", "svc/{s}:443")],
    });
    const refused = ["kubernetes-443.svc.default", "https.kubernetes.svc.default", "kube-apiserver-node1-6443.pod.kube-system"];
    for (const start of refused) expect(said(routes.lookup(name("dev", start)))).toContain("leads to the API server itself");
    for (const host of ["kubernetes.default.any.localhost", "KUBERNETES.default.any.localhost.:8989", "kubernetes.here.localhost"])
      expect(said(routes.lookup(host))).toContain(`if it should, write a route: [routes] "${host.toLowerCase().split(".:")[0]}" = `);
    expect(routes.lookup(name("dev", "kubernetes-443.svc.shop")).kind).toBe("found");
    expect(routes.lookup("kubernetes.shop.any.localhost").kind).toBe("found");
    const written = table({ static: [fixed("api.localhost", "default/svc/kubernetes:443")] });
    expect(written.lookup("api.localhost").kind).toBe("found");
  });
});
