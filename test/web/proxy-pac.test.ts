/** The PAC file as browsers run it: which names go to which proxy, its size for many namespaces, and how it is served. */

import { describe, expect, test } from "bun:test";
import type { ProxyFacts } from "#web/facts/hub-facts.ts";
import { proxyPac } from "#web/facts/proxy-pac.ts";
import { ask, factsOf, siteOf } from "./rig.ts";

const shop: ProxyFacts = {
  address: "127.0.0.1:8988",
  suffixes: ["svc", "svc.cluster.local", "svc.prod", "svc.cluster.local.prod", "dev.test"],
  namespaces: [
    { namespace: "shop", label: undefined },
    { namespace: "team-*", label: undefined },
    { namespace: "shop", label: "prod" },
  ],
  names: ["web", "db-0.db"],
};

/** Browsers give PAC files a function for patterns of shells. */
function shExpMatch(text: string, pattern: string): boolean {
  return new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(text);
}

function answerOf(pac: string, host: string): string {
  return new Function("shExpMatch", `${pac}\nreturn FindProxyForURL("http://${host}/", "${host}");`)(shExpMatch);
}

describe("a PAC file", () => {
  const proxied = "PROXY 127.0.0.1:8988";
  test.each([
    ["web.shop", proxied],
    ["WEB.Shop.", proxied],
    ["web.shop.svc", proxied],
    ["web.shop.svc.cluster.local", proxied],
    ["db-0.db.shop.svc.cluster.local", proxied],
    ["web.team-a", proxied],
    ["web.shop.prod", proxied],
    ["web.shop.svc.prod", proxied],
    ["api.shop.dev.test", proxied],
    ["web", proxied],
    ["webs", "DIRECT"],
    ["wiki", "DIRECT"],
    ["web.other", "DIRECT"],
    ["shop", "DIRECT"],
    [".shop", "DIRECT"],
    ["a.web.shop", "DIRECT"],
    ["web.team-a.prod", "DIRECT"],
    ["example.com", "DIRECT"],
    ["grafana.localhost", "DIRECT"],
    ["10.96.0.1", "DIRECT"],
  ])("sends %s to %s", (host, expected) => {
    expect(answerOf(proxyPac([shop]), host)).toBe(expected);
  });

  test("asks the first proxy that has the name", () => {
    const other = { ...shop, address: "127.0.0.1:9999", namespaces: [{ namespace: "other", label: undefined }], suffixes: [], names: [] };
    expect(answerOf(proxyPac([other, shop]), "web.other")).toBe("PROXY 127.0.0.1:9999");
    expect(answerOf(proxyPac([other, shop]), "web.shop")).toBe(proxied);
  });

  test("of a thousand namespaces is small, and knows each of them", () => {
    const namespaces = Array.from({ length: 1000 }, (_, at) => ({ namespace: `team-${at}`, label: undefined }));
    const pac = proxyPac([{ ...shop, namespaces }]);
    expect(pac.length).toBeLessThan(12_000);
    expect(answerOf(pac, "web.team-999")).toBe(proxied);
    expect(answerOf(pac, "web.team-1000")).toBe("DIRECT");
  });

  test("holds no name as code", () => {
    const names = ['"];alert(1);["', "</script>", "\u2028alert(2)//"];
    const pac = proxyPac([{ ...shop, names }]);
    expect(answerOf(pac, "web.shop")).toBe(proxied);
    expect(pac).not.toContain("\u2028");
  });
});

describe("/proxy.pac", () => {
  test("needs no token, and is of the type that browsers want", async () => {
    const site = siteOf(factsOf({ proxies: () => [shop] }));
    const { status, headers, body } = await ask(site, "/proxy.pac", { headers: { Authorization: "" } });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/x-ns-proxy-autoconfig");
    expect(answerOf(body, "web.shop")).toBe("PROXY 127.0.0.1:8988");
  });

  test("is not for pages of other sites", async () => {
    const site = siteOf(factsOf({ proxies: () => [shop] }));
    expect((await ask(site, "/proxy.pac", { headers: { "Sec-Fetch-Site": "cross-site" } })).status).toBe(403);
  });

  test("is not there without a proxy, and says how there would be one", async () => {
    const { status, body } = await ask(siteOf(), "/proxy.pac");
    expect(status).toBe(404);
    expect(body).toContain("[proxy] listen");
  });
});
