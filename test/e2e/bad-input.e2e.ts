/** Bad profiles and bad requests: one clear sentence each, no stack trace, and nothing else stops. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { namespace, run } from "#test/support/cluster.ts";
import { type Front, startFront } from "#test/support/front.ts";
import { Home } from "#test/support/kt.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { within } from "#test/support/wait.ts";

const stackTrace = /^\s+at .*[:(]\d+/m;

describe("profiles", () => {
  const home = new Home();
  afterAll(async () => await home.close());

  /** Each: what is wrong, the file, and what must be said of it. */
  const cases: [string, string, RegExp][] = [
    ["a syntax error", '[routes]\n"a.localhost" = \n', /tunnels\.toml:2:\d+/],
    ["an unknown key", 'contxt = "kt"\n', /tunnels\.toml:1:1.*"contxt"[\s\S]*context/],
    ["an unknown table", '[route]\n"a.localhost" = "svc/a:80"\n', /tunnels\.toml:1:\d+.*"route"[\s\S]*routes/],
    ["a wrong type", "name = 3\n", /tunnels\.toml:1:\d+.*name/],
    ["a wrong type of a target", '[routes]\n"a.localhost" = 80\n', /tunnels\.toml:2:\d+/],
    ["a bad hostname", '[routes]\n"bad_host!.localhost" = "svc/a:80"\n', /tunnels\.toml:2:\d+.*bad_host!\.localhost/],
    ["a bad target", '[routes]\n"a.localhost" = "server/a:80"\n', /tunnels\.toml:2:\d+.*server\/a:80/],
    ["a target without a port", '[routes]\n"a.localhost" = "svc/a"\n', /tunnels\.toml:2:\d+.*svc\/a/],
    ["a port out of range", '[tcp]\n70000 = "svc/a:80"\n', /tunnels\.toml:2:\d+.*70000/],
    ["a target port out of range", '[tcp]\n7000 = "svc/a:70000"\n', /tunnels\.toml:2:\d+.*70000/],
    ["a bad duration", 'idle_timeout = "soon"\n', /tunnels\.toml:1:\d+.*soon/],
    ["a duplicate key", '[routes]\n"a.localhost" = "svc/a:80"\n"a.localhost" = "svc/b:80"\n', /tunnels\.toml:3:\d+/],
    ["a duplicate route", '[routes]\n"a.localhost" = "svc/a:80"\n"A.localhost" = "svc/b:80"\n', /tunnels\.toml:3:\d+.*[aA]\.localhost/],
    ["a missing variable", 'context = "${KT_E2E_NOT_SET}"\n', /tunnels\.toml:1:\d+.*KT_E2E_NOT_SET/],
    ["a missing file to extend", 'extends = ["./nowhere.toml"]\n', /nowhere\.toml/],
    ["an unknown shipped profile", 'extends = ["kt:argcd"]\n', /argcd[\s\S]*argocd/],
    ["listening beyond loopback", '[http]\nlisten = ["0.0.0.0:8989"]\n', /0\.0\.0\.0[\s\S]*expose/],
  ];

  test.each(cases)("%s", async (_, text, said) => {
    home.write("tunnels.toml", text);
    const ran = await home.run(["check"]);
    expect(ran.stderr).toMatch(/^kt: error: /);
    expect(ran.stderr).toMatch(said);
    expect(ran.stderr).not.toMatch(stackTrace);
    expect(ran.exitCode).toBe(2);
  });

  test("a cycle in extends", async () => {
    home.write("tunnels.toml", 'extends = ["./a.toml"]\n');
    home.write("a.toml", 'extends = ["./tunnels.toml"]\n');
    const ran = await home.run(["check"]);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toMatch(/^kt: error: .*a\.toml/);
    expect(ran.stderr).not.toMatch(stackTrace);
  });

  test("no profile at all", async () => {
    const ran = await home.run(["check"], { project: "run" });
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toMatch(/^kt: error: [\s\S]*kt: hint: .*kt init/);
  });

  test("a profile that is named and is not there", async () => {
    const ran = await home.run(["check", "-f", "gone.toml"]);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain("gone.toml");
  });

  test("several mistakes are all told at once", async () => {
    home.write("tunnels.toml", 'nam = "a"\n[routes]\n"a.localhost" = 80\n[tcp]\n70000 = "svc/a:80"\n');
    const { stderr } = await home.run(["check"]);
    expect(stderr).toMatch(/:1:[\s\S]*:3:[\s\S]*:5:/);
  });

  test.each([
    [["frobnicate"], /frobnicate/],
    [["up", "--frobnicate"], /frobnicate/],
    [["url", "--json"], /kt url/],
  ])("wrong usage %j", async (args, said) => {
    home.write("tunnels.toml", '[routes]\n"a.localhost" = "svc/a:80"\n');
    const ran = await home.run(args);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toMatch(said);
    expect(ran.stderr).not.toMatch(stackTrace);
  });
});

