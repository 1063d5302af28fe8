/** Measures kt with and without its relay beside kubectl, in turns: what a new connection and a byte cost by each. */

import { kubectl, namespace } from "#test/support/cluster.ts";
import { Home, listening } from "#test/support/kt.ts";
import { freePorts, processesWith, residentBytes } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { importRelayImage } from "#test/support/relay-image.ts";
import { eventually, within } from "#test/support/wait.ts";
import { cpuSeconds, flawless, load } from "./measure.ts";
import { Results, type TablePlan, table } from "./report.ts";
import type { Figures, Row } from "./rows.ts";
import { benchHost, benchProfile, type Contestant, startTunnel, type Tunnel } from "./tunnels.ts";

/** Ratios are those of kt with the relay to the better of kubectl's two. */
export const relayRows: readonly Row[] = [
  { name: "new connection, TCP, p50", unit: "ms", better: "lower", ratio: 0.35 },
  { name: "new connection, HTTP, p50", unit: "ms", better: "lower", ratio: 0.35 },
  { name: "new TCP connections, 50 at a time", unit: "/s", better: "higher", ratio: 6 },
  { name: "50 TCP connections at once", unit: "ms", better: "lower", ratio: 0.6 },
  { name: "keep-alive requests, 16 connections", unit: "/s", better: "higher", ratio: 1.5 },
  { name: "download, one connection", unit: "MB/s", better: "higher", ratio: 1.1 },
  { name: "upload, one connection", unit: "MB/s", better: "higher", ratio: 1.1 },
  { name: "download, eight connections", unit: "MB/s", better: "higher", ratio: 1.3 },
  { name: "client CPU per GB, down", unit: "s", better: "lower" },
  { name: "relay CPU per GB, down", unit: "s", better: "lower" },
  { name: "relay memory, idle", unit: "MB", better: "lower", limit: 64 },
  { name: "relay memory, 1,000 streams", unit: "MB", better: "lower", limit: 120 },
  { name: "answer over the relay, from nothing", unit: "ms", better: "lower", limit: 2500 },
  { name: "requests beside 20 unread downloads, p99", unit: "ms", better: "lower", limit: 10 },
];

/** And what each is to those who start tunnels; the first is started here. */
const ways: Readonly<Record<string, Contestant | undefined>> = {
  "kt, relay": undefined,
  "kt, port-forward": "kt",
  "kubectl WebSocket": "kubectl WebSocket",
  "kubectl SPDY": "kubectl SPDY",
};
const plan: TablePlan = { rows: relayRows, contestants: Object.keys(ways), rivals: ["kubectl WebSocket", "kubectl SPDY"] };

const relaySelector = "app.kubernetes.io/name=kt-relay";
const downloadBytes = 600_000_000;

async function startRelayed(image: string, kubeconfig: string): Promise<Tunnel> {
  const [http = 0, echo = 0] = freePorts(2);
  const home = new Home({ KUBECONFIG: kubeconfig });
  const profile = home.write("tunnels.toml", `${benchProfile(http, echo)}[relay]\nmode = "always"\nimage = "${image}"\n`);
  await home.run(["allow"]);
  const started = home.start(["serve", "-f", profile]);
  await listening(http, started);
  await flawless("tcpconn", echo, benchHost, 1);
  const logs = async (): Promise<string> => await kubectl("-n", namespace, "logs", "-l", relaySelector, "--tail=-1");
  await eventually("both sessions of the relay", async () => (await logs()).includes("sessions=2"), 30_000, 100);
  // Not before: a connection to the pod that HTTP requests share would have been made by port-forward, and would be used on.
  await flawless("newconn", http, benchHost, 1);
  const close = async (): Promise<void> => {
    await home.close();
    await relayGone();
  };
  return { pid: started.pid, http, echo, host: benchHost, close };
}

/** The relay's process: its pod runs on this machine. */
async function relayPid(): Promise<number> {
  const pod = await kubectl("-n", namespace, "get", "pods", "-l", relaySelector, "-o", "jsonpath={.items[*].metadata.name}");
  const [pid] = processesWith(`HOSTNAME=${pod}`);
  if (pid === undefined) throw new Error(`no process has the relay's pod "${pod}"`);
  return pid;
}

