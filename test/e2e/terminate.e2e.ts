/** TLS that kt speaks: by real clients that trust its CA, in HTTP/1.1 and HTTP/2, with one certificate for each name. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import { Chromium } from "#test/support/browser.ts";
import { goClientIn } from "#test/support/client.ts";
import { namespace, run, writeKubeconfig } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";
import { selfSigned } from "#tls/self-signed.ts";

let kt: Kt;
let data: string;
let root: string;

const profile = (port: number): string => `
name = "tls"
namespace = "${namespace}"

[http]
listen = ["127.0.0.1:${port}", "[::1]:${port}"]
tls = "terminate"

[routes]
"a.localhost" = "svc/web:http"
"grpc.localhost" = "svc/web:grpc"
"refused.localhost" = "svc/web:refused"
"outside.test" = "svc/web:http"

[routes."b.localhost"]
target = "svc/web:http"
redirect = true

[routes."backend-tls.localhost"]
target = "svc/web:tls"
scheme = "https"

[routes."verified.localhost"]
target = "pod/single:8443"
ca = "./app.pem"
server_name = "app"

[routes."wrong-name.localhost"]
target = "pod/single:8443"
ca = "./app.pem"
server_name = "other.svc"

[routes."unknown-authority.localhost"]
target = "svc/web:tls"
insecure = false

[routes."through.localhost"]
target = "svc/web:tls"
tls = "passthrough"

[routes."own.localhost"]
target = "svc/web:http"
cert = "./own.pem"
key = "./own.key"

[routes."clients.localhost"]
target = "svc/web:http"
client_ca = "./clients.pem"

[[patterns]]
host = "{service}.shop.localhost"
target = "svc/{service}:80"
`;

beforeAll(async () => {
  const [port = 0] = freePorts(1);
  kt = await startKt(port);
  data = `${kt.home.path}/home/.local/share/kt/ca`;
  root = `${data}/root.pem`;
  // It is made when the first name is asked for.
  await curl("a.localhost", "/", "-k");
});
afterAll(async () => await kt?.close());

async function startKt(port: number): Promise<Kt> {
  const text = profile(port);
  const started = await Kt.serve(port, text.slice(0, text.indexOf("[routes]")), {
    KUBECONFIG: await writeKubeconfig({ kt: { namespace } }),
  });
  const project = `${started.home.path}/project`;
  await makePair(project, "own.localhost", "own");
  await makePair(project, "clients", "clients");
  for (const [name, signs] of [["client", "clients"]]) {
    await openssl(project, `req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key -out ${name}.csr -subj /CN=me`);
    await openssl(project, `x509 -req -in ${name}.csr -CA ${signs}.pem -CAkey ${signs}.key -days 2 -out ${name}.pem`);
  }
  await run(["sh", "-c", `cat client.key >> client.pem`], { cwd: project });
  writeFileSync(`${project}/app.pem`, await backendCertificate(started));
  started.rewrite(text);
  await eventually("the routes", async () => JSON.stringify(await started.status()).includes("clients.localhost"));
  return started;
}

/** A self-signed pair. */
async function makePair(folder: string, name: string, file: string): Promise<void> {
  const subject = `-subj /CN=${name} -addext subjectAltName=DNS:${name}`;
  const key = `-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${file}.key`;
  await openssl(folder, `req -x509 ${key} -out ${file}.pem ${subject} -days 2`);
  chmodSync(`${folder}/${file}.key`, 0o600);
}

async function openssl(folder: string, words: string): Promise<void> {
  const ran = await run(["openssl", ...words.split(" ")], { cwd: folder });
  if (ran.exitCode !== 0) throw new Error(`openssl ${words}: ${ran.stderr}`);
}

/** What the pod itself presents, through a route of which nothing is asked. */
async function backendCertificate(started: Kt): Promise<string> {
  const probe = `${profile(started.port).split("[routes]")[0]}[routes."probe.localhost"]\ntarget = "pod/single:8443"\ntls = "passthrough"\n`;
  started.rewrite(probe);
  const show = ["openssl", "s_client", "-connect", `127.0.0.1:${started.port}`, "-servername", "probe.localhost", "-showcerts"];
  return await eventually("the pod's certificate", async () => {
    const { stdout } = await run(show, { input: "" });
    const found = stdout.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/)?.[0];
    return stdout.includes("CN = app") ? found : undefined;
  });
}

