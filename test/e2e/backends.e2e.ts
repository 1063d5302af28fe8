/**
 * Well-known backends work unchanged behind kt, by curl and Chromium, with and without TLS by kt: the real Prometheus, and stand-ins
 * that behave as Grafana, Argo CD, a registry and an OIDC provider do where a proxy in front of them often gets it wrong.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:http2";
import { CryptoHasher, file, write } from "bun";
import { Chromium } from "#test/support/browser.ts";
import { apply, kubectl, ownCluster, ownNamespace, run } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { Prometheus } from "#test/support/prometheus.ts";
import { importImage } from "#test/support/relay-image.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const why = ownCluster ? "" : " (not run: the images can only be put into the runtime of our own cluster)";

const folder = await tempDir();
const prometheus = ownCluster ? await Prometheus.find(folder.path).catch((error: Error) => error) : undefined;
const withoutReal = prometheus instanceof Error ? ` (not run: ${prometheus.message.split("\n")[0]})` : "";

let space: Awaited<ReturnType<typeof ownNamespace>>;
const images: Awaited<ReturnType<typeof importImage>>[] = [];

/** Of pods that run one program of an image each. */
function pod(name: string, image: string, port: number, args: readonly string[] = []): object {
  const container = { name: "app", image, args, readinessProbe: { tcpSocket: { port }, periodSeconds: 1 } };
  const spec = { terminationGracePeriodSeconds: 1, containers: [container] };
  return { apiVersion: "v1", kind: "Pod", metadata: { namespace: space.name, name, labels: { app: name } }, spec };
}

function service(name: string, app: string, ports: Readonly<Record<string, readonly [port: number, targetPort: number]>>): object {
  const list = Object.entries(ports).map(([portName, [port, targetPort]]) => ({ name: portName, port, targetPort }));
  return { apiVersion: "v1", kind: "Service", metadata: { namespace: space.name, name }, spec: { selector: { app }, ports: list } };
}

beforeAll(async () => {
  if (!ownCluster) return;
  images.push(await importImage(new URL("../../dist/e2e-stands", import.meta.url).pathname, "stands"));
  if (prometheus instanceof Prometheus) images.push(await importImage(prometheus.program, "prometheus"));
  space = await ownNamespace("backends");
  const [stands = "", real] = images.map(({ name }) => name);
  await apply(
    pod("stands", stands, 8080),
    ...(real === undefined ? [] : [pod("prometheus", real, 9090, ["--config.file=/dev/null", "--storage.tsdb.path=/tmp/tsdb"])]),
    service("grafana", "stands", { service: [80, 3000] }),
    service("argocd-server", "stands", { http: [80, 8080], https: [443, 8080] }),
    service("argocd-below", "stands", { http: [80, 8081] }),
    service("registry", "stands", { http: [5000, 5000] }),
    service("dex", "stands", { http: [5556, 5556] }),
    service("app", "stands", { http: [80, 5557] }),
    service("prometheus", "prometheus", { web: [9090, 9090] }),
  );
  await kubectl("-n", space.name, "wait", "--for=condition=Ready", "pod", "--all", "--timeout=90s");
}, 180_000);
afterAll(async () => {
  await space?.remove();
  for (const image of images) await image.remove();
  await folder[Symbol.asyncDispose]();
}, 60_000);

const profile = (ports: readonly number[], tls: boolean): string => `
namespace = "${space.name}"
[http]
listen = [${ports.map((port) => `"127.0.0.1:${port}"`).join(", ")}]
${tls ? 'tls = "terminate"' : ""}
[routes]
"grafana.localhost" = "svc/grafana:80"
"prometheus.localhost" = "svc/prometheus:9090"
"argocd.localhost" = "svc/argocd-server:https"
"below.localhost" = "svc/argocd-below:80"
"registry.localhost" = "svc/registry:5000"
"login.localhost" = "svc/dex:5556"
"app.localhost" = "svc/app:80"
[routes."argocd-plain.localhost"]
target = "svc/argocd-server:http"
tls = "passthrough"
`;

/** The status line of a response, its header and its body. */
interface Answer {
  readonly status: number;
  readonly header: Headers;
  readonly body: string;
}