/** Of the relay alone, after `measure`'s download. */
async function measureRelaysOwn({ http, echo, host }: Tunnel): Promise<Figures> {
  const pid = await relayPid();
  const before = cpuSeconds(pid);
  await flawless("down", http, host, downloadBytes);
  const cpu = cpuSeconds(pid) - before;
  const clients = await Promise.all(Array.from({ length: 1_000 }, () => RawClient.open(echo)));
  for (const client of clients) client.write("hello");
  for (const client of clients) await within(30_000, "the echo", client.readUntil("hello"));
  const loaded = residentBytes(pid) / 1e6;
  for (const client of clients) client.abort();
  return { "relay CPU per GB, down": (cpu / downloadBytes) * 1e9, "relay memory, 1,000 streams": loaded };
}

/** What only the relay reaches, asked for where there is no relay: until the answer is there. */
async function measureFromNothing(image: string, kubeconfig: string): Promise<Figures> {
  const [http = 0, echo = 0] = freePorts(2);
  const home = new Home({ KUBECONFIG: kubeconfig });
  const head = `context = "kt"\nnamespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${http}"]\n`;
  const profile = home.write("tunnels.toml", `${head}[relay]\nimage = "${image}"\n[tcp]\n${echo} = "bench.${namespace}.svc:7000"\n`);
  await home.run(["allow"]);
  const started = home.start(["serve", "-f", profile]);
  await listening(http, started);
  const startedMs = performance.now();
  const client = await RawClient.open(echo);
  client.write("hello");
  await within(60_000, "the echo", client.readUntil("hello"));
  const figures = {
    "answer over the relay, from nothing": performance.now() - startedMs,
    "relay memory, idle": residentBytes(await relayPid()) / 1e6,
  };
  client.abort();
  await home.close();
  await relayGone();
  return figures;
}

async function relayGone(): Promise<void> {
  await kubectl("-n", namespace, "wait", "--for=delete", "job", "-l", relaySelector, "--timeout=60s");
}

async function measure({ pid, http, echo, host }: Tunnel): Promise<Figures> {
  await flawless("newconn", http, host, 20);
  const burst = await flawless("burst", echo, host, 50);
  const tcp = await flawless("tcpconn", echo, host, 300);
  const one = await flawless("newconn", http, host, 300);
  const fifty = await flawless("tcpconn", echo, host, 1_000, 50);
  const kept = await flawless("keepalive", http, host, 16_000, 16);
  const before = cpuSeconds(pid);
  const down = await flawless("down", http, host, downloadBytes);
  const cpu = cpuSeconds(pid) - before;
  const up = await flawless("up", http, host, downloadBytes / 2);
  const eight = await Promise.all(Array.from({ length: 8 }, () => flawless("down", http, host, downloadBytes / 8)));
  return {
    "new connection, TCP, p50": tcp.p50Ms,
    "new connection, HTTP, p50": one.p50Ms,
    "new TCP connections, 50 at a time": fifty.perSecond,
    "50 TCP connections at once": burst.seconds * 1000,
    "keep-alive requests, 16 connections": kept.perSecond,
    "download, one connection": down.mbPerSecond,
    "upload, one connection": up.mbPerSecond,
    "download, eight connections": downloadBytes / 1e6 / Math.max(...eight.map(({ seconds }) => seconds)),
    "client CPU per GB, down": (cpu / downloadBytes) * 1e9,
  };
}

/** Spoils a kubectl for good, so it comes last. */
async function measureStalled({ http, host }: Tunnel): Promise<Figures> {
  const stalled = await load("stall", http, host, 1_000, 20);
  return { "requests beside 20 unread downloads, p99": stalled.blocked === true ? Number.POSITIVE_INFINITY : stalled.p99Ms };
}

/** All of it as a table. */
export async function measureRelay(kubeconfig: string, rounds: number): Promise<string> {
  const results = new Results();
  const image = await importRelayImage();
  try {
    for (let round = 1; round <= rounds; round++) {
      results.add("kt, relay", await measureFromNothing(image.name, kubeconfig));
      for (const [way, contestant] of Object.entries(ways)) {
        console.log(`round ${round} of ${rounds}: ${way}`);
        const tunnel = await (contestant === undefined ? startRelayed(image.name, kubeconfig) : startTunnel(contestant, kubeconfig));
        try {
          results.add(way, await measure(tunnel));
          if (contestant === undefined) results.add(way, await measureRelaysOwn(tunnel));
          if (way.startsWith("kt")) results.add(way, await measureStalled(tunnel));
        } finally {
          await tunnel.close();
        }
      }
    }
  } finally {
    await image.remove();
  }
  return table(results, plan);
}
