/** What kt measures, on a real cluster: known traffic is the same wherever it is read, Prometheus reads it, and other users do not. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { connect as connectSocket, file } from "bun";
import { deploy, kubectl, ownNamespace, run } from "#test/support/cluster.ts";
import { Chromium } from "#test/support/browser.ts";
import { DashboardPage } from "#test/support/dashboard-page.ts";
import { binary, Kt } from "#test/support/kt.ts";
import { McpClient } from "#test/support/mcp-client.ts";
import { readMetrics } from "#test/support/metrics-reader.ts";
import { PlainUser } from "#test/support/plain-user.ts";
import { freePorts } from "#test/support/process.ts";
import { Prometheus } from "#test/support/prometheus.ts";
import { figuresOf, figuresOnPage, figuresOnScreen } from "#test/support/seen-figures.ts";
import { noTerminal, Terminal } from "#test/support/terminal.ts";
import { eventually } from "#test/support/wait.ts";

const isRoot = process.getuid?.() === 0;
/** Of each kind, on 20 connections at a time. */
const requests = 2_500;
const bodyBytes = 1_000;

let ns: { name: string; remove(): Promise<void> };
let kt: Kt;
let tcpPort: number;
let token: string;

beforeAll(async () => {
  ns = await ownNamespace("metrics");
  await deploy(ns.name, "web");
  const [port = 0, local = 0] = freePorts(2);
  tcpPort = local;
  const routes = ["h1", "h2"].map((name) => `"${name}.localhost" = "svc/web:http"`).join("\n");
  kt = await Kt.serve(
    port,
    `name = "figures"\nnamespace = "${ns.name}"\n[http]\nlisten = "127.0.0.1:${port}"\n[routes]\n${routes}\n"tls.localhost" = "svc/web:tls"\n[tcp]\n"127.0.0.1:${tcpPort}" = "svc/web:echo"\n`,
  );
  token = readFileSync(`${kt.home.env["XDG_RUNTIME_DIR"]}/kt/token`, "utf8").trim();
}, 120_000);
afterAll(async () => {
  await kt?.close();
  await ns?.remove();
});

const own = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}): Promise<Response> =>
  kt.fetch("kt.localhost", path, { ...init, headers: { Authorization: `Bearer ${token}`, ...headers } });

// biome-ignore lint/suspicious/noExplicitAny: test/integration/api.test.ts holds answers against their document.
const json = async (page: string): Promise<any> => await (await own(page)).json();

const path = `/bytes?n=${bodyBytes}`;

async function many(work: (at: number) => Promise<void>, total = requests): Promise<void> {
  let at = 0;
  const worker = async (): Promise<void> => {
    while (at < total) await work(at++);
  };
  await Promise.all(Array.from({ length: 20 }, worker));
}

async function overHttp1(): Promise<void> {
  await many(async () => {
    const response = await kt.fetch("h1.localhost", path, { keepalive: true });
    expect((await response.arrayBuffer()).byteLength).toBe(bodyBytes);
  });
}

async function overHttp2(): Promise<void> {
  const session = connect(`http://127.0.0.1:${kt.port}`);
  await many(async () => {
    const stream = session.request({ ":authority": "h2.localhost", ":path": path });
    let bytes = 0;
    stream.on("data", (piece: Buffer) => (bytes += piece.length));
    await new Promise((resolve, reject) => stream.on("end", resolve).on("error", reject));
    expect(bytes).toBe(bodyBytes);
  });
  await new Promise<void>((resolve) => session.close(resolve));
}

async function overTls(): Promise<void> {
  await many(async () => {
    const url = `https://127.0.0.1:${kt.port}${path}`;
    const response = await fetch(url, {
      tls: { rejectUnauthorized: false, serverName: "tls.localhost" },
      headers: { Host: "tls.localhost" },
    });
    expect((await response.arrayBuffer()).byteLength).toBe(bodyBytes);
  });
}

/** One connection for each, since there are no requests. */
async function overTcp(): Promise<void> {
  const sent = Buffer.alloc(bodyBytes, "x");
  await many(async () => {
    const done = Promise.withResolvers<void>();
    let bytes = 0;
    await connectSocket({
      hostname: "127.0.0.1",
      port: tcpPort,
      socket: {
        open: (socket) => void socket.write(sent),
        data(socket, piece) {
          bytes += piece.length;
          if (bytes === bodyBytes) socket.end();
        },
        close: () => done.resolve(),
        error: (_, error) => done.reject(error),
      },
    });
    await done.promise;
    expect(bytes).toBe(bodyBytes);
  });
}

