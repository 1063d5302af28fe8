/** The files of the dashboard as they travel: small, packed, kept by browsers for good, and without any other script. */

import { describe, expect, test } from "bun:test";
import { ask, siteOf, type Answered } from "./rig.ts";

const site = siteOf();
const open = { Authorization: "" };
const load = (path: string, headers: Record<string, string> = {}): Promise<Answered> =>
  ask(site, path, { headers: { ...open, ...headers } });

/** The addresses that the page names. */
async function filesOfPage(): Promise<string[]> {
  const { body } = await load("/");
  return [...body.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = ""]) => path);
}

describe("the dashboard", () => {
  test("is a page with a script and a style of its own, and nothing inline", async () => {
    const { status, headers, body } = await load("/");
    expect([status, headers.get("content-type"), headers.get("cache-control")]).toEqual([200, "text/html; charset=utf-8", "no-cache"]);
    expect(body).not.toMatch(/<style|style=|<script(?![^>]* src=)| on[a-z]+=/);
    expect(await filesOfPage()).toEqual([
      expect.stringMatching(/^\/assets\/kt-\w{16}\.css$/),
      expect.stringMatching(/^\/assets\/kt-\w{16}\.js$/),
    ]);
    const policy = headers.get("content-security-policy") ?? "";
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ])
      expect(policy).toContain(rule);
    expect(policy).not.toContain("unsafe");
  });

  test("travels in at most 150 kB, and is the same packed as plain", async () => {
    let bytes = 0;
    for (const path of ["/", ...(await filesOfPage())]) {
      const plain = await load(path);
      const packed = await load(path, { "Accept-Encoding": "br;q=1, gzip" });
      const length = Number(packed.headers.get("content-length"));
      expect([packed.headers.get("content-encoding"), plain.headers.get("content-encoding")]).toEqual(["gzip", undefined]);
      expect(Number(plain.headers.get("content-length"))).toBe(Buffer.byteLength(plain.body));
      expect(length).toBeLessThan(Buffer.byteLength(plain.body) + 1);
      bytes += length;
    }
    expect(bytes).toBeLessThan(150_000);
  });

  test("is not sent again to a browser that has it", async () => {
    for (const path of ["/", ...(await filesOfPage())]) {
      const { headers } = await load(path);
      const etag = headers.get("etag") ?? "";
      for (const given of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
        const again = await load(path, { "If-None-Match": given });
        expect([again.status, again.body]).toEqual([304, ""]);
      }
      expect((await load(path, { "If-None-Match": '"other"' })).status).toBe(200);
      expect(headers.get("cache-control")).toBe(path === "/" ? "no-cache" : "private, max-age=31536000, immutable");
    }
  });

  test.each(["gzip;q=0", "gzip;q=0.0", "br", "identity"])("is plain for a client that accepts %p", async (accept) => {
    expect((await load("/", { "Accept-Encoding": accept })).headers.get("content-encoding")).toBeUndefined();
  });

  test("is also at /dashboard, and has no other file", async () => {
    const { status, headers } = await load("/dashboard");
    expect([status, headers.get("location")]).toEqual([303, "/"]);
    for (const path of ["/assets/", "/assets/kt-0.js", "/assets/../token"]) expect((await load(path)).status).toBeGreaterThanOrEqual(401);
    expect((await ask(site, "/", { method: "POST", headers: open })).status).toBe(405);
  });

  test("is refused to pages of other sites and under other names, as all else", async () => {
    const [, script = ""] = await filesOfPage();
    expect((await load(script, { Origin: "https://evil.example" })).status).toBe(403);
    expect((await load("/", { Host: "evil.example" })).status).toBe(421);
  });
});
