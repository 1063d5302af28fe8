/** Tuning on the real cluster: time-outs and limits as clients meet them, said by the profile, by variables and by --set. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { namespace } from "#test/support/cluster.ts";
import { ask, connectClient, readAnswer } from "#test/support/h2-peers.ts";
import { Home, Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";

const [port = 0, echo = 0] = freePorts(2);
let kt: Kt;

const profile = `name = "tuned"
namespace = "${namespace}"
[http]
listen = ["127.0.0.1:${port}"]
[timeouts]
header = "10m"
write = "1s"
[limits]
per_target = 2
[routes]
"web.localhost" = "svc/web:http"
"grpc.localhost" = "svc/web:grpc"
"api.localhost" = "svc/api:http"
[tcp]
"127.0.0.1:${echo}" = "svc/web:echo"
`;

/** Stronger than the profile; the wait of a connection too many comes by --set's own variable. */
const environment = {
  KT_TIMEOUTS_HEADER: "500ms",
  KT_TIMEOUTS_GRPC: "1s",
  KT_TIMEOUTS_WRITE: "20s",
  KT_SET: "timeouts.write=2s limits.wait=1s",
};

interface Route {
  readonly name: string;
  readonly failures: number;
  readonly lastProblem?: { readonly code: string; readonly message: string };
}

async function routeOf(name: string): Promise<Route | undefined> {
  const { profiles } = (await kt.status()) as unknown as { profiles: readonly { readonly routes: readonly Route[] }[] };
  return profiles[0]?.routes.find((route) => route.name === name);
}

beforeAll(async () => {
  kt = await Kt.serve(port, profile, environment);
  for (const name of ["web", "api"]) expect((await kt.fetch(`${name}.localhost`, "/")).status).toBe(200);
});
afterAll(async () => await kt?.close());

test("a pod that is slow to answer: 504 that says which time-out, counted in status and metrics; a quick one is not touched", async () => {
  const before = (await routeOf("web.localhost"))?.failures ?? 0;
  const slow = await kt.fetch("web.localhost", "/slow?d=5s", { headers: { Accept: "application/json" } });
  expect(slow.status).toBe(504);
  expect(slow.headers.get("x-kt-error")).toBe("answer-timeout");
  expect(await slow.text()).toContain("did not begin to answer within 500 ms, as timeouts.header has it");
  expect(await kt.text("web.localhost", "/slow?d=100ms")).toContain("slept 100ms");
  const route = await routeOf("web.localhost");
  expect(route?.failures).toBe(before + 1);
  expect(route?.lastProblem?.code).toBe("answer-timeout");
  expect((await kt.home.run(["metrics"])).stdout).toMatch(/kt_route_failures_total\{[^}]*route="web\.localhost"[^}]*\} [1-9]/);
  expect((await kt.home.run(["logs"])).stdout).toContain("as timeouts.header has it");
});

test("a stream that goes on longer than timeouts.write is broken off, and the client notices", async () => {
  const stream = await kt.fetch("api.localhost", "/sse?n=0&interval=50ms");
  expect(stream.status).toBe(200);
  const startedMs = performance.now();
  expect(await stream.text().catch(() => "broken off")).toBe("broken off");
  expect(performance.now() - startedMs).toBeGreaterThan(1500);
});

test("gRPC: a call that goes on longer than timeouts.grpc ends with DEADLINE_EXCEEDED", async () => {
  const client = connectClient({ port });
  try {
    const headers = { ":method": "POST", "content-type": "application/grpc", te: "trailers", ":path": "/kt.test.Echo/Bidi" };
    const call = client.request({ ":authority": "grpc.localhost", ...headers }, { endStream: false });
    const answer = await readAnswer(call);
    const status = answer.trailers?.["grpc-status"] ?? answer.headers["grpc-status"];
    expect(status).toBe("4");
    // HTTP requests of the same client go on.
    expect((await ask(client, "web.localhost")).headers[":status"]).toBe(200);
  } finally {
    client.destroy();
  }
});

test("one TCP connection too many is closed once it has waited, and the next has the place of one that ended", async () => {
  const open = await Promise.all([RawClient.open(echo), RawClient.open(echo)]);
  for (const client of open) {
    client.write("hello\n");
    await client.readUntil("\n");
  }
  const refused = await RawClient.open(echo);
  refused.write("hello\n");
  await refused.whenClosed();
  expect(refused.text()).not.toContain("hello");
  expect((await routeOf(`127.0.0.1:${echo}`))?.lastProblem?.message).toContain("as many as limits.per_target allows");
  for (const client of open) client.end();
  await eventually("a place", async () => {
    const next = await RawClient.open(echo);
    next.write("again\n");
    const text = await Promise.race([next.readUntil("\n"), next.whenClosed().then(() => "")]).catch(() => "");
    next.abort();
    return text.includes("again");
  });
});

test("HTTP: requests beyond the places wait for those that end, and only what waits too long gets 503 with Retry-After", async () => {
  const quick = await Promise.all(Array.from({ length: 30 }, async () => (await kt.fetch("web.localhost", "/")).status));
  expect(quick.every((status) => status === 200)).toBe(true);
  // Two uploads that do not end have both places.
  const uploads = await Promise.all([RawClient.open(port), RawClient.open(port)]);
  for (const client of uploads) {
    client.write("POST /echo HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: 10\r\n\r\nabc");
    await client.readUntil("abc");
  }
  const late = await kt.fetch("web.localhost", "/", { headers: { Accept: "application/json" } });
  expect(late.status).toBe(503);
  expect(late.headers.get("retry-after")).toBe("1");
  expect(await late.text()).toContain("as many as limits.per_target allows");
  for (const client of uploads) client.abort();
  await eventually("a place", async () => (await kt.fetch("web.localhost", "/")).status === 200);
});

test("kt check, kt status and kt explain say what holds and where it is said; a variable that cannot be is an error before anything is attached", async () => {
  const checked = await kt.home.run(["check", "--set", "retry.max=1"]);
  for (const line of [
    'timeouts.header = "500ms", from KT_TIMEOUTS_HEADER',
    'timeouts.write = "2s", from --set timeouts.write',
    "retry.max = 1, from --set retry.max",
    "limits.per_target = 2, from tunnels.toml:9:14",
  ])
    expect(checked.stdout).toContain(line);
  const [status, explained] = [await kt.home.run(["status"]), await kt.home.run(["explain", "web.localhost"])];
  for (const { stdout } of [status, explained]) {
    expect(stdout).toContain('timeouts.header = "500ms", from KT_TIMEOUTS_HEADER');
    expect(stdout).toContain('timeouts.write = "2s", from --set timeouts.write');
    expect(stdout).toContain("limits.per_target = 2, from tunnels.toml:9:14");
    expect(stdout).not.toContain("retry.");
  }
  await using home = new Home({ KT_TIMEOUTS_HEADER: "soon" });
  home.write("tunnels.toml", profile);
  const up = await home.run(["up", "-d"]);
  expect(up.exitCode).toBe(2);
  expect(up.stderr).toContain(
    'kt: error: KT_TIMEOUTS_HEADER: "soon" is not a valid duration\nkt: hint: for example "30s", "60m" or "1h30m"',
  );
});