async function curl(host: string, path: string, ...flags: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  const resolve = ["--resolve", `${host}:${kt.port}:127.0.0.1`];
  const ran = await run(["curl", "-sS", "-i", ...resolve, ...flags, `https://${host}:${kt.port}${path}`]);
  return { code: ran.exitCode, text: `${ran.stdout}${ran.stderr}` };
}

const trusted = (): string[] => ["--cacert", root];

describe("curl that trusts the CA", () => {
  test.each(["--http1.1", "--http2"])("%s", async (version) => {
    const { code, text } = await curl("a.localhost", "/headers", version, ...trusted());
    expect(code).toBe(0);
    expect(text).toStartWith(version === "--http2" ? "HTTP/2 200" : "HTTP/1.1 200");
    expect(text).toContain('"X-Forwarded-Proto":["https"]');
    expect(text).not.toMatch(/strict-transport-security/i);
  });

  test.each(["web.shop.localhost", `web-80.svc.${namespace}.ns.kt.cx.k8s.localhost`, "backend-tls.localhost", "verified.localhost"])(
    "%s",
    async (host) => {
      const { code, text } = await curl(host, "/", ...trusted());
      expect([code, text.slice(0, 10)]).toEqual([0, "HTTP/2 200"]);
    },
  );

  test("reaches kt's own pages, and the index", async () => {
    const health = await curl("kt.localhost", "/health", ...trusted());
    expect([health.code, health.text.slice(0, 10)]).toEqual([0, "HTTP/2 200"]);
    const index = await curl("localhost", "/", ...trusted());
    expect(index.text).toContain("a.localhost");
  });

  test("reads why a route cannot be reached", async () => {
    const { code, text } = await curl("refused.localhost", "/", ...trusted());
    expect([code, text.slice(0, 10)]).toEqual([0, "HTTP/2 502"]);
    expect(text).toContain("port-refused");
  });

  test("reads which name was expected of the backend, and which was seen", async () => {
    const { text } = await curl("wrong-name.localhost", "/", ...trusted());
    expect(text).toStartWith("HTTP/2 502");
    expect(text).toContain('is for "app", "*.localhost", "localhost", and "other.svc" is expected');
  });

  test("reads that the backend's authority is not known", async () => {
    const { text } = await curl("unknown-authority.localhost", "/", ...trusted());
    expect(text).toMatch(/x-kt-error: backend-certificate/);
  });

  test("does not get the certificate of kt where TLS is passed through", async () => {
    expect((await curl("through.localhost", "/", ...trusted())).code).toBe(60);
  });

  test("is sent on from http:// where the route asks for that", async () => {
    const answer = await kt.fetch(`b.localhost:${kt.port}`, "/x?y");
    expect([answer.status, answer.headers.get("location")]).toEqual([308, `https://b.localhost:${kt.port}/x?y`]);
    expect((await kt.fetch("a.localhost", "/")).status).toBe(200);
  });

  test("and follows 100 streams at once, with bodies both ways", async () => {
    const urls = `https://a.localhost:${kt.port}/headers?[1-100]`;
    const resolve = ["--resolve", `a.localhost:${kt.port}:127.0.0.1`];
    const flags = ["-sS", "--http2", "--parallel", "--parallel-max", "100", "-o", "/dev/null", "-w", "%{http_code}\n"];
    const ran = await run(["curl", ...flags, ...trusted(), ...resolve, urls]);
    expect(ran.stdout.trim().split("\n")).toEqual(Array.from({ length: 100 }, () => "200"));
  });
});

