/** Who may do what, and how the cluster is reached: RBAC, credential plugins and HTTP proxies. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { sleep } from "bun";
import { createUser, namespace, ownCluster, type Rule, writeKubeconfig } from "#test/support/cluster.ts";
import { startProxy } from "#test/support/connect-proxy.ts";
import { Home, Kt, listening } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";

const see: Rule = { apiGroups: [""], resources: ["services", "pods"], verbs: ["get", "list", "watch"] };
const slices: Rule = { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] };
const forward = (...verbs: string[]): Rule => ({ apiGroups: [""], resources: ["pods/portforward"], verbs });

function profile(port: number): string {
  return `namespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"web.localhost" = "svc/web:http"\n`;
}

/** Runs kt as this user and asks once. */
async function askAs(user: Record<string, unknown>, cluster: Record<string, unknown> = {}, env: Record<string, string> = {}) {
  const [port = 0] = freePorts(1);
  const kubeconfig = await writeKubeconfig({ kt: { namespace, user, cluster } });
  await using kt = await Kt.serve(port, profile(port), { KUBECONFIG: kubeconfig, ...env });
  const response = await kt.fetch("web.localhost", "/");
  return { status: response.status, code: response.headers.get("x-kt-error"), text: await response.text(), output: kt.process.output };
}

describe("RBAC", () => {
  test("everything that is needed and no more: served", async () => {
    const token = await createUser(namespace, "full", [see, slices, forward("get", "create")]);
    expect((await askAs({ token })).status).toBe(200);
  });

  test("only create: served over SPDY", async () => {
    const token = await createUser(namespace, "spdy-only", [see, slices, forward("create")]);
    expect((await askAs({ token })).status).toBe(200);
  });

  test.each(["get", "nothing"])("may not create pods/portforward (has: %s): told the verb and resource", async (verb) => {
    const token = await createUser(namespace, `no-forward-${verb}`, [see, slices, ...(verb === "get" ? [forward(verb)] : [])]);
    const answer = await askAs({ token });
    expect(answer).toMatchObject({ status: 502, code: "forbidden" });
    expect(answer.text).toContain("create");
    expect(answer.text).toContain("pods/portforward");
  });

  test("may not list EndpointSlices: served by the fallback", async () => {
    const token = await createUser(namespace, "no-slices", [see, forward("get", "create")]);
    expect((await askAs({ token })).status).toBe(200);
  });

  test("may not get services: told the verb and resource", async () => {
    const token = await createUser(namespace, "no-services", [forward("get", "create")]);
    const answer = await askAs({ token });
    expect(answer).toMatchObject({ status: 502, code: "forbidden" });
    expect(answer.text).toMatch(/(get|list|watch)\b.*services/);
  });

  test("a token that the API server does not know", async () => {
    const answer = await askAs({ token: "not-a-token" });
    expect(answer).toMatchObject({ status: 502, code: "unauthorized" });
    expect(answer.text).not.toContain("not-a-token");
    expect(answer.output).not.toContain("not-a-token");
  });
});

