/** Pods that die with requests under way, on a real cluster: what may be sent again is answered by the next pod, and nothing else is. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { deploy, kubectl, ownNamespace, podsOf, rolledOut } from "#test/support/cluster.ts";
import { ask, connectClient } from "#test/support/h2-peers.ts";
import { Kt } from "#test/support/kt.ts";
import { readMetrics } from "#test/support/metrics-reader.ts";
import { freePorts } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";

/** Long enough for a pod to be started on a busy machine. */
const patienceMs = 60_000;
const atOnce = 8;
let ns: { name: string; remove(): Promise<void> };
let usual: Kt;
let off: Kt;

const hosts = ["get.localhost", "post.localhost", "h2.localhost"] as const;
type Host = (typeof hosts)[number];

async function serve(retry: string): Promise<Kt> {
  const [port = 0] = freePorts(1);
  const routes = hosts.map((host) => `"${host}" = "svc/web:http"`).join("\n");
  const settings = `name = "retries"\nnamespace = "${ns.name}"\nstart_timeout = "60s"\n${retry}`;
  return await Kt.serve(port, `${settings}\n[http]\nlisten = "127.0.0.1:${port}"\n[routes]\n${routes}\n`);
}

beforeAll(async () => {
  ns = await ownNamespace("retry");
  await deploy(ns.name, "web");
  [usual, off] = await Promise.all([serve(""), serve("[retry]\nmax = 0")]);
}, 120_000);
afterAll(async () => {
  await usual?.close();
  await off?.close();
  await ns?.remove();
});

interface Route {
  readonly name: string;
  readonly requests: number;
  readonly retries?: number;
}

async function routeOf(kt: Kt, host: Host): Promise<Route | undefined> {
  const { profiles } = (await kt.status()) as unknown as { profiles: readonly { routes: readonly Route[] }[] };
  return profiles[0]?.routes.find(({ name }) => name === host);
}

/** The pods die at once while the requests are under way, to a pod that was ready. */
async function killUnderWay(kt: Kt, host: Host, send: () => Promise<number>[]): Promise<number[]> {
  await rolledOut(ns.name, "web");
  await eventually("a pod to answer", async () => (await kt.fetch(host, "/")).status === 200, patienceMs);
  const before = (await routeOf(kt, host))?.requests ?? 0;
  const statuses = Promise.all(send());
  await eventually("the requests to be under way", async () => ((await routeOf(kt, host))?.requests ?? 0) >= before + atOnce, patienceMs);
  const pods = await podsOf(ns.name, "web");
  await kubectl("-n", ns.name, "delete", "pod", ...pods, "--grace-period=0", "--force", "--wait=false");
  return await statuses;
}

const slow = "/slow?d=6s";
const overHttp1 = (kt: Kt, host: Host, method: string) => (): Promise<number>[] =>
  Array.from({ length: atOnce }, async () => {
    const response = await kt.fetch(host, slow, { method });
    await response.arrayBuffer();
    return response.status;
  });
const all = (status: number): number[] => Array.from({ length: atOnce }, () => status);

/** One that no pod had when the first died has the next one. */
async function expectLost(kt: Kt, host: Host, method: string): Promise<void> {
  const statuses = await killUnderWay(kt, host, overHttp1(kt, host, method));
  expect(statuses).toContain(502);
  expect(new Set([...statuses, 200, 502]).size).toBe(2);
  expect((await routeOf(kt, host))?.retries).toBeUndefined();
}

test("GETs under way in HTTP/1 are answered by the next pod, and the status and the metrics count how often they were sent again", async () => {
  expect(await killUnderWay(usual, "get.localhost", overHttp1(usual, "get.localhost", "GET"))).toEqual(all(200));
  const retries = (await routeOf(usual, "get.localhost"))?.retries ?? 0;
  expect(retries).toBeGreaterThan(0);
  const token = readFileSync(`${usual.home.env["XDG_RUNTIME_DIR"]}/kt/token`, "utf8").trim();
  const metrics = await usual.fetch("kt.localhost", "/metrics", { headers: { Authorization: `Bearer ${token}` } });
  const { samples } = readMetrics(await metrics.text());
  expect(samples.get('kt_route_retries_total{profile="retries",route="get.localhost"}')).toBe(retries);
}, 120_000);

test("and in HTTP/2", async () => {
  const client = connectClient({ port: usual.port });
  const send = (): Promise<number>[] =>
    Array.from({ length: atOnce }, async () => Number((await ask(client, "h2.localhost", { ":path": slow })).headers[":status"]));
  expect(await killUnderWay(usual, "h2.localhost", send)).toEqual(all(200));
  client.destroy();
}, 120_000);

test("POSTs under way are not sent again: the pod may have acted on them", async () => {
  await expectLost(usual, "post.localhost", "POST");
}, 120_000);

test("with max = 0 nothing is", async () => {
  await expectLost(off, "get.localhost", "GET");
}, 120_000);