describe("openssl s_client", () => {
  async function handshake(name: string | undefined, ...flags: string[]): Promise<string> {
    const named = name === undefined ? ["-noservername"] : ["-servername", name];
    const ran = await run(["openssl", "s_client", "-connect", `127.0.0.1:${kt.port}`, ...named, "-CAfile", root, ...flags], { input: "" });
    return `${ran.stdout}${ran.stderr}`;
  }

  test.each(["-tls1", "-tls1_1"])("%s is refused", async (version) => {
    const text = await handshake("a.localhost", version, "-cipher", "DEFAULT@SECLEVEL=0");
    expect(text).toContain("alert protocol version");
    expect(text).toContain("Cipher is (NONE)");
  });

  test.each(["-tls1_2", "-tls1_3"])("%s, HTTP/2, a chain of two that holds, a name", async (version) => {
    const text = await handshake("a.localhost", version, "-alpn", "h2,http/1.1", "-showcerts", "-verify_hostname", "a.localhost");
    expect(text).toContain("Verify return code: 0 (ok)");
    expect(text).toContain("ALPN protocol: h2");
    expect(text.match(/BEGIN CERTIFICATE/g)?.length).toBe(2);
  });

  test.each(["aNULL", "eNULL", "RSA", "DHE"])("ciphers of %s are refused", async (cipher) => {
    const text = await handshake("a.localhost", "-tls1_2", "-cipher", `${cipher}:@SECLEVEL=0`);
    expect(text).toMatch(/handshake failure|no ciphers available|no cipher match/);
    expect(text).toContain("(NONE)");
  });

  test("sessions are resumed", async () => {
    const file = `${kt.home.path}/session`;
    await handshake("a.localhost", "-tls1_2", "-sess_out", file);
    expect(await handshake("a.localhost", "-tls1_2", "-sess_in", file)).toContain("Reused, TLSv1.2");
  });

  test("each name has a key of its own", async () => {
    const keys = await Promise.all(
      ["a.localhost", "b.localhost"].map(async (name) => {
        const text = await handshake(name);
        const { stdout } = await run(["openssl", "x509", "-noout", "-pubkey"], { input: text });
        return stdout;
      }),
    );
    expect(keys[0]).toContain("PUBLIC KEY");
    expect(keys[0]).not.toBe(keys[1]);
  });

  test("without a name, and with one that no route serves, there is no certificate for it", async () => {
    expect(await handshake("nowhere.localhost")).toContain("self-signed certificate");
    expect(await handshake(undefined, "-verify_hostname", "a.localhost")).toContain("hostname mismatch");
    const { text } = await curl("127.0.0.1", "/", "-k", "-H", "Host: a.localhost");
    expect(text).toContain("did not say which name it wants (no SNI)");
  });
});

describe("programs in kt run trust it", () => {
  const inRun = async (...command: string[]): Promise<string> => {
    const ran = await kt.home.run(["run", "--", ...command]);
    return `${ran.stdout}${ran.exitCode === 0 ? "" : ran.stderr}`.trim();
  };

  test("Node, in HTTP/1.1 and HTTP/2", async () => {
    const script = `
require("https").get(process.argv[1], (answer) => { console.log(answer.statusCode); answer.resume(); });
const session = require("http2").connect(process.argv[1]);
session.request({ ":path": "/" }).on("response", (headers) => { console.log(headers[":status"]); session.close(); }).resume();`;
    expect(await inRun("node", "-e", script, `https://a.localhost:${kt.port}/`)).toBe("200\n200");
  });

  test("Node, with a WebSocket over HTTP/2", async () => {
    const script = `
const session = require("http2").connect(process.argv[1]);
session.on("remoteSettings", ({ enableConnectProtocol }) => {
  const asked = { ":method": "CONNECT", ":protocol": "websocket", ":path": "/ws", "sec-websocket-version": 13, "sec-websocket-protocol": "chat" };
  const stream = session.request(asked, { endStream: false });
  stream.on("response", (headers) => {
    console.log(enableConnectProtocol, headers[":status"], headers["sec-websocket-protocol"], headers["x-pod"].slice(0, 4));
    stream.write(Buffer.from("8185000000006869746f6f", "hex"));
  });
  stream.once("data", (frame) => {
    console.log(frame.toString("hex"));
    stream.end(Buffer.from("888000000000", "hex"));
  });
  stream.on("close", () => session.close());
});`;
    expect(await inRun("node", "-e", script, `https://a.localhost:${kt.port}/`)).toBe("true 200 chat web-\n81056869746f6f");
  });

  test("Python, and what else follows OpenSSL", async () => {
    const script = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).status)";
    expect(await inRun("python3", "-c", script, `https://a.localhost:${kt.port}/`)).toBe("200");
    expect(await inRun("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", `https://a.localhost:${kt.port}/`)).toBe("200");
  });

  test("Go, with every kind of gRPC call", async () => {
    const { stdout } = await kt.home.run(["env", "--json"]);
    const env = { PATH: process.env["PATH"] ?? "", ...(JSON.parse(stdout) as Record<string, string>) };
    const flags = ["-host", "grpc.localhost", "-tls", "-verified"];
    const calls = await goClientIn(env, "grpc", kt.port, ...flags);
    expect(calls).toMatchObject({
      unary: "hello",
      serverStream: ["0 abc", "1 abc", "2 abc"],
      clientStream: "one+two+three",
      bidi: ["turn 0", "turn 1", "turn 2", "turn 3", "turn 4"],
      code: "FailedPrecondition",
      authority: "grpc.localhost",
    });
    expect(
      (await goClientIn<{ readonly code: string }>({ PATH: env.PATH, SSL_CERT_FILE: "/dev/null" }, "grpc", kt.port, ...flags)).code,
    ).toBe("Unavailable");
  });
});

