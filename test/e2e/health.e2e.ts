/** Checks of targets in use on the real cluster: what they find stands in `kt status` and in `kt logs`, without a client. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { namespace } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";

const [port = 0, echo = 0] = freePorts(2);
let kt: Kt;

function profile(path: string): string {
  return `namespace = "${namespace}"
[http]
listen = ["127.0.0.1:${port}"]
[health]
interval = "1s"
failures = 2
[routes]
"web.localhost" = { target = "svc/web:http", health = "${path}" }
"secure.localhost" = { target = "svc/web:tls", scheme = "https", health = "/" }
"unused.localhost" = { target = "svc/api:http", health = "/status?code=503" }
[tcp]
${echo} = "svc/web:echo"
`;
}

const logs = async (): Promise<string> => (await kt.home.run(["logs"])).stdout;

interface Route {
  readonly name: string;
  readonly state: string;
  readonly problem?: { readonly code: string; readonly message: string };
  readonly health?: { readonly checkedMs: number; readonly failedInARow: number };
}

async function routeOf(name: string): Promise<Route | undefined> {
  const { profiles } = (await kt.status()) as unknown as { profiles: readonly { readonly routes: readonly Route[] }[] };
  return profiles[0]?.routes.find((route) => route.name === name);
}

beforeAll(async () => {
  kt = await Kt.serve(port, profile("/"));
  for (const name of ["web", "secure"]) expect((await kt.fetch(`${name}.localhost`, "/")).status).toBe(200);
  const client = await RawClient.open(echo);
  client.write("hello\n");
  await client.readUntil("\n");
  client.end();
});
afterAll(async () => await kt?.close());

test("targets in use are checked: by their path, over TLS, by a TCP connection; others are not", async () => {
  for (const name of ["web.localhost", "secure.localhost", String(echo)]) {
    await eventually(`a check of ${name}`, async () => (await routeOf(name))?.health?.failedInARow === 0);
    expect(await routeOf(name)).toMatchObject({ state: "running" });
  }
  expect(await routeOf("unused.localhost")).toMatchObject({ state: "idle" });
  expect((await routeOf("unused.localhost"))?.health).toBeUndefined();
});

test("a path that fails is the problem of its route alone, and over once it succeeds", async () => {
  kt.rewrite(profile("/status?code=503"));
  await eventually("the route to fail", async () => (await routeOf("web.localhost"))?.state === "failed");
  const { problem } = (await routeOf("web.localhost")) ?? {};
  expect(problem).toMatchObject({ code: "unhealthy" });
  expect(problem?.message).toMatch(/^[0-9]+ health checks in a row failed: GET \/status was answered with 503$/);
  expect(await routeOf(String(echo))).toMatchObject({ state: "running" });
  expect(await logs()).toContain("health checks in a row failed");
  kt.rewrite(profile("/"));
  await eventually("the route to be well again", async () => (await routeOf("web.localhost"))?.state === "running");
  expect(await logs()).toContain("health checks succeed");
});