describe("credential plugins", () => {
  function plugin(home: Home, script: string): Record<string, unknown> {
    const path = home.write("plugin", `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return { exec: { apiVersion: "client.authentication.k8s.io/v1", command: path, interactiveMode: "Never" } };
  }

  test("a token that expires in 5 s keeps working, and the plugin is run again", async () => {
    const token = await createUser(namespace, "plugin", [see, slices, forward("get", "create")]);
    const home = new Home();
    const calls = `${home.path}/calls`;
    const user = plugin(
      home,
      `echo run >> ${calls}
expires=$(date -u -d '+5 seconds' +%Y-%m-%dT%H:%M:%SZ)
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"${token}","expirationTimestamp":"%s"}}' "$expires"`,
    );
    home.env["KUBECONFIG"] = await writeKubeconfig({ kt: { namespace, user } });
    const [port = 0] = freePorts(1);
    const started = home.start(["serve", "-f", home.write("tunnels.toml", profile(port))]);
    await listening(port, started);
    const ask = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${port}/`, { headers: { Host: "web.localhost" }, keepalive: false })).status;
    for (const _ of [1, 2, 3]) {
      expect(await ask()).toBe(200);
      await sleep(2_500); // the token's life passes
    }
    // New sessions need the token: enough at once to open some.
    expect(await Promise.all(Array.from({ length: 20 }, ask))).toEqual(Array.from({ length: 20 }, () => 200));
    expect(readFileSync(calls, "utf8").split("\n").length - 1).toBeGreaterThanOrEqual(2);
    expect(readFileSync(calls, "utf8").split("\n").length - 1).toBeLessThan(20);
    expect(started.output).not.toContain(token);
    await home.close();
  });

  test("one that fails shows its own words", async () => {
    const home = new Home();
    const user = plugin(home, 'echo "SSO session has expired, run: acme login" >&2; exit 1');
    const answer = await askAs(user);
    expect(answer).toMatchObject({ status: 502, code: "credentials-failed" });
    expect(answer.text).toContain("SSO session has expired, run: acme login");
    await home.close();
  });

  test("one that is not installed is named", async () => {
    const answer = await askAs({
      exec: { apiVersion: "client.authentication.k8s.io/v1", command: "no-such-plugin", interactiveMode: "Never" },
    });
    expect(answer).toMatchObject({ status: 502, code: "credentials-failed" });
    expect(answer.text).toContain("no-such-plugin");
  });
});

/** Not loopback, for which environment proxies do not count; the API server's certificate names it too. */
const routable = { server: "https://10.244.0.1:6443" };

describe.skipIf(!ownCluster)("HTTP proxies", () => {
  let token: string;
  beforeAll(async () => {
    token = await createUser(namespace, "proxied", [see, slices, forward("get", "create")]);
  });

  test("proxy-url of the kubeconfig", async () => {
    using proxy = disposable();
    expect((await askAs({ token }, { ...routable, "proxy-url": proxy.url })).status).toBe(200);
    expect(new Set(proxy.connected)).toEqual(new Set(["10.244.0.1:6443"]));
  });

  test("HTTPS_PROXY", async () => {
    using proxy = disposable();
    expect((await askAs({ token }, routable, { HTTPS_PROXY: proxy.url })).status).toBe(200);
    expect(proxy.connected.length).toBeGreaterThan(0);
  });

  test("NO_PROXY excepts an address range", async () => {
    using proxy = disposable();
    expect((await askAs({ token }, routable, { HTTPS_PROXY: proxy.url, NO_PROXY: "10.244.0.0/16" })).status).toBe(200);
    expect(proxy.connected).toEqual([]);
  });

  test("a proxy's user and password are sent, and appear nowhere else", async () => {
    using proxy = disposable();
    const url = proxy.url.replace("http://", "http://me:s3cret@");
    const answer = await askAs({ token }, { ...routable, "proxy-url": url });
    expect(answer.status).toBe(200);
    expect(proxy.authorizations[0]).toBe(`Basic ${btoa("me:s3cret")}`);
    expect(answer.output).not.toContain("s3cret");
  });

  test("a proxy that refuses says so", async () => {
    using proxy = disposable("407 Proxy Authentication Required");
    const answer = await askAs({ token }, { ...routable, "proxy-url": proxy.url });
    expect(answer).toMatchObject({ status: 502, code: "proxy-failed" });
    expect(answer.text).toContain("407");
  });

  function disposable(refuse?: string) {
    const proxy = startProxy(refuse);
    return Object.assign(proxy, { [Symbol.dispose]: () => proxy.close() });
  }
});

describe("hostile working directory", () => {
  const home = new Home({ KUBECONFIG: "" });
  const proof = `${home.path}/preloaded`;
  afterAll(async () => await home.close());

  test("bunfig.toml and .env are not obeyed", async () => {
    home.write("bunfig.toml", 'preload = ["./evil.ts"]\n');
    home.write("evil.ts", `require("node:fs").writeFileSync(${JSON.stringify(proof)}, "ran");\n`);
    home.write(".env", "KT_E2E_FROM_DOTENV=yes\n");
    home.write("tunnels.toml", 'context = "${KT_E2E_FROM_DOTENV}"\n');
    expect((await home.run(["version"])).exitCode).toBe(0);
    const checked = await home.run(["check"]);
    expect(checked.exitCode).toBe(2);
    expect(checked.stderr).toContain("KT_E2E_FROM_DOTENV");
    expect(existsSync(proof)).toBe(false);
  });
});