interface Route {
  readonly name: string;
  readonly requests: number;
  readonly responses?: Readonly<Record<string, number>>;
  readonly totalConnections: number;
  readonly openConnections: number;
  readonly failures: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** By the names of the routes. */
function routesIn(status: { readonly profiles: readonly { readonly routes: readonly Route[] }[] }): Map<string, Route> {
  return new Map((status.profiles[0]?.routes ?? []).map((route) => [route.name, route]));
}

const names = (): Readonly<Record<"h1" | "h2" | "tls" | "tcp", string>> => ({
  h1: "h1.localhost",
  h2: "h2.localhost",
  tls: "tls.localhost",
  tcp: `127.0.0.1:${tcpPort}`,
});

const shownNow = async (): Promise<Map<string, Route>> => routesIn((await kt.status()) as never);

test("10,000 requests over HTTP/1, HTTP/2, TLS that is passed through and TCP are the same in status, metrics and API, and as many as there were", async () => {
  for (const talk of [overHttp1, overHttp2, overTls, overTcp]) await talk();
  await eventually("TCP connections to end", async () => (await shownNow()).get(names().tcp)?.openConnections === 0);
  const shown = await shownNow();
  const [h1, h2, tls, tcp] = Object.values(names()).map((name) => shown.get(name));
  const bytes = requests * bodyBytes;
  expect(h1).toMatchObject({ requests, responses: { "2xx": requests }, receivedBytes: bytes, sentBytes: 0 });
  expect(h2).toMatchObject({ requests, responses: { "2xx": requests }, receivedBytes: bytes, sentBytes: 0, totalConnections: 1 });
  expect(tls?.receivedBytes).toBeGreaterThan(bytes);
  expect(tls).toMatchObject({ requests: 0, totalConnections: expect.any(Number) });
  expect(tcp).toMatchObject({ requests: 0, receivedBytes: bytes, sentBytes: bytes, totalConnections: requests });
  // Clients of TLS may still hold their connections open, but nothing goes through them.
  const api = routesIn(await json("/api/v1/snapshot"));
  const agent = await McpClient.overHttp({ port: kt.port, token });
  const toAgents = routesIn({ profiles: [{ routes: (await agent.get("list_services")).services }] });
  await agent.close();
  const texts = [await (await own("/metrics")).text(), (await kt.home.run(["metrics"])).stdout];
  for (const name of Object.values(names())) {
    const { requests: count, receivedBytes, sentBytes, totalConnections } = shown.get(name) as Route;
    for (const seen of [api, toAgents]) {
      expect(seen.get(name)).toMatchObject({ requests: count, receivedBytes, sentBytes, totalConnections });
    }
    for (const text of texts) {
      const { samples } = readMetrics(text);
      const value = (metric: string): number | undefined => samples.get(`${metric}{profile="figures",route=${JSON.stringify(name)}}`);
      expect([value("kt_route_received_bytes_total"), value("kt_route_sent_bytes_total"), value("kt_route_connections_total")]).toEqual([
        receivedBytes,
        sentBytes,
        totalConnections,
      ]);
      const answered = samples.get(`kt_route_requests_total{profile="figures",route=${JSON.stringify(name)},class="2xx"}`);
      expect(answered ?? 0).toBe(count);
      expect(value("kt_route_request_duration_seconds_count") ?? 0).toBe(count);
      expect(value("kt_route_time_to_first_byte_seconds_count") ?? 0).toBe(count);
    }
  }
  const listed = await json(`/api/v1/requests?profile=${encodeURIComponent(kt.profile)}&route=h1.localhost`);
  expect(listed.requests).toHaveLength(500);
  expect(new Set(listed.requests.map((each: { path: string; status: number }) => `${each.path} ${each.status}`))).toEqual(
    new Set(["/bytes 200"]),
  );
}, 120_000);

test.skipIf(noTerminal !== undefined)(
  "the terminal shows the same figures of them as the status",
  async () => {
    const shown = await shownNow();
    using at = Terminal.open(kt.home.path, `${binary} tui`, { cwd: `${kt.home.path}/project`, env: kt.home.env });
    await at.sees("4 routes");
    for (const name of Object.values(names())) expect(await figuresOnScreen(at, name)).toEqual(figuresOf(shown.get(name) as Route));
    expect((shown.get("h1.localhost") as Route).requests).toBe(requests);
  },
  60_000,
);

test("the dashboard shows the same figures of them as the status", async () => {
  const shown = await shownNow();
  const browser = await Chromium.start();
  try {
    await browser.visit({ width: 1440 }, async (page) => {
      await page.goto((await kt.home.ok("dashboard", "--url")).trim());
      await new DashboardPage(page).live();
      for (const route of Object.values(names()))
        expect(await figuresOnPage(page, { profile: kt.profile, route })).toEqual(figuresOf(shown.get(route) as Route));
    });
  } finally {
    await browser.close();
  }
  expect((shown.get("h1.localhost") as Route).requests).toBe(requests);
}, 60_000);

test("no path and no query of a request is in the metrics, the events, the hub's log or kt logs", async () => {
  await (await kt.fetch("h1.localhost", "/status?code=404&secret-in-query")).arrayBuffer();
  await (await kt.fetch("h1.localhost", "/secret-in-path")).arrayBuffer();
  const texts = [
    await (await own("/metrics")).text(),
    await (await own("/api/v1/events?details=true")).text(),
    (await kt.home.run(["logs", "-v"])).stdout,
    kt.process.output,
  ];
  for (const text of texts) expect(text).not.toMatch(/secret-in|\/bytes/);
});

describe("who may read it", () => {
  test.skipIf(!isRoot)("another user of the machine reads neither the token nor anything that needs it", async () => {
    const tokenFile = `${kt.home.env["XDG_RUNTIME_DIR"]}/kt/token`;
    const url = `http://127.0.0.1:${kt.port}`;
    const as = (...command: string[]) => run([...PlainUser.prefix, ...command]);
    expect((await as("cat", tokenFile)).stderr).toContain("Permission denied");
    for (const page of ["/metrics", "/health/status", "/api/v1/snapshot", "/api/v1/events", "/api/openapi.json"]) {
      const { stdout } = await as("curl", "-s", "-i", "-H", "Host: kt.localhost", `${url}${page}`);
      expect(stdout).toStartWith("HTTP/1.1 401");
      expect(stdout).not.toMatch(/h1\.localhost|kt_route/);
    }
    const { stdout } = await as("curl", "-s", "-X", "POST", "-H", "Host: kt.localhost", "-d", "{}", `${url}/api/v1/detach`);
    expect(stdout).toContain("token");
    expect(await as("curl", "-s", "-H", "Host: kt.localhost", `${url}/health`)).toMatchObject({
      stdout: expect.stringMatching(/^(ok|failing)$/m),
    });
  });

  test("a page whose name was made to lead here, and one that posts across sites, change and read nothing", async () => {
    const rebound = await kt.fetch(`evil.example:${kt.port}`, "/api/v1/snapshot", { headers: { Authorization: `Bearer ${token}` } });
    expect(rebound.status).toBe(404);
    const posts: Record<string, string>[] = [
      { Origin: "https://evil.example", "Content-Type": "application/json" },
      { Origin: "http://h1.localhost", "Content-Type": "application/json" },
      { "Content-Type": "text/plain" },
    ];
    for (const headers of posts) {
      const { status } = await own("/api/v1/detach", headers, { method: "POST", body: "{}" });
      expect([403, 415]).toContain(status);
    }
    expect((await kt.status())["profiles"]).toHaveLength(1);
  });
});

describe("Prometheus", () => {
  let prometheus: Prometheus;
  beforeAll(async () => {
    prometheus = await Prometheus.find(kt.home.path);
  }, 120_000);
  afterAll(() => prometheus?.stop());

  test("finds nothing wrong with the metrics nor with the alert rules", async () => {
    const { stdout: text } = await kt.home.run(["metrics"]);
    expect(await prometheus.promtool(["check", "metrics"], text)).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
    const rules = new URL("../../docs/metrics/alerts.yml", import.meta.url).pathname;
    expect((await prometheus.promtool(["check", "rules", rules])).exitCode).toBe(0);
  });

  test("scrapes them as the manual says, with the token from its file", async () => {
    const manual = await file(new URL("../../docs/metrics.md", import.meta.url)).text();
    const [, config = ""] = /```yaml\n([\s\S]*?)```/.exec(manual) ?? [];
    const own = config
      .replace("/run/user/1000", kt.home.env["XDG_RUNTIME_DIR"] ?? "")
      .replaceAll(":8989", `:${kt.port}`)
      .replace("job_name: kt", "job_name: kt\n    scrape_interval: 1s");
    writeFileSync(`${kt.home.path}/prometheus.yml`, own);
    await prometheus.start(`${kt.home.path}/prometheus.yml`);
    await eventually("a scrape", async () => (await prometheus.query("up"))[0]?.value === 1, 60_000);
    const [found] = await prometheus.query('kt_route_received_bytes_total{route="h1.localhost"}');
    const { samples } = readMetrics((await kt.home.run(["metrics"])).stdout);
    expect(found?.value).toBe(samples.get('kt_route_received_bytes_total{profile="figures",route="h1.localhost"}') ?? Number.NaN);
    const before = (await prometheus.query("count_over_time(up[5m])"))[0]?.value ?? 0;
    await eventually(
      "more scrapes",
      async () => ((await prometheus.query("count_over_time(up[5m])"))[0]?.value ?? 0) >= before + 5,
      60_000,
    );
    expect((await prometheus.query("min_over_time(up[5m])"))[0]?.value).toBe(1);
    expect(await prometheus.query("scrape_samples_scraped")).toMatchObject([{ value: expect.any(Number) }]);
  }, 120_000);
});

test("health says by route what is wrong, and in one word without the token", async () => {
  const states = async (): Promise<Record<string, string>> => {
    const { routes } = await json("/health/status");
    return Object.fromEntries(routes.map(({ route, state }: { route: string; state: string }) => [route, state]));
  };
  expect(await states()).toMatchObject({ "h1.localhost": "running" });
  expect((await kt.fetch("kt.localhost", "/health")).status).toBe(200);
  await kubectl("-n", ns.name, "scale", "deployment/web", "--replicas=0");
  await eventually("the route to fail", async () => (await states())["h1.localhost"] === "failed", 60_000);
  expect((await kt.fetch("kt.localhost", "/health")).status).toBe(503);
  const { routes } = await json("/health/metrics");
  expect(routes.find(({ route }: { route: string }) => route === "h2.localhost")).toMatchObject({ requests });
});
