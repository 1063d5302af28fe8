/** [proxy] on a real cluster: curl, Python, Java and Chromium reach names of the cluster by SOCKS5 and HTTP, and nothing else. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { which } from "bun";
import { Chromium } from "#test/support/browser.ts";
import { kubectl, namespace, otherNamespace, ownCluster, podsOf, run } from "#test/support/cluster.ts";
import { twoContexts } from "#test/support/front.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";

/** Nothing else here knows SOCKS by itself and leaves the name to it. */
const hasJava = which("java") !== null;
if (!hasJava) process.stderr.write("there is no java here: its case is left out\n");
if (!ownCluster) process.stderr.write("pods of another cluster may not be reached from here: dialling them directly is left out\n");

/** Loopback addresses of this file's own. */
const base = "127.66.1.1";

let kt: Kt;
let direct: Kt;
let port: number;
let directPort: number;
let clusterIp: string;
let podIp: string;

const profile = (http: number, proxy: number, more = ""): string => `
context = "kt"
namespace = "${namespace}"
[http]
listen = "127.0.0.1:${http}"
[routes]
"other.localhost" = "${otherNamespace}/svc/web:80"
[proxy]
listen = "127.0.0.1:${proxy}"
env = true
${more}
`;

const forwarded = `[addresses]\nbase = "${base}"\n[[forward]]\nnamespaces = ["${namespace}"]\n`;

beforeAll(async () => {
  const [http = 0, proxy = 0, otherHttp = 0, otherProxy = 0] = freePorts(4);
  [port, directPort] = [proxy, otherProxy];
  const env = { KUBECONFIG: await twoContexts() };
  [kt, direct, clusterIp, podIp] = await Promise.all([
    Kt.serve(http, profile(http, proxy, forwarded), env),
    Kt.serve(otherHttp, profile(otherHttp, otherProxy, "direct = true"), env),
    kubectl("-n", otherNamespace, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"),
    kubectl("-n", namespace, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].status.podIP}"),
  ]);
  await eventually("the names", async () => (await curl(`http://web/`, "socks5h")).stdout.includes("host=web"), 30_000);
});
afterAll(async () => {
  await Promise.all([kt?.close(), direct?.close()]);
});

type Way = "socks5" | "socks5h" | "http" | "connect";

async function curl(url: string, way: Way, proxy = port, ...more: string[]) {
  const [scheme, tunnel] = way === "connect" ? ["http", ["--proxytunnel"]] : [way, []];
  const env = { PATH: process.env["PATH"] ?? "" };
  return await run(["curl", "-sS", "-m", "30", "--proxy", `${scheme}://127.0.0.1:${proxy}`, ...tunnel, ...more, url], { env });
}

describe("a name of the cluster", () => {
  const names = (): Record<string, string> => ({
    "svc.ns": `web.${namespace}`,
    "svc.ns.svc": `web.${namespace}.svc`,
    "svc.ns.svc.cluster.local": `web.${namespace}.svc.cluster.local`,
    "in capitals, with a final dot": `WEB.${namespace}.SVC.`,
    "of the first [[forward]]": "web",
    "of a route's namespace": `web.${otherNamespace}`,
  });

  test.each(["socks5h", "http", "connect"] as const)("is reached by %s", async (way) => {
    for (const [form, name] of Object.entries(names())) {
      const { stdout, stderr } = await curl(`http://${name}/`, way);
      expect([form, stdout, stderr]).toEqual([form, expect.stringMatching(/^pod=web-\S+ host=web/i), ""]);
    }
  });

  test("of a pod of a headless service is that pod", async () => {
    for (const pod of await podsOf(namespace, "web")) {
      const { stdout } = await curl(`http://${pod}.web-headless.${namespace}.svc.cluster.local/`, "socks5h");
      expect(stdout).toStartWith(`pod=${pod} `);
    }
  });

  test("leads to the port that is asked for, and TLS goes on to the pod", async () => {
    expect((await curl(`http://web.${namespace}:8081/`, "http")).stdout).toContain(":8081 proto=HTTP/1.1");
    for (const way of ["socks5h", "http"] as const)
      expect((await curl(`https://web.${namespace}/`, way, port, "--insecure")).stdout).toContain("proto=HTTP/2.0");
  });

  test("gets the request as it was sent: no fields of the proxy, none added", async () => {
    const more = ["-H", "Proxy-Connection: keep-alive", "-H", "Proxy-Authorization: Basic eDp5", "-H", "X-Mine: 1"];
    const { headers, host, uri } = JSON.parse((await curl(`http://web.${namespace}/headers?a=b`, "http", port, ...more)).stdout);
    expect({ host, uri }).toEqual({ host: `web.${namespace}`, uri: "/headers?a=b" });
    expect(Object.keys(headers).sort()).toEqual(["Accept", "User-Agent", "X-Mine"]);
  });
});

