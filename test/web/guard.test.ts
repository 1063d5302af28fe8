/** The guard of the hub's own pages: what pages of other sites, other users and other names get. */

import { describe, expect, test } from "bun:test";
import { ManualClock } from "#test/support/manual-clock.ts";
import { Access } from "#web/guard/access.ts";
import { webLimits } from "#web/limits.ts";
import { ask, type Asking, siteOf, token } from "./rig.ts";

const site = siteOf();

async function statusOf(headers: Asking["headers"], path = "/metrics", method = "GET"): Promise<number> {
  return (await ask(site, path, { method, headers: headers ?? {} })).status;
}

describe("the name that was asked for", () => {
  test.each(["kt.localhost", "kt.localhost:8989", "KT.localhost.:80"])("%s is its own", async (host) => {
    expect(await statusOf({ Host: host })).toBe(200);
  });

  test.each(["evil.example", "kt.localhost.evil.example", "localhost:8989", "127.0.0.1:8989", "a.kt.localhost", "kt.localhost:1:2"])(
    "%s is misdirected, even with the token",
    async (host) => {
      expect(await statusOf({ Host: host })).toBe(421);
    },
  );
});

describe("a page that asks", () => {
  test.each([
    { Origin: "https://evil.example" },
    { Origin: "null" },
    { Origin: "http://localhost:8989" },
    { Origin: "http://a.kt.localhost:8989" },
    { Origin: "http://kt.localhost:9999" },
    { Origin: "http://kt.localhost:8989.evil.example" },
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site" },
    { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe" },
  ])("is refused as %j, even with the token and where none is needed", async (headers) => {
    expect(await statusOf(headers)).toBe(403);
    expect(await statusOf(headers, "/health")).toBe(403);
  });

  test.each([
    { Origin: "http://kt.localhost:8989" },
    { Origin: "https://kt.localhost:8989", "Sec-Fetch-Site": "same-origin" },
    { "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" },
    { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" },
  ])("may, as %j", async (headers) => {
    expect(await statusOf(headers)).toBe(200);
  });

  test("reads nothing by CORS, and frames nothing", async () => {
    const { headers } = await ask(site, "/metrics", { headers: { Origin: "http://kt.localhost:8989" } });
    expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
    expect((await ask(site, "/metrics", { method: "OPTIONS" })).status).toBe(405);
  });
});

describe("without the token", () => {
  test.each(["", "Bearer", "Bearer x", `Basic ${token}`, `Bearer ${token}x`, `Bearer ${token.slice(1)}`])(
    "as in %p, the answer is 401 and says where it is",
    async (given) => {
      const { status, headers, body } = await ask(site, "/metrics", { headers: { Authorization: given } });
      expect(status).toBe(401);
      expect(headers.get("www-authenticate")).toBe('Bearer realm="kt"');
      expect(body).toContain("/run/kt/token");
      expect(body).not.toContain(token);
    },
  );

  test("pages that are not there look like those that are", async () => {
    expect(await statusOf({ Authorization: "" }, "/none")).toBe(401);
    expect(await statusOf({}, "/none")).toBe(404);
  });

  test("health is readable, and nothing else", async () => {
    const { status, body } = await ask(site, "/health", { headers: { Authorization: "" } });
    expect({ status, body }).toEqual({ status: 200, body: "ok\n" });
  });

  test("programs read why as JSON", async () => {
    const { headers, body } = await ask(site, "/metrics", { headers: { Authorization: "", Accept: "application/json" } });
    expect(headers.get("x-kt-error")).toBe("token-required");
    expect(JSON.parse(body)).toMatchObject({ error: { code: "token-required" } });
  });
});

describe("a browser that was signed in", () => {
  const signedIn = async () => {
    const own = siteOf();
    const answer = await ask(own, `/sign-in?code=${own.signInCode()}`, { headers: { Authorization: "" } });
    const cookie = answer.headers.get("set-cookie") ?? "";
    return { own, answer, cookie, headers: { Authorization: "", Cookie: `other=1; ${cookie.split(";")[0]}` } };
  };

  test("has a cookie that no script reads and that no other site can use", async () => {
    const { answer, cookie } = await signedIn();
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/"]);
    expect(cookie).toMatch(/^kt_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(cookie).not.toContain(token);
  });

  test("reads with it, and posts only from kt's own page", async () => {
    const { own, headers } = await signedIn();
    expect((await ask(own, "/metrics", { headers })).status).toBe(200);
    const post = async (more: Record<string, string>): Promise<number> =>
      (await ask(own, "/api/v1/none", { method: "POST", headers: { ...headers, "Content-Type": "application/json", ...more }, body: "{}" }))
        .status;
    expect(await post({})).toBe(403);
    expect(await post({ Origin: "http://kt.localhost:8989" })).toBe(404);
    expect(await post({ "Sec-Fetch-Site": "same-origin" })).toBe(404);
    expect(await post({ Origin: "http://web.localhost:8989" })).toBe(403);
  });

  test.each(["", "?code=", "?code=x", "?code=a&code=b"])("is not one with %p for a code", async (query) => {
    const answer = await ask(siteOf(), `/sign-in${query}`, { headers: { Authorization: "" } });
    expect([answer.status, answer.headers.get("set-cookie")]).toEqual([401, undefined]);
  });

  test("is one of this hub alone", async () => {
    const { headers } = await signedIn();
    expect((await ask(siteOf(), "/metrics", { headers })).status).toBe(401);
  });
});

describe("a code", () => {
  test("is good for one session, and for a while", () => {
    const clock = new ManualClock();
    const access = new Access(token, clock);
    const [code, late] = [access.offer(), access.offer()];
    const session = access.signIn(code) ?? "";
    expect(access.isSession(session)).toBe(true);
    expect(access.signIn(code)).toBeUndefined();
    clock.advance(webLimits.signInMs + 1);
    expect(access.signIn(late)).toBeUndefined();
  });

  test("cannot be guessed, and those that wait are bounded", () => {
    const access = new Access(token, new ManualClock());
    const codes = Array.from({ length: webLimits.signIns + 1 }, () => access.offer());
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes.every((code) => /^[\w-]{43}$/.test(code))).toBe(true);
    expect(access.signIn(codes[0] ?? "")).toBeUndefined();
    expect(access.signIn(codes.at(-1) ?? "")).toBeDefined();
    expect(access.signIn("")).toBeUndefined();
  });
});

describe("the metrics' own address", () => {
  const scrape = async (headers: Asking["headers"], path = "/metrics", method = "GET"): Promise<number> =>
    (await ask(site, path, { method, scrapes: true, headers: { Authorization: "", ...headers } })).status;

  test.each(["10.0.0.7:9464", "[fd00::7]:9464", "localhost:9464"])("needs no token as %s, and counts the same", async (host) => {
    expect(await scrape({ Host: host })).toBe(200);
    const { body } = await ask(site, "/metrics", { scrapes: true, headers: { Authorization: "", Host: host } });
    expect(body).toContain("kt_route_up{");
  });

  test.each(["evil.example:9464", "kt.localhost:9464", "10.0.0.7.evil.example", "0x7f.1:9464"])("is not at the name %s", async (host) => {
    expect(await scrape({ Host: host })).toBe(421);
  });

  test("is for no page, has nothing else, and changes nothing", async () => {
    const Host = "10.0.0.7:9464";
    expect(await scrape({ Host, Origin: "https://evil.example" })).toBe(403);
    expect(await scrape({ Host, "Sec-Fetch-Site": "cross-site" })).toBe(403);
    for (const path of ["/", "/health/status", "/api/v1/snapshot", "/mcp", "/dashboard"]) expect(await scrape({ Host }, path)).toBe(404);
    expect(await scrape({ Host }, "/metrics", "POST")).toBe(405);
    expect(await scrape({ Host, Authorization: `Bearer ${token}` }, "/api/v1/snapshot")).toBe(404);
  });
});