test("Chromium trusts it by kt trust, and does not use one name's connection for another's", async () => {
  const env = { HOME: "" };
  const browser = await Chromium.start([], [], async (home) => {
    env.HOME = home;
    const ran = await kt.home.run(["trust", "install", "--store", "browsers", "--ca", root, "--yes", "-q"], { env });
    expect([ran.stderr, ran.exitCode]).toEqual(["", 0]);
  });
  try {
    await browser.visit({ width: 800 }, async (page) => {
      const subjects: (string | undefined)[] = [];
      for (const name of ["a.localhost", "web.shop.localhost", "a.localhost"]) {
        const answer = await page.goto(`https://${name}:${kt.port}/`);
        expect(answer?.status()).toBe(200);
        subjects.push((await answer?.securityDetails())?.subjectName);
      }
      expect(subjects).toEqual(["a.localhost", "web.shop.localhost", "a.localhost"]);
      const echoed = await page.evaluate(
        `new Promise((resolve, reject) => {
           const socket = new WebSocket("wss://a.localhost:${kt.port}/ws");
           socket.onopen = () => socket.send("hello");
           socket.onmessage = ({ data }) => resolve([data, isSecureContext, performance.getEntriesByType("navigation")[0].nextHopProtocol]);
           socket.onerror = () => reject(new Error("no WebSocket"));
         })`,
      );
      expect(echoed).toEqual(["hello", true, "h2"]);
      // It opens WebSockets on the connection that it has (RFC 8441).
      expect((await kt.home.run(["logs", "-v"])).stdout).toMatch(/ a\.localhost CONNECT 200 in /);
      const refused = await page.goto(`https://through.localhost:${kt.port}/`).catch((error: Error) => error.message);
      expect(refused).toContain("ERR_CERT_AUTHORITY_INVALID");
    });
  } finally {
    await browser.close();
  }
});

/** One connection that goes on, by HTTP/1.1. */
class Kept {
  readonly #socket: TLSSocket;
  #text = "";

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#text += bytes.toString();
    });
    socket.on("error", () => {});
  }

  static async open(servername: string, ca: string): Promise<Kept> {
    const socket = connect({ host: "127.0.0.1", port: kt.port, servername, ca });
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    return new Kept(socket);
  }

  async ask(host: string): Promise<string> {
    this.#text = "";
    this.#socket.write(`GET /headers HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await eventually("an answer", () => this.#text.includes(`"uri":"/headers"`));
    return this.#text.slice(0, 12);
  }

  close(): void {
    this.#socket.destroy();
  }
}

