/** TLS that kt speaks: by real clients that trust its CA, in HTTP/1.1 and HTTP/2, with one certificate for each name. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { namespace, run, writeKubeconfig } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";

let kt: Kt;
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
"localhost" = "svc/web:http"

[routes."b.localhost"]
target = "svc/web:http"
redirect = true

[routes."backend-tls.localhost"]
target = "svc/web:tls"
scheme = "https"

[routes."verified.localhost"]
target = "svc/web:tls"
insecure = false

[routes."through.localhost"]
target = "svc/web:tls"
tls = "passthrough"

[[patterns]]
host = "{service}.shop.localhost"
target = "svc/{service}:80"
`;

beforeAll(async () => {
  const [port = 0] = freePorts(1);
  kt = await Kt.serve(port, profile(port), { KUBECONFIG: await writeKubeconfig({ kt: { namespace } }) });
  // It is made when the first name is asked for.
  await curl("a.localhost", "/", "-k");
  root = `${kt.home.path}/home/.local/share/kt/ca/root.pem`;
});
afterAll(async () => await kt?.close());

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

  test.each(["web.shop.localhost", `web-80.svc.${namespace}.ns.kt.cx.k8s.localhost`, "backend-tls.localhost"])("%s", async (host) => {
    const { code, text } = await curl(host, "/", ...trusted());
    expect([code, text.slice(0, 10)]).toEqual([0, "HTTP/2 200"]);
  });

  test("reads why a route cannot be reached", async () => {
    const { code, text } = await curl("refused.localhost", "/", ...trusted());
    expect([code, text.slice(0, 10)]).toEqual([0, "HTTP/2 502"]);
    expect(text).toContain("port-refused");
  });

  test("reads which certificate was expected of the backend", async () => {
    const { text } = await curl("verified.localhost", "/", ...trusted());
    expect(text).toStartWith("HTTP/2 502");
    expect(text).toContain("backend-certificate");
  });

  test("does not get the certificate of kt where TLS is passed through", async () => {
    expect((await curl("through.localhost", "/", ...trusted())).code).toBe(60);
  });
});