describe("clusters", () => {
  /** The profile is attached all the same; the route says what is wrong when asked. */
  async function said(toml: string, env: Record<string, string> = {}): Promise<string> {
    const home = new Home(env);
    try {
      home.write("tunnels.toml", `${toml}\n[routes]\n"a.localhost" = "svc/a:80"\n`);
      const up = await home.run(["up", "-d"]);
      const explain = await home.run(["explain", "a.localhost"]);
      const all = up.stdout + up.stderr + explain.stdout + explain.stderr;
      expect(all).not.toMatch(stackTrace);
      return all;
    } finally {
      await home.close();
    }
  }

  test("an unknown context", async () => {
    expect(await said('context = "nowhere"')).toContain('"nowhere"');
  });

  test("a kubeconfig that is not there", async () => {
    expect(await said('kubeconfig = "./gone.yaml"')).toContain("gone.yaml");
  });

  test("a kubeconfig that is not YAML", async () => {
    const home = new Home();
    const path = home.write("broken", "{ not: [yaml");
    expect(await said("", { KUBECONFIG: path })).toContain("broken");
    await home.close();
  });

  test("a kubeconfig that cannot be read", async () => {
    const home = new Home();
    // A directory: unlike a file without permissions, not even root can read it as a file.
    const path = home.write("locked", "");
    rmSync(path);
    mkdirSync(path);
    expect(await said("", { KUBECONFIG: path })).toContain("locked");
    await home.close();
  });
});

describe("requests", () => {
  let front: Front;
  beforeAll(async () => {
    front = await startFront();
  });
  afterAll(async () => await front?.kt.close());

  /** Sends the bytes; gives what came back until the front door closed the connection. */
  async function send(text: string | Uint8Array): Promise<string> {
    const client = await RawClient.open(front.http);
    client.write(text);
    const answer = await within(10_000, "the front door to answer and close", client.readToEnd());
    client.abort();
    return answer;
  }

  const head = (...lines: string[]): string => `${lines.join("\r\n")}\r\n\r\n`;
  const bad: [string, string, RegExp, string][] = [
    ["no Host", head("GET / HTTP/1.1"), /^HTTP\/1\.1 400 /, "host-missing"],
    ["two Hosts", head("GET / HTTP/1.1", "Host: web.localhost", "Host: api.localhost"), /^HTTP\/1\.1 400 /, "request-invalid"],
    [
      "Content-Length and Transfer-Encoding",
      `${head("POST /sink HTTP/1.1", "Host: web.localhost", "Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
      "request-invalid",
    ],
    [
      "two lengths",
      `${head("POST /sink HTTP/1.1", "Host: web.localhost", "Content-Length: 5", "Content-Length: 6")}hello!`,
      /^HTTP\/1\.1 400 /,
      "request-invalid",
    ],
    [
      "a length that is none",
      head("POST /sink HTTP/1.1", "Host: web.localhost", "Content-Length: +5"),
      /^HTTP\/1\.1 400 /,
      "request-invalid",
    ],
    ["a space before the colon", head("GET / HTTP/1.1", "Host: web.localhost", "X-A : b"), /^HTTP\/1\.1 400 /, "request-invalid"],
    [
      "a 1 MB header",
      head("GET / HTTP/1.1", "Host: web.localhost", `X-Large: ${"x".repeat(1_000_000)}`),
      /^HTTP\/1\.1 431 /,
      "request-too-large",
    ],
    ["a garbage first line", head("hello there"), /^HTTP\/1\.1 400 /, "request-invalid"],
    [
      "a name that does not exist",
      head("GET / HTTP/1.1", "Host: nowhere.localhost", "Connection: close"),
      /^HTTP\/1\.1 404 /,
      "host-unknown",
    ],
    [
      "a dynamic name that can be read in two ways",
      head("GET / HTTP/1.1", `Host: web-2.svc.${namespace}.ns.kt.cx.k8s.localhost`, "Connection: close"),
      /^HTTP\/1\.1 404 /,
      "host-ambiguous",
    ],
  ];

  test.each(bad)("%s", async (_, bytes, status, code) => {
    const answer = await send(bytes);
    expect(answer).toMatch(status);
    expect(answer).toMatch(new RegExp(`^x-kt-error: ${code}\\r$`, "im"));
    expect(answer).toMatch(/kt: error: \S+/);
    expect(answer).not.toMatch(stackTrace);
    expect((await front.kt.fetch("web.localhost", "/")).status).toBe(200);
  });

  test.each([
    ["garbage", new Uint8Array([0, 1, 2, 3, 255, 254])],
    ["a TLS record that is not a ClientHello", new Uint8Array([0x16, 3, 1, 0, 4, 2, 0, 0, 0])],
    ["HTTP/2 that breaks off into garbage", new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nthis is not a frame, and never was")],
  ])("%s: closed, and nothing else stops", async (_, bytes) => {
    await send(bytes);
    expect((await front.kt.fetch("web.localhost", "/")).status).toBe(200);
  });

  test("a TLS hello without SNI is ended with an alert, and told in the log", async () => {
    const ran = await run(["openssl", "s_client", "-noservername", "-connect", `127.0.0.1:${front.http}`], { input: "" });
    expect(ran.stdout + ran.stderr).toMatch(/alert|self-signed|self signed/i);
    expect((await front.kt.fetch("web.localhost", "/")).status).toBe(200);
  });
});
