/** [http] cluster_names on a real cluster: services by the names that the cluster has for them, at any listener, with the port of the URL. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { apply, namespace, otherNamespace, ownNamespace, run, service } from "#test/support/cluster.ts";
import { twoContexts } from "#test/support/front.ts";
import { Home, Kt, listening, statusOf } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";

/** A loopback address of this file's own, where port 80 is free. */
const lowHost = "127.67.1.1";
const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write("only root may listen on port 80: that listener is left out\n");

let home: Home;
let first: number;
let ports: Awaited<ReturnType<typeof ownNamespace>>;
let second: number;

/** Through the front door, by Host. */
async function ask(host: string, init: RequestInit = {}, path = "/"): Promise<{ status: number; code: string | null; text: string }> {
  const headers = { ...(init.headers as Record<string, string> | undefined), Host: host };
  const asked = await fetch(`http://127.0.0.1:${first}${path}`, { redirect: "manual", ...init, headers });
  return { status: asked.status, code: asked.headers.get("x-kt-error"), text: await asked.text() };
}

const port = (name: string, number: number, targetPort: number): object => ({ name, port: number, targetPort });

beforeAll(async () => {
  [first = 0, second = 0] = freePorts(2);
  ports = await ownNamespace("ports");
  await apply(
    service(ports.name, "one", { type: "ExternalName", externalName: "nowhere.invalid", selector: undefined }),
    service(ports.name, "several", { selector: { app: "none" }, ports: [port("admin", 9000, 8080), port("grpc", 9090, 8080)] }),
  );
  const low = isRoot ? `, "${lowHost}:80"` : "";
  const profile = `context = "kt"
namespace = "${namespace}"
[http]
listen = ["127.0.0.1:${first}", "[::1]:${first}", "127.0.0.1:${second}"${low}]
cluster_names = true
[routes]
"other.localhost" = "${otherNamespace}/svc/web:80"
"several.localhost" = "${ports.name}/svc/several:9000"
`;
  home = new Home({ KUBECONFIG: await twoContexts() });
  const file = home.write("tunnels.toml", profile);
  await home.ok("allow");
  await listening(first, home.start(["serve", "-f", file]));
});
afterAll(async () => {
  await home?.close();
  await ports?.remove();
});

describe("a service", () => {
  test("answers by each form of its name, in any case, by any method", async () => {
    for (const name of [`web.${namespace}`, `web.${otherNamespace}.svc`, `WEB.${namespace}.svc.cluster.local.`]) {
      expect((await ask(name)).text).toStartWith("pod=web-");
      for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
        expect([name, method, (await ask(name, { method }, "/status?code=204")).status]).toEqual([name, method, 204]);
    }
  });

  test("answers at every listener", async () => {
    const places = [`127.0.0.1:${first}`, `[::1]:${first}`, `127.0.0.1:${second}`, ...(isRoot ? [`${lowHost}:80`] : [])];
    for (const place of places) {
      const asked = await eventually("the listener", () => fetch(`http://${place}/`, { headers: { Host: `web.${namespace}` } }));
      expect(await asked.text()).toStartWith("pod=web-");
    }
  });

  test("answers over TLS by its server name, and over HTTP/2", async () => {
    const resolve = (name: string, at: number): string[] => ["--connect-to", `${name}:${at}:127.0.0.1:${first}`];
    const name = `web.${namespace}.svc.cluster.local`;
    const curl = (...args: readonly string[]) => run(["curl", "-sS", "-m", "20", "--insecure", ...args]);
    expect((await curl(...resolve(name, 443), `https://${name}/`)).stdout).toContain("proto=HTTP/2.0");
    expect((await curl(...resolve(name, 8081), "--http2-prior-knowledge", `http://${name}:8081/`)).stdout).toContain("pod=web-");
  });
});

describe("the port of the URL", () => {
  test("is that of the service", async () => {
    const { stdout } = await run(["curl", "-sS", "-m", "20", "-H", `Host: web.${namespace}:8081`, `http://127.0.0.1:${first}/`]);
    expect(stdout).toContain(`host=web.${namespace}:8081`);
    expect(JSON.stringify(await statusOf(home))).toContain(`"target":"${namespace}/svc/web:8081"`);
  });

  test("is the one called http where the service does not have it, as that of the listener", async () => {
    expect((await ask(`web.${namespace}:${first}`)).text).toStartWith("pod=web-");
  });

  test("is guessed in no other case: a page lists the ports, with links", async () => {
    const asked = await ask(`several.${ports.name}:${first}`, { headers: { Accept: "text/html" } });
    const page = asked.text;
    expect([asked.status, asked.code]).toEqual([502, "port-not-found"]);
    expect(page).toContain("9000 (admin), 9090 (grpc)");
    for (const number of [9000, 9090])
      expect(page).toContain(`href="//${number}.several.svc.${ports.name}.ns.kt.cx.k8s.localhost:${first}/"`);
  });
});

describe("a name that is not served", () => {
  test.each([
    ["of a namespace that the profile does not speak of", () => "coredns.kube-system.svc", 404, "host-unknown"],
    ["of a site of the web", () => "example.com", 404, "host-unknown"],
    ["of a service that is not there", () => `nothing.${namespace}`, 502, "service-not-found"],
    ["of a service that is an alias", () => `one.${ports.name}`, 502, "service-external"],
  ])("%s", async (_, name, status, code) => {
    const asked = await ask(name());
    expect([asked.status, asked.code]).toEqual([status, code]);
  });

  test("without cluster_names: the page says how it would be", async () => {
    const [plain = 0] = freePorts(1);
    await using other = await Kt.serve(plain, `[http]\nlisten = "127.0.0.1:${plain}"\n`);
    const asked = await other.fetch(`web.${namespace}.svc`, "/");
    expect(asked.status).toBe(404);
    expect(await asked.text()).toContain("[http] cluster_names = true");
  });
});

describe("a page of another site", () => {
  test("is refused, also a WebSocket of it, and the service's own pages are not", async () => {
    const from = async (origin: string): Promise<number> =>
      (await ask(`web.${namespace}`, { method: "POST", headers: { Origin: origin } })).status;
    expect([await from("https://evil.example"), await from("http://evil.com"), await from("null")]).toEqual([403, 403, 403]);
    expect(await from(`http://web.${namespace}:${first}`)).toBe(200);
    const client = await RawClient.open(first);
    const socket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    client.write(`GET /ws HTTP/1.1\r\nHost: web.${namespace}\r\n${socket}\r\nOrigin: https://evil.example\r\n\r\n`);
    expect(await client.readUntil("\r\n\r\n")).toStartWith("HTTP/1.1 403 ");
    client.abort();
  });

  test("under a name that was made to lead here gets nothing", async () => {
    expect((await ask("evil.example", { headers: { Origin: "http://evil.example" } })).status).toBe(403);
  });
});