test.each(["socks5", "socks5h", "http", "connect"] as const)("the ClusterIP of a service is reached by %s", async (way) => {
  expect((await curl(`http://${clusterIp}/`, way)).stdout).toContain(`host=${clusterIp} `);
});

describe("bytes", () => {
  const bytes = Buffer.alloc(24 << 20, createHash("sha512").update("kt").digest());
  const sum = createHash("sha256").update(bytes).digest("hex");

  test.each(["socks5h", "http", "connect"] as const)("of a large upload and a large download arrive whole by %s", async (way) => {
    await using folder = await tempDir();
    writeFileSync(`${folder.path}/upload`, bytes);
    const up = await curl(`http://web.${namespace}/sha256`, way, port, "-T", `${folder.path}/upload`);
    expect(up.stdout).toBe(`${sum} ${bytes.length}\n`);
    const there = (await curl(`http://web.${namespace}/sha256?n=30000000&seed=7`, way)).stdout;
    await curl(`http://web.${namespace}/bytes?n=30000000&seed=7`, way, port, "-o", `${folder.path}/download`);
    const here = createHash("sha256").update(readFileSync(`${folder.path}/download`));
    expect(`${here.digest("hex")} 30000000\n`).toBe(there);
  });

  test("come although the client has ended its half", async () => {
    const client = await RawClient.open(port);
    client.write(`CONNECT web.${namespace}:80 HTTP/1.1\r\nHost: web\r\n\r\n`);
    await client.readUntil("\r\n\r\n");
    client.write("GET /bytes?n=3000000 HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");
    client.end();
    await client.readToEnd();
    expect(client.receivedBytes).toBeGreaterThan(3_000_000);
  });

  test("of a server that speaks first come without a word of the client", async () => {
    const client = await RawClient.open(port);
    const name = `web.${namespace}`;
    client.write(Uint8Array.from([5, 1, 0, 5, 1, 0, 3, name.length, ...Buffer.from(name), 7005 >> 8, 7005 & 255]));
    expect(await client.readUntil("\r\n")).toMatch(/220 web-\S+ ready/);
    client.abort();
  });
});

/** The reply to a request of SOCKS5, after the greeting. */
async function reply(request: readonly number[], proxy = port): Promise<number | undefined> {
  const client = await RawClient.open(proxy);
  client.write(Uint8Array.from([5, 1, 0, ...request]));
  await client.received(12);
  client.abort();
  return client.bytes()[3];
}

const byName = (name: string, at: number, command = 1): number[] => [
  5,
  command,
  0,
  3,
  name.length,
  ...Buffer.from(name),
  at >> 8,
  at & 255,
];
const ipv6 = (last: number): number[] => [0xfd, ...new Array<number>(14).fill(0), last];

