/** What a service says of its ports decides how its backends are spoken to, where the profile is silent. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { apply, kubectl, namespace, run } from "#test/support/cluster.ts";
import { twoContexts } from "#test/support/front.ts";
import { ask, connectClient } from "#test/support/h2-peers.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";
import { openWebSocket } from "#test/support/web-socket.ts";

const service = "said";
const ports = [
  { name: "a", port: 9001, targetPort: "tls", appProtocol: "HTTPS" },
  { name: "b", port: 443, targetPort: "http", appProtocol: "kubernetes.io/ws" },
  { name: "c", port: 9003, targetPort: "http", appProtocol: "example.com/own" },
  { name: "d", port: 9004, targetPort: "http", appProtocol: "https" },
  { name: "h2c", port: 9006, targetPort: "http", appProtocol: "kubernetes.io/h2c" },
  { name: "changing", port: 9005, targetPort: "tls", appProtocol: "http" },
];
let kt: Kt;

beforeAll(async () => {
  await apply({
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name: service },
    spec: { selector: { app: "web" }, ports },
  });
  const [http = 0] = freePorts(1);
  const routes = ports.map(
    ({ name, port }) => `"${name}.localhost" = { target = "svc/${service}:${port}"${name === "d" ? ', scheme = "http"' : ""} }`,
  );
  routes.push(
    `"only1.localhost" = { target = "svc/${service}:9006", protocol = "http1" }`,
    `"only2.localhost" = { target = "svc/${service}:9003", protocol = "h2c" }`,
    `"only2tls.localhost" = { target = "svc/${service}:9001", protocol = "grpc" }`,
    `"calls.localhost" = { target = "svc/web:grpc", protocol = "grpc" }`,
  );
  const profile = `context = "kt"\n[http]\nlisten = ["127.0.0.1:${http}"]\n[routes]\n${routes.join("\n")}\n`;
  kt = await Kt.serve(http, profile, { KUBECONFIG: await twoContexts() });
});
afterAll(async () => {
  await kt?.close();
  await kubectl("-n", namespace, "delete", "service", service);
});

async function status(host: string): Promise<number> {
  const response = await kt.fetch(host, "/");
  await response.text();
  return response.status;
}

test.each([
  ["a", "https where it says so"],
  ["b", "http on 443 where it says so"],
  ["c", "by the port where it says what kt does not know"],
  ["d", "as the profile says, whatever it says"],
])("%s: %s", async (name) => {
  expect([await status(`${name}.localhost`), await status(`${name}.localhost`)]).toEqual([200, 200]);
});

test("HTTP/2 too, from the first request on and on later connections", async () => {
  for (let connection = 0; connection < 2; connection++) {
    const client = connectClient({ port: kt.port });
    const answer = await ask(client, "a.localhost");
    expect(answer.headers[":status"]).toBe(200);
    client.destroy();
  }
});

describe("what the backend speaks, whatever its clients do", () => {
  const spoken = async (name: string, version: string): Promise<string | undefined> => {
    const ran = await run(["curl", "-sS", version, "-H", `Host: ${name}.localhost`, `http://127.0.0.1:${kt.port}/`]);
    return / proto=(\S+)/.exec(ran.stdout)?.[1];
  };

  test.each(["--http1.0", "--http1.1", "--http2-prior-knowledge"])("curl %s", async (version) => {
    expect(await spoken("only2tls", version)).toBe("HTTP/2.0");
    expect([await spoken("h2c", version), await spoken("only2", version), await spoken("only1", version)]).toEqual([
      "HTTP/2.0",
      "HTTP/2.0",
      version === "--http1.0" ? "HTTP/1.0" : "HTTP/1.1",
    ]);
  });

  const clients = ["--http1.1", "--http2-prior-knowledge"];
  describe.each(["h2c", "only1", "only2"].flatMap((name) => clients.map((version): [string, string] => [name, version])))(
    "%s by curl %s",
    (name, version) => {
      const curl = async (path: string, ...flags: string[]): Promise<string> => {
        const url = `http://127.0.0.1:${kt.port}${path}`;
        return (await run(["curl", "-sS", "-i", version, "-H", `Host: ${name}.localhost`, ...flags, url])).stdout;
      };

      test("trailers of the response", async () => {
        expect(await curl("/trailers?n=10000&seed=3", "-H", "TE: trailers", "-o", "/dev/null", "-D", "-")).toMatch(
          /^x-sha256: [0-9a-f]{64}\r$/im,
        );
      });

      test("events, one after the other", async () => {
        expect((await curl("/sse?n=3&interval=20ms")).match(/^data: event \d of /gm)?.length).toBe(3);
      });

      test("a body that waits to be asked for", async () => {
        const expected = await curl("/echo", "-H", "Expect: 100-continue", "--data-binary", "hello");
        expect(expected).toMatch(/^HTTP\/[\d.]+ 100/);
        expect(expected).toEndWith("\r\n\r\nhello");
      });
    },
  );

  // In HTTP/2 the test application takes it for gRPC.
  test.each(clients)("gRPC-Web is passed on as it is, by curl %s", async (version) => {
    const call = ["-H", "Host: only1.localhost", "-H", "Content-Type: application/grpc-web+proto", "--data-binary", "call"];
    expect((await run(["curl", "-sS", version, ...call, `http://127.0.0.1:${kt.port}/echo`])).stdout).toBe("call");
  });

  test("20 MB go up to it and come back from a client of HTTP/1, in chunks", async () => {
    const body = randomBytes(20 * 1024 * 1024);
    const response = await kt.fetch("h2c.localhost", "/echo", { method: "POST", body });
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  });

  test("a WebSocket opens all the same", async () => {
    const socket = await openWebSocket(kt.port, "h2c.localhost", "/ws");
    expect(await socket.ask("hello")).toBe("hello");
    await socket.close();
  });

  test("a gRPC server answers a client of HTTP/1 in its own words", async () => {
    const response = await kt.fetch("calls.localhost", "/");
    expect(response.status).toBe(415);
  });
});

test("a change of it is followed", async () => {
  expect(await status("changing.localhost")).toBe(502);
  const path = `/spec/ports/${ports.length - 1}/appProtocol`;
  await kubectl(
    "-n",
    namespace,
    "patch",
    "service",
    service,
    "--type=json",
    "-p",
    JSON.stringify([{ op: "replace", path, value: "https" }]),
  );
  await eventually("the backend to be spoken to in TLS", async () => (await status("changing.localhost")) === 200, 30_000);
});

test("kt explain says where it comes from", async () => {
  const { stdout } = await kt.home.run(["explain", "a.localhost"]);
  expect(stdout).toContain('appProtocol "HTTPS" of the service\'s port: plain HTTP from the client goes to the backend as https');
  expect((await kt.home.run(["explain", "d.localhost"])).stdout).toContain("the profile says http, which counts more");
});