describe.skipIf(!ownCluster).each([["http"], ["https"]])(`over %s${why}`, (scheme) => {
  let kt: Kt;
  let browser: Chromium;
  /** The front door's, and one more. */
  let ports: readonly number[];
  let trust: readonly string[] = [];

  beforeAll(async () => {
    ports = freePorts(2);
    kt = await Kt.serve(ports[0] ?? 0, profile(ports, scheme === "https"));
    const root = `${kt.home.path}/home/.local/share/kt/ca/root.pem`;
    if (scheme === "https") {
      // The CA is made when the first name is asked for.
      await run(["curl", "-sk", "--resolve", `grafana.localhost:${kt.port}:127.0.0.1`, at("grafana")]);
      trust = ["--cacert", root];
    }
    const install = async (home: string): Promise<void> => {
      if (scheme === "https")
        await kt.home.run(["trust", "install", "--store", "browsers", "--ca", root, "--yes", "-q"], { env: { HOME: home } });
    };
    browser = await Chromium.start([], [], install);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await kt?.close();
  }, 30_000);

  const at = (name: string, path = "/", port = kt.port): string => `${scheme}://${name}.localhost:${port}${path}`;

  async function curl(url: string, ...flags: readonly string[]): Promise<Answer> {
    const resolve = ports.flatMap((port) => ["--resolve", `*:${port}:127.0.0.1`]);
    const ran = await run(["curl", "-sS", "-i", ...resolve, ...trust, ...flags, url]);
    if (ran.exitCode !== 0) throw new Error(`curl ${url}: ${ran.stderr}`);
    let [head = "", ...rest] = ran.stdout.split("\r\n\r\n");
    // Those of interim responses, and of requests that were sent elsewhere, come before.
    while (rest[0]?.startsWith("HTTP/") === true) [head = "", ...rest] = rest;
    const [first = "", ...lines] = head.split("\r\n");
    const fields = lines.map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
    return { status: Number(first.split(" ")[1]), header: new Headers(fields), body: rest.join("\r\n\r\n") };
  }

  test("Grafana signs in by its form, and its live connection is of the page's own origin, on each port", async () => {
    for (const port of ports) {
      await browser.visit({ width: 800 }, async (page) => {
        await page.goto(at("grafana", "/d/board?from=now", port));
        expect(page.url()).toBe(at("grafana", "/login", port));
        await page.click("button");
        await page.waitForURL(at("grafana", "/d/board?from=now", port));
        expect(await page.textContent("h1")).toBe(`Welcome to grafana.localhost:${port}`);
        const message = await page.evaluate(
          `new Promise((resolve, reject) => {
             const socket = new WebSocket(location.origin.replace("http", "ws") + "/api/live/ws");
             socket.onmessage = ({ data }) => resolve(data);
             socket.onclose = () => reject(new Error("closed"));
           })`,
        );
        expect(message).toBe('{"connect":{"client":"live"}}');
      });
    }
    const foreign = await curl(at("grafana", "/login"), "-d", "{}", "-H", "Origin: http://other.localhost:8989");
    expect([foreign.status, foreign.body]).toEqual([403, "origin not allowed\n"]);
  });

  test.skipIf(withoutReal !== "")(`Prometheus sends people to its page, and answers queries by GET and POST${withoutReal}`, async () => {
    const sent = await curl(at("prometheus"));
    // Which page it is depends on how it was built.
    const location = sent.header.get("location") ?? "";
    expect([sent.status, location]).toEqual([302, expect.stringMatching(/^\/[a-z/]+$/)]);
    await browser.visit({ width: 800 }, async (page) => {
      // The files of its pages are not in the image, which is its program alone: the redirect is followed, and what it answers is its own.
      await page.goto(at("prometheus"));
      expect(page.url()).toStartWith(at("prometheus", location));
      const result = await page.evaluate(`fetch("/api/v1/query?query=1%2B1").then((answer) => answer.json())`);
      expect(result).toMatchObject({ status: "success", data: { resultType: "scalar", result: [expect.any(Number), "2"] } });
    });
    const posted = await curl(at("prometheus", "/api/v1/query"), "--data-urlencode", "query=vector(3)", "--compressed");
    expect(JSON.parse(posted.body)).toMatchObject({ data: { result: [{ value: [expect.any(Number), "3"] }] } });
    const metrics = await curl(at("prometheus", "/metrics"), "--compressed", "-H", "Accept: application/openmetrics-text");
    expect(metrics.body).toContain("prometheus_build_info");
  });

  /** One gRPC call, as grpc libraries make it. */
  async function call(name: string, path: string, message: Buffer): Promise<{ readonly body: Buffer; readonly status: unknown }> {
    const ca = scheme === "https" ? { ca: await file(trust[1] ?? "").text(), servername: `${name}.localhost` } : {};
    const session = connect(`${scheme}://127.0.0.1:${kt.port}`, ca);
    try {
      const headers = {
        ":method": "POST",
        ":authority": `${name}.localhost:${kt.port}`,
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
      };
      const stream = session.request(headers);
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => void parts.push(part));
      let status: unknown;
      stream.on("trailers", (trailers) => {
        status = trailers["grpc-status"];
      });
      stream.end(message);
      await new Promise((resolve, reject) => stream.on("end", resolve).on("error", reject));
      return { body: Buffer.concat(parts), status };
    } finally {
      session.destroy();
    }
  }

  const message = Buffer.from([0, 0, 0, 0, 3, 10, 1, 65]);

  test("Argo CD answers pages, gRPC and gRPC-web on one port of TLS", async () => {
    await browser.visit({ width: 800 }, async (page) => {
      await page.goto(at("argocd", "/applications/team"));
      await page.waitForFunction("document.title.startsWith('loaded by')");
      expect(await page.textContent("h1")).toBe("/applications/team");
    });
    const session = await curl(at("argocd", "/api/v1/session"), "-d", "{}");
    expect(session.header.get("set-cookie")).toMatch(/^argocd.token=\w+; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
    expect(await call("argocd", "/version.VersionService/Version", message)).toEqual({ body: message, status: "0" });
    await write(`${folder.path}/message`, message);
    const web = await curl(
      at("argocd", "/version.VersionService/Version"),
      "--data-binary",
      `@${folder.path}/message`,
      "-H",
      "Content-Type: application/grpc-web+proto",
    );
    expect([web.status, web.header.get("content-type")]).toEqual([200, "application/grpc-web+proto"]);
    expect(web.body).toEndWith("grpc-status:0\r\ngrpc-message:\r\n");
  });

  test("Argo CD below a path keeps its links, its cookie and its calls there", async () => {
    const root = await curl(at("below"));
    expect([root.status, root.header.get("location")]).toEqual([302, "/argocd/"]);
    await browser.visit({ width: 800 }, async (page) => {
      await page.goto(at("below"));
      await page.waitForFunction("document.title.startsWith('loaded by')");
      expect(page.url()).toBe(at("below", "/argocd/"));
      await page.evaluate(`fetch("api/v1/session", { method: "POST", body: "{}" })`);
      expect(await page.context().cookies(at("below", "/argocd/"))).toMatchObject([{ name: "argocd.token", path: "/argocd/" }]);
      expect(await page.context().cookies(at("below"))).toEqual([]);
    });
    expect(await call("below", "/argocd/version.VersionService/Version", message)).toEqual({ body: message, status: "0" });
  });

  test("Argo CD's own redirect to https:// keeps the port, where its TLS is passed through", async () => {
    const plain = `http://argocd-plain.localhost:${kt.port}/applications?view=tree`;
    const sent = await curl(plain);
    expect([sent.status, sent.header.get("location")]).toEqual([307, `https://argocd-plain.localhost:${kt.port}/applications?view=tree`]);
    const followed = await curl(plain, "-L", "-k");
    expect([followed.status, followed.body]).toEqual([200, expect.stringContaining("<h1>/applications</h1>")]);
  });

  describe.each(scheme === "https" ? ["--http1.1", "--http2"] : ["--http1.1", "--http2-prior-knowledge"])(
    "a registry, by %s",
    (version) => {
      const blobs = "/v2/team/app/blobs";
      const digestOf = (bytes: Uint8Array): string => `sha256:${new CryptoHasher("sha256").update(bytes).digest("hex")}`;

      async function begin(): Promise<string> {
        const begun = await curl(at("registry", `${blobs}/uploads/`), version, "-X", "POST");
        expect([begun.status, begun.header.get("docker-distribution-api-version")]).toEqual([202, "registry/2.0"]);
        return addressIn(begun);
      }

      /** It has to lead back through kt as the client came. */
      function addressIn({ header }: Answer): string {
        const address = header.get("location") ?? "";
        expect(address).toStartWith(at("registry", `${blobs}/`));
        return address;
      }

      test("takes 200 MB in one request of chunks, as docker sends them", async () => {
        const bytes = new Uint8Array(200e6).fill(7);
        bytes.set(new TextEncoder().encode(version), 100e6);
        await write(`${folder.path}/large`, bytes);
        const chunked = version === "--http1.1" ? ["-H", "Transfer-Encoding: chunked"] : [];
        const sent = await curl(await begin(), version, "-X", "PATCH", "-T", `${folder.path}/large`, ...chunked);
        expect([sent.status, sent.header.get("range"), sent.body]).toEqual([202, "0-199999999", ""]);
        const done = await curl(`${addressIn(sent)}&digest=${digestOf(bytes)}`, version, "-X", "PUT", "-H", "Content-Length: 0");
        expect([done.status, done.header.get("docker-content-digest")]).toEqual([201, digestOf(bytes)]);
      }, 120_000);

      test("takes parts with Content-Range, says which come out of order, and gives ranges", async () => {
        const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
        let address = await begin();
        for (let from = 0; from < bytes.length; from += 100_000) {
          await write(`${folder.path}/part`, bytes.subarray(from, from + 100_000));
          const range = (begins: number): string => `Content-Range: ${begins}-${begins + 99_999}`;
          const flags = [version, "-X", "PATCH", "--data-binary", `@${folder.path}/part`, "-H", "Content-Type: application/octet-stream"];
          // One byte: curl 7.88 fails by itself where an HTTP/2 answer is there before its body is sent.
          expect((await curl(address, version, "-X", "PATCH", "-d", "x", "-H", range(from + 1))).status).toBe(416);
          const taken = await curl(address, ...flags, "-H", range(from));
          expect([taken.status, taken.header.get("range")]).toEqual([202, `0-${from + 99_999}`]);
          address = addressIn(taken);
        }
        const digest = digestOf(bytes);
        const blob = addressIn(await curl(`${address}&digest=${digest}`, version, "-X", "PUT", "-H", "Content-Length: 0"));
        const head = await curl(blob, version, "-I");
        expect([head.status, head.header.get("content-length"), head.header.get("docker-content-digest")]).toEqual([200, "300000", digest]);
        const ranged = async (range: string, ...more: readonly string[]): Promise<unknown[]> => {
          const ran = await run([
            "curl",
            "-sS",
            version,
            "--resolve",
            `*:${kt.port}:127.0.0.1`,
            ...trust,
            "-H",
            `Range: bytes=${range}`,
            ...more,
            "-w",
            "%{stderr}%{http_code} %header{content-range}",
            "-o",
            `${folder.path}/got`,
            blob,
          ]);
          return [ran.stderr, digestOf(await file(`${folder.path}/got`).bytes())];
        };
        expect(await ranged("1000-1999")).toEqual(["206 bytes 1000-1999/300000", digestOf(bytes.subarray(1000, 2000))]);
        expect(await ranged("-5")).toEqual(["206 bytes 299995-299999/300000", digestOf(bytes.subarray(299_995))]);
        expect(await ranged("1000-1999", "-H", 'If-Range: "another"')).toEqual(["200 ", digest]);
        expect((await ranged("400000-"))[0]).toBe("416 bytes */300000");
        const parts = await curl(blob, version, "-H", "Range: bytes=0-1,5-6");
        expect([parts.status, parts.header.get("content-type")]).toEqual([206, expect.stringContaining("multipart/byteranges; boundary=")]);
        expect(parts.body).toContain("Content-Range: bytes 5-6/300000");
      }, 60_000);

      test("names the place of its tokens as the client sees it", async () => {
        const asked = await curl(at("registry", "/v2/?private"), version);
        expect([asked.status, asked.header.get("www-authenticate")]).toEqual([
          401,
          `Bearer realm="${at("registry", "/token")}",service="registry"`,
        ]);
      });
    },
  );

  test("an OIDC provider says where it is, by name and port", async () => {
    const { body } = await curl(at("login", "/.well-known/openid-configuration"));
    const issuer = at("login", "");
    expect(JSON.parse(body)).toMatchObject({ issuer, authorization_endpoint: `${issuer}/auth` });
  });

  test.each(["query", "form_post"])("an application signs in by the provider, whose answer comes by %s, on each port", async (mode) => {
    for (const port of ports) {
      await browser.visit({ width: 800 }, async (page) => {
        await page.goto(at("app", `/?mode=${mode}`, port));
        expect(page.url()).toStartWith(at("login", "/auth?", port));
        await page.click("button");
        await page.waitForURL(at("app", "/", port));
        expect(await page.textContent("h1")).toBe(`signed in at ${at("app", "", port)} by ${at("login", "", port)}`);
        const [session] = (await page.context().cookies(at("app", "/", port))).filter(({ name }) => name === "_session");
        expect(session).toMatchObject({ domain: ".app.localhost", secure: scheme === "https" });
      });
    }
  });
});