describe("a certificate is made anew while connections are open", () => {
  test("by another CA: what is open goes on, what comes is served by the new one, which may sign for more", async () => {
    const outside = await curl("outside.test", "/", "-k");
    expect(outside.text).toContain("kt: hint: kt trust install --domain outside.test");
    const before = readFileSync(root, "utf8");
    const kept = await Kept.open("a.localhost", before);
    expect(await kept.ask("a.localhost")).toBe("HTTP/1.1 200");
    const ran = await kt.home.run(["trust", "install", "--store", "browsers", "--domain", "outside.test", "--yes", "-q"]);
    expect([ran.stderr, ran.exitCode]).toEqual(["", 0]);
    expect(await kept.ask("a.localhost")).toBe("HTTP/1.1 200");
    kept.close();
    expect(readFileSync(root, "utf8")).not.toBe(before);
    for (const name of ["a.localhost", "outside.test"]) expect((await curl(name, "/", ...trusted())).text).toStartWith("HTTP/2 200");
  });

  test("by other files: an expired one is refused, and the last good one stays", async () => {
    const project = `${kt.home.path}/project`;
    const own = (): string => readFileSync(`${project}/own.pem`, "utf8");
    const first = own();
    const kept = await Kept.open("own.localhost", first);
    expect(await kept.ask("own.localhost")).toBe("HTTP/1.1 200");
    await makePair(project, "own.localhost", "next");
    for (const part of ["key", "pem"]) renameSync(`${project}/next.${part}`, `${project}/own.${part}`);
    const second = own();
    await eventually("the new certificate", async () => (await curl("own.localhost", "/", "--cacert", `${project}/own.pem`)).code === 0);
    expect(await kept.ask("own.localhost")).toBe("HTTP/1.1 200");
    kept.close();
    const { cert, key } = selfSigned("own.localhost", Date.now() - 10 * 24 * 3600 * 1000);
    writeFileSync(`${project}/next.pem`, cert);
    writeFileSync(`${project}/next.key`, key, { mode: 0o600 });
    for (const part of ["key", "pem"]) renameSync(`${project}/next.${part}`, `${project}/own.${part}`);
    await eventually("the status to say so", async () => JSON.stringify(await kt.status()).includes("has expired on"));
    writeFileSync(`${project}/second.pem`, second);
    expect((await curl("own.localhost", "/", "--cacert", `${project}/second.pem`)).code).toBe(0);
    await makePair(project, "own.localhost", "own");
    await eventually("the status to be well again", async () => !JSON.stringify(await kt.status()).includes("has expired on"));
  });
});

test("kt explain, url and status say that it is https://", async () => {
  expect(await kt.home.ok("explain", "clients.localhost")).toContain(
    "spoken by kt, with a certificate of kt's CA, to clients with one of client_ca",
  );
  expect((await kt.home.ok("url", "a.localhost")).trim()).toBe(`https://a.localhost:${kt.port}`);
  expect(await kt.home.ok("status")).toContain(`https://a.localhost:${kt.port}`);
});

test("a client that has to show a certificate reads why it may not come in", async () => {
  const project = `${kt.home.path}/project`;
  expect((await curl("clients.localhost", "/", ...trusted(), "--cert", `${project}/client.pem`)).text).toStartWith("HTTP/2 200");
  const { text } = await curl("clients.localhost", "/", ...trusted());
  expect(text).toStartWith("HTTP/2 403");
  expect(text).toContain("it has no certificate of this authority");
  expect((await kt.fetch("clients.localhost", "/")).status).toBe(403);
});

test("a CA that others may read is not used: page, status and doctor say so, with the command that helps", async () => {
  const file = `${data}/authority.json`;
  chmodSync(file, 0o644);
  const { text } = await curl("a.localhost", "/", "-k");
  expect(text).toContain("and other users may read it (mode 644)");
  expect(text).toContain(`chmod 600 ${file}`);
  const status = await kt.home.run(["trust", "status"]);
  expect([status.exitCode, status.stderr]).toEqual([1, expect.stringContaining("other users may read it")]);
  expect((await kt.home.run(["doctor"])).stdout).toContain("other users may read it");
  chmodSync(file, 0o600);
  expect((await curl("a.localhost", "/", ...trusted())).code).toBe(0);
});