describe("refused with its code", () => {
  test.each([
    ["a name outside", () => byName("example.com", 443), 2],
    ["a namespace that the profile does not speak of", () => byName("kubernetes.kube-public", 443), 2],
    ["the API server", () => byName("kube-apiserver.default", 443), 2],
    ["an IPv4 address outside", () => [5, 1, 0, 1, 192, 0, 2, 1, 0, 80], 2],
    ["an IPv6 address outside", () => [5, 1, 0, 4, ...ipv6(1), 0, 80], 2],
    ["this machine", () => [5, 1, 0, 1, 127, 0, 0, 1, 0, 80], 2],
    ["a service that is not there", () => byName(`nothing.${otherNamespace}`, 80), 4],
    ["a port that its service does not declare", () => byName(`web.${namespace}`, 81), 5],
    ["UDP ASSOCIATE", () => byName(`web.${namespace}`, 80, 3), 7],
    ["BIND", () => byName(`web.${namespace}`, 80, 2), 7],
    ["an unknown type of address", () => [5, 1, 0, 9, 1, 2, 3, 4, 0, 80], 8],
  ])("%s", async (_, request, code) => {
    expect(await reply(request())).toBe(code);
  });

  test("SOCKS 4 in its own protocol, and garbage at all", async () => {
    expect((await run(["curl", "-sS", "-m", "10", "--socks4a", `127.0.0.1:${port}`, `http://web.${namespace}/`])).stderr).toContain(
      "request rejected or failed",
    );
    const client = await RawClient.open(port);
    client.write("\x16\x03 no TLS\r\n\r\n");
    await client.readToEnd();
    client.abort();
  });

  test("by HTTP with a page that says what is reached", async () => {
    const { stdout } = await curl("http://example.com/", "http");
    expect(stdout).toContain('"example.com" is not a service of a namespace that the profile speaks of');
    expect(stdout).toContain(`it reaches SERVICE.NAMESPACE in ${namespace}`);
    expect(stdout).toContain("[proxy] direct = true");
    expect((await curl("http://example.com:9/", "connect")).stderr).toContain("403");
  });

  test("a port without a listener behind it: the words come in the client's protocol", async () => {
    // A client that says nothing for a second after its answer is not asked what it speaks.
    const said = await eventually("the words", async () => (await curl(`http://web.${namespace}:7999/`, "connect")).stdout, 60_000);
    expect(said).toContain("kt: error:");
    expect(said).toContain("7999");
  });

  test("a request that is not for a proxy: the page says what it is", async () => {
    const asked = await fetch(`http://127.0.0.1:${port}/`, { headers: { Host: `web.${namespace}` } });
    expect(asked.status).toBe(400);
    expect(await asked.text()).toContain("this is kt's proxy");
  });
});

describe("with direct = true", () => {
  /** Elsewhere pods may not be reached from here. */
  test.skipIf(!ownCluster)("what is not in the cluster is dialled from here, and the cluster's names are not", async () => {
    for (const way of ["socks5h", "http", "connect"] as const) {
      expect((await curl(`http://${podIp}:8080/`, way, directPort)).stdout).toContain(`host=${podIp}:8080 `);
      expect((await curl(`http://web.${otherNamespace}/`, way, directPort)).stdout).toContain(`host=web.${otherNamespace} `);
    }
  });

  test.each([
    ["by its address", () => byName("127.0.0.1", directPort)],
    ["by a number that resolvers read as one", () => byName("2130706433", directPort)],
    ["by an IPv6 address", () => [5, 1, 0, 4, ...new Array<number>(15).fill(0), 1, directPort >> 8, directPort & 255]],
    ["by every address", () => byName("0.0.0.0", directPort)],
    ["by localhost", () => byName("localhost", directPort)],
  ])("no client comes back to this machine %s", async (_, request) => {
    expect(await reply(request(), directPort)).toBe(2);
  });
});

test("status, metrics and explain know what went through it", async () => {
  const client = await RawClient.open(port);
  client.write(`CONNECT web.${otherNamespace}:80 HTTP/1.1\r\nHost: web\r\n\r\n`);
  await client.readUntil("\r\n\r\n");
  const name = `web.${otherNamespace}:80`;
  const status = JSON.stringify(await kt.status());
  expect(status).toContain(`"name":"${name}","url":"${name}"`);
  expect(status).toContain(`"address":"127.0.0.1:${port}","open":true`);
  client.abort();
  await curl(`http://web.${namespace}/`, "socks5h");
  const counted = (await kt.home.ok("metrics")).split("\n").filter((line) => line.includes(`route="web.${namespace}:80"`));
  expect(counted).toContainEqual(expect.stringMatching(/^kt_route_connections_total\{.*\} [1-9]/));
  expect(await kt.home.ok("explain", name)).toContain(`through the proxy at 127.0.0.1:${port}`);
});

