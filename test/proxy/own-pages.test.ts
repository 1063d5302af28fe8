/** What the front door answers under its own names: to whom, in which form, and that nothing of others becomes part of the page. */

import { describe, expect, test } from "bun:test";
import { errorCodes } from "#base/error-facts.ts";
import { ownPage, type ShownProfile } from "#proxy/pages/own-pages.ts";

const routes: ShownProfile["routes"] = [
  { kind: "http", name: "web.localhost", url: "http://web.localhost:8989", target: "shop/svc/web:http", state: "running" },
  { kind: "pattern", name: "{s}.dev.localhost", url: "http://{s}.dev.localhost:8989", target: "shop/svc/{s}:80", state: "idle" },
  {
    kind: "tcp",
    name: "5432",
    url: "127.0.0.1:5432",
    target: "shop/svc/db:5432",
    state: "failed",
    problem: { code: "no-ready-pod", message: 'pod "<db>" is in CrashLoopBackOff\u001b[31m', hints: ["kubectl describe pod db"] },
  },
];
const profiles: readonly ShownProfile[] = [{ name: "shop & co", routes }];

const ask = (accept: string, target = "/", host = "localhost:8989", method = "GET") =>
  ownPage({ host, method, target, accept }, () => profiles);
const read = (...asked: Parameters<typeof ask>): string => new TextDecoder().decode(ask(...asked)?.body);

describe("the index", () => {
  test.each(["localhost", "localhost:8989", "LOCALHOST.:8989", "127.0.0.1:8989", "[::1]:8989"])("is at %s", (host) => {
    expect(ask("*/*", "/", host)?.status).toBe(200);
  });

  test.each([
    "evil.test",
    "kt.localhost",
    "localhost.evil.test",
    "127.0.0.1.evil.test",
    "web.localhost",
    "kt.localhost@evil.test",
    "127.0.0.2",
    "",
  ])("is not at %p", (host) => {
    expect(ask("*/*", "/", host)).toBeUndefined();
  });

  test.each([
    ["POST", "/"],
    ["GET", "/other"],
    ["GET", "http://localhost/"],
  ])("is not for %s %s", (method, target) => {
    expect(ask("*/*", target, "localhost", method)).toBeUndefined();
  });

  test("is a table for curl", () => {
    expect(read("*/*")).toBe(`shop & co
  running   http://web.localhost:8989      shop/svc/web:http
  idle      http://{s}.dev.localhost:8989  shop/svc/{s}:80
  failed    127.0.0.1:5432                 shop/svc/db:5432
            pod "<db>" is in CrashLoopBackOff\\x1b[31m
`);
  });

  test("is JSON for programs, with nothing but what is shown", () => {
    const more = [{ name: "shop", profile: "/home/me/secret", routes: [{ ...routes[0], token: "secret" }] }] as unknown as ShownProfile[];
    const answer = ownPage({ host: "localhost", method: "GET", target: "/", accept: "application/json" }, () => more);
    const text = new TextDecoder().decode(answer?.body);
    expect(text).not.toContain("secret");
    expect(JSON.parse(text)).toEqual({ profiles: [{ name: "shop", routes: [{ ...routes[0] }] }] });
  });

  test("is a page for browsers: links that lead there, what others wrote escaped, and it looks again", () => {
    const page = read("text/html,*/*");
    expect(page).toContain('<a href="http://web.localhost:8989">web.localhost</a>');
    expect(page).not.toContain('href="http://{s}');
    expect(page).toContain("shop &#38; co");
    expect(page).toContain("pod &#34;&#60;db&#62;&#34; is in CrashLoopBackOff\\x1b[31m");
    expect(page).toContain('<a href="/errors/no-ready-pod">');
    expect(page).toContain('<meta http-equiv="refresh" content="5">');
    expect(page).not.toMatch(/<script|src=|url\(/);
  });

  test("says what to do while there is no profile", () => {
    const answer = ownPage({ host: "localhost", method: "GET", target: "/", accept: undefined }, () => []);
    expect(new TextDecoder().decode(answer?.body)).toBe("no profile is attached: run kt up in a folder with a tunnels.toml\n");
  });

  test("has no icon, and says so without a line in the log", () => {
    expect(ask("image/*", "/favicon.ico")).toMatchObject({ status: 404, body: new Uint8Array(0) });
  });

  test("forbids frames, scripts and copies", () => {
    const headers = Object.fromEntries(ask("text/html")?.headers ?? []);
    expect(headers["Content-Security-Policy"]).toContain("default-src 'none'");
    expect(headers["Content-Security-Policy"]).toContain("frame-ancestors 'none'");
    expect(headers["Cache-Control"]).toBe("no-store");
  });
});

describe("the page of an error code", () => {
  test.each([...errorCodes])("says what %s means and what to do", (code) => {
    for (const accept of ["text/html", "text/plain", "application/json"]) {
      const text = read(accept, `/errors/${code}`);
      expect(text).toContain(code);
      expect(text.length).toBeGreaterThan(code.length + 20);
      expect(text).not.toMatch(/\]\(|``/);
    }
  });

  test.each(["/errors/none-such", "/errors/", "/errors/../x", "/errors/<b>"])("%s is none", (target) => {
    expect(ask("text/html", target)).toBeUndefined();
  });
});