describe("programs", () => {
  test("under kt run find it in their environment: curl and Python", async () => {
    const url = `http://web.${namespace}/`;
    expect(await direct.home.ok("run", "--", "curl", "-sS", url)).toContain(`host=web.${namespace}`);
    const code = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())";
    expect(await direct.home.ok("run", "--", "/usr/bin/python3", "-c", code, url)).toContain(`host=web.${namespace}`);
    // The API server is asked for past the proxy, by kubectl and by a kt within.
    expect(await kt.home.ok("run", "--", "kubectl", "-n", namespace, "get", "service", "web", "-o", "name")).toBe("service/web\n");
    const local = await direct.home.ok("run", "--", "curl", "-sS", `http://127.0.0.1:${direct.port}/errors/internal`);
    expect(local).toStartWith("internal\n");
  });

  test("that know SOCKS by themselves: Python", async () => {
    const code = `import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
name = sys.argv[2].encode()
s.sendall(b"\\x05\\x01\\x00"); assert s.recv(2) == b"\\x05\\x00"
s.sendall(b"\\x05\\x01\\x00\\x03" + bytes([len(name)]) + name + struct.pack(">H", 7000)); assert s.recv(10)[1] == 0
s.sendall(b"hello\\n"); print(s.recv(100).decode())`;
    expect((await run(["/usr/bin/python3", "-c", code, String(port), `web.${namespace}`])).stdout).toBe("hello\n\n");
  });

  test.skipIf(!hasJava)(
    "that know SOCKS by themselves: Java, which leaves the name to the proxy",
    async () => {
      await using folder = await tempDir();
      writeFileSync(
        `${folder.path}/Ask.java`,
        `import java.net.*; public class Ask { public static void main(String[] a) throws Exception {
          var proxy = new Proxy(Proxy.Type.valueOf(a[0]), new InetSocketAddress("127.0.0.1", Integer.parseInt(a[1])));
          System.out.write(new URL(a[2]).openConnection(proxy).getInputStream().readAllBytes()); System.out.flush(); } }`,
      );
      for (const kind of ["SOCKS", "HTTP"]) {
        const { stdout, stderr } = await run(["java", `${folder.path}/Ask.java`, kind, String(port), `http://web.${namespace}/`]);
        expect([stdout, stderr]).toEqual([expect.stringContaining(`host=web.${namespace} `), ""]);
      }
    },
    60_000,
  );
});

describe("Chromium with the PAC file", () => {
  let browser: Chromium;
  beforeAll(async () => {
    browser = await Chromium.start([], [`--proxy-pac-url=http://kt.localhost:${kt.port}/proxy.pac`]);
  });
  afterAll(async () => await browser?.close());

  test("opens a name of the cluster with nothing set up, and other names their own way", async () => {
    for (const name of [`web.${namespace}`, `web.${otherNamespace}.svc.cluster.local`, "web"]) {
      const text = await browser.visit({ width: 800 }, async (page) => {
        await page.goto(`http://${name}/`);
        return await page.textContent("body");
      });
      expect(text).toContain(`host=${name} `);
    }
    const own = await browser.visit({ width: 800 }, async (page) => (await page.goto(`http://other.localhost:${kt.port}/`))?.status());
    expect(own).toBe(200);
  });

  test("speaks WebSocket to it from its own page, and not from a page of another name", async () => {
    const socket = (from: string): Promise<string> =>
      browser.visit({ width: 800 }, async (page) => {
        await page.goto(from);
        return await page.evaluate(
          (url) =>
            new Promise<string>((resolve) => {
              const opened = new WebSocket(url);
              opened.onopen = () => resolve("open");
              opened.onerror = () => resolve("refused");
            }),
          `ws://web.${namespace}/ws`,
        );
      });
    expect(await socket(`http://web.${namespace}/`)).toBe("open");
    expect(await socket(`data:text/html,<p>stranger`)).toBe("refused");
  });
});
