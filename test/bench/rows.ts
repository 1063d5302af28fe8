/** What is measured of each contestant, in turns, and what kt is to reach. */

import { rmSync } from "node:fs";
import { sleep, spawn } from "bun";
import { goClient } from "#test/support/client.ts";
import { Home, listening } from "#test/support/kt.ts";
import { freePorts, residentBytes } from "#test/support/process.ts";
import { takesConnections } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";
import { measureDashboard } from "./dashboard.ts";
import { measureFullScreen } from "./full-screen.ts";
import { cpuSeconds, flawless, load, loadBinary, median } from "./measure.ts";
import { benchHost, benchProfile, type Contestant, spawnKubectl, startTunnel, type Tunnel } from "./tunnels.ts";
import { withKt } from "./with-kt.ts";

/** One figure per name; undefined where the contestant has none. */
export type Figures = Readonly<Record<string, number | undefined>>;

export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  /** Of kt's figure to the better of kubectl's two. */
  readonly ratio?: number;
  /** Of kt's figure itself. */
  readonly limit?: number;
}

export const rows: readonly Row[] = [
  { name: "download, one connection", unit: "MB/s", better: "higher", ratio: 1.2 },
  { name: "upload, one connection", unit: "MB/s", better: "higher", ratio: 1.2 },
  { name: "client CPU per GB, down", unit: "s", better: "lower", ratio: 0.5 },
  { name: "new connection, HTTP, p50", unit: "ms", better: "lower", ratio: 0.4 },
  { name: "new connection, TCP, p50", unit: "ms", better: "lower", ratio: 0.65 },
  { name: "new connection by SOCKS5, beside a TCP route", unit: "×", better: "lower", limit: 1.2 },
  { name: "new connections, 50 at a time", unit: "/s", better: "higher", ratio: 1.5 },
  { name: "new connections, 50 at a time, p99", unit: "ms", better: "lower", ratio: 1 },
  { name: "first 50 TCP connections at once, until all are answered", unit: "ms", better: "lower", ratio: 2 },
  { name: "50 more TCP connections at once", unit: "ms", better: "lower", ratio: 1.5 },
  { name: "new TCP connections, 50 at a time", unit: "/s", better: "higher", ratio: 1 },
  { name: "keep-alive requests, 16 connections", unit: "/s", better: "higher", ratio: 1.2 },
  { name: "keep-alive requests, 16 connections, the next 16,000", unit: "/s", better: "higher", ratio: 1.2 },
  { name: "gRPC, unary, p50", unit: "ms", better: "lower", ratio: 1.1 },
  { name: "new connection through a jump host, p50", unit: "ms", better: "lower", ratio: 0.2 },
  { name: "the same, one right after the other, p50", unit: "ms", better: "lower", ratio: 1 },
  { name: "20 through a jump host at once, again, until all are answered", unit: "ms", better: "lower", ratio: 0.2 },
  { name: "download through a jump host", unit: "MB/s", better: "higher", ratio: 1.2 },
  { name: "small requests beside 8 unread downloads, p99", unit: "ms", better: "lower", limit: 10 },
  { name: "first byte: kt through a cold tunnel, kubectl from its start", unit: "ms", better: "lower", ratio: 1 },
  { name: "first byte: both from their start", unit: "ms", better: "lower" },
  { name: "1,000 routes used for the first time, 50 at a time", unit: "s", better: "lower", limit: 4 },
  { name: "resident memory, idle", unit: "MB", better: "lower", limit: 64 },
  { name: "resident memory, 1,000 open connections", unit: "MB", better: "lower", limit: 120 },
  { name: "resident memory, 500 services watched", unit: "MB", better: "lower", limit: 100 },
  { name: "60 services of 4 namespaces until every port listens", unit: "ms", better: "lower", limit: 500 },
  { name: "resident memory, 60 services listened for", unit: "MB", better: "lower", limit: 90 },
  { name: "1,000 services of a namespace until every port listens", unit: "ms", better: "lower", limit: 3_000 },
  { name: "resident memory, 1,000 services listened for", unit: "MB", better: "lower", limit: 150 },
  { name: "1,000 services at rest", unit: "% of a core", better: "lower", limit: 0.5 },
  { name: "list requests for 1,000 services", unit: "", better: "lower", limit: 3 },
  { name: "watches of 1,000 services", unit: "", better: "lower", limit: 3 },
  { name: "a new service until it answers", unit: "ms", better: "lower", limit: 500 },
  { name: "a new pod until it answers, once it is ready", unit: "ms", better: "lower", limit: 200 },
  { name: "first byte from a cold service of a namespace", unit: "ms", better: "lower", limit: 30 },
  { name: "kt run -- true with the names of a namespace", unit: "ms", better: "lower", limit: 40 },
  { name: "DNS, a name of its own among 4,000, p50", unit: "ms", better: "lower", limit: 0.3 },
  { name: "DNS, a name of others above asking their server directly, p50", unit: "ms", better: "lower", limit: 0.3 },
  { name: "kt status --json of 3,000 routes", unit: "ms", better: "lower" },
  { name: "the hub's CPU time for it", unit: "ms", better: "lower", limit: 5 },
  { name: "the hub at rest, 1,000 routes and one watcher", unit: "% of a core", better: "lower", limit: 0.3 },
  { name: "kt tui until its first picture, 1,000 routes", unit: "ms", better: "lower", limit: 80 },
  { name: "a key until its picture, 1,000 routes", unit: "ms", better: "lower", limit: 16 },
  { name: "the hub at rest, 1,000 routes and kt tui", unit: "% of a core", better: "lower", limit: 0.5 },
  { name: "kt tui at rest, 1,000 routes", unit: "% of a core", better: "lower", limit: 0.5 },
  // All requests and rates that are kept: the latter are those of six hours of use.
  { name: "resident memory at rest, 1,000 routes with full rings, kt tui and a dashboard", unit: "MB", better: "lower", limit: 150 },
  { name: "the dashboard until its first routes, 1,000 routes", unit: "ms", better: "lower", limit: 300 },
  { name: "the dashboard, transferred", unit: "kB", better: "lower", limit: 150 },
  { name: "time between frames, 1,000 routes and 100 requests/s, p95", unit: "ms", better: "lower", limit: 18 },
  { name: "the hub at rest, 1,000 routes, kt tui and a dashboard", unit: "% of a core", better: "lower", limit: 1 },
  { name: "resident memory, 1,000 routes and a dashboard", unit: "MB", better: "lower", limit: 150 },
  { name: "kt version", unit: "ms", better: "lower", limit: 20 },
  { name: "kt up until it listens", unit: "ms", better: "lower", limit: 200 },
  { name: "kt run -- true on a warm hub", unit: "ms", better: "lower", limit: 150 },
  { name: "kt complete, a command", unit: "ms", better: "lower", limit: 50 },
];

const downloadBytes = 1_000_000_000;
const uploadBytes = 500_000_000;
const mb = 1024 * 1024;

/** One round of everything that a tunnel in good health can be asked. */
export async function measureTunnel({ pid, http, echo, host }: Tunnel): Promise<Figures> {
  await flawless("newconn", http, host, 20);
  const cpuBefore = cpuSeconds(pid);
  const down = await flawless("down", http, host, downloadBytes);
  const cpu = cpuSeconds(pid) - cpuBefore;
  const up = await flawless("up", http, host, uploadBytes);
  const one = await flawless("newconn", http, host, 300);
  const tcp = await flawless("tcpconn", echo, host, 300);
  const fifty = await flawless("newconn", http, host, 1_000, 50);
  const kept = await flawless("keepalive", http, host, 16_000, 16);
  const keptWarm = await flawless("keepalive", http, host, 16_000, 16);
  const unary = await goClient<{ readonly p50Ms: number }>("unary", http, "-host", host, "-n", "2000");
  if (unary.error !== undefined) throw new Error(`gRPC: ${unary.error}`);
  return {
    "gRPC, unary, p50": unary.p50Ms,
    "download, one connection": down.mbPerSecond,
    "upload, one connection": up.mbPerSecond,
    "client CPU per GB, down": (cpu / downloadBytes) * 1e9,
    "new connection, HTTP, p50": one.p50Ms,
    "new connection, TCP, p50": tcp.p50Ms,
    "new connections, 50 at a time": fifty.perSecond,
    "new connections, 50 at a time, p99": fifty.p99Ms,
    "keep-alive requests, 16 connections": kept.perSecond,
    "keep-alive requests, 16 connections, the next 16,000": keptWarm.perSecond,
  };
}

/** Many TCP connections at the same moment: through a cold tunnel, once more, and again and again. */
export async function measureBursts(contestant: Contestant, kubeconfig: string): Promise<Figures> {
  const tunnel = await startTunnel(contestant, kubeconfig);
  try {
    const cold = await flawless("burst", tunnel.echo, tunnel.host, 50);
    const warm = await flawless("burst", tunnel.echo, tunnel.host, 50);
    const lasting = await flawless("tcpconn", tunnel.echo, tunnel.host, 1_000, 50);
    return {
      "first 50 TCP connections at once, until all are answered": cold.seconds * 1000,
      "50 more TCP connections at once": warm.seconds * 1000,
      "new TCP connections, 50 at a time": lasting.perSecond,
    };
  } finally {
    await tunnel.close();
  }
}

/** One request to each of 1,000 routes, whose services the bench script made. */
export async function measureFirstUse(kubeconfig: string, namespace: string): Promise<Figures> {
  return await withRoutes(kubeconfig, namespace, 1_000, async ({ http }) => {
    const first = await flawless("hosts", http, "many-%d.localhost", 1_000, 50);
    return { "1,000 routes used for the first time, 50 at a time": first.seconds };
  });
}

/** A fresh kt with a route to each of so many services. */
async function withRoutes(
  kubeconfig: string,
  namespace: string,
  count: number,
  measure: (tunnel: Pick<Tunnel, "pid" | "http"> & { readonly home: Home }) => Promise<Figures>,
  targetOf = (at: number): string => `svc/many-${at}:80`,
): Promise<Figures> {
  const [http = 0] = freePorts(1);
  const routes = Array.from({ length: count }, (_, at) => `"many-${at}.localhost" = "${targetOf(at)}"`);
  const profile = ['context = "kt"', `namespace = "${namespace}"`, "[http]", `listen = ["127.0.0.1:${http}"]`, "[routes]", ...routes];
  return await withKt(kubeconfig, profile.join("\n"), async (kt, home) => {
    await listening(http, kt);
    return await measure({ pid: kt.pid, http, home });
  });
}

/** Small requests beside downloads that are not read; spoils a kubectl for good, so it gets one of its own. */
export async function measureStall(contestant: Contestant, kubeconfig: string): Promise<Figures> {
  const tunnel = await startTunnel(contestant, kubeconfig);
  try {
    const stalled = await load("stall", tunnel.http, tunnel.host, 100, 8);
    if (contestant === "kt" && stalled.failed > 0) throw new Error(`stall: ${stalled.firstError}`);
    return { "small requests beside 8 unread downloads, p99": stalled.blocked === true ? Number.POSITIVE_INFINITY : stalled.p99Ms };
  } finally {
    await tunnel.close();
  }
}

/** From nothing to the first byte. */
export async function measureCold(contestant: Contestant, kubeconfig: string): Promise<Figures> {
  const [http = 0, echo = 0] = freePorts(2);
  if (contestant !== "kt") {
    const child = spawnKubectl(contestant, kubeconfig, http, echo);
    const first = await flawless("first", http, benchHost, 1);
    child.kill("SIGKILL");
    await child.exited;
    const ms = first.seconds * 1000;
    return { "first byte: kt through a cold tunnel, kubectl from its start": ms, "first byte: both from their start": ms };
  }
  const home = new Home({ KUBECONFIG: kubeconfig });
  const profile = home.write("tunnels.toml", benchProfile(http, echo));
  const fromStart = home.start(["serve", "-f", profile]);
  const whole = await flawless("first", http, benchHost, 1);
  await fromStart.stop();
  await home.close();
  const tunnel = await startTunnel("kt", kubeconfig);
  const first = await flawless("first", tunnel.http, benchHost, 1);
  await tunnel.close();
  return {
    "first byte: kt through a cold tunnel, kubectl from its start": first.seconds * 1000,
    "first byte: both from their start": whole.seconds * 1000,
  };
}

/** Resident memory of a fresh tunnel that listens, and of one that holds 1,000 connections. */
export async function measureMemory(contestant: Contestant, kubeconfig: string): Promise<Figures> {
  const tunnel = await startTunnel(contestant, kubeconfig);
  try {
    const idle = residentBytes(tunnel.pid) / mb;
    const holder = spawn([loadBinary, "hold", `127.0.0.1:${tunnel.echo}`, "-n", "1000"], { stdout: "pipe" });
    const reader = holder.stdout.getReader();
    let text = new TextDecoder().decode((await reader.read()).value);
    const held = residentBytes(tunnel.pid) / mb;
    holder.kill("SIGTERM");
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += new TextDecoder().decode(part.value);
    const failed = (JSON.parse(text.trim().split("\n").at(-1) ?? "") as { failed: number }).failed;
    if (contestant === "kt" && failed > 0) throw new Error(`${failed} of 1,000 connections failed`);
    return { "resident memory, idle": idle, "resident memory, 1,000 open connections": failed > 0 ? undefined : held };
  } finally {
    await tunnel.close();
  }
}

/** kt's resident memory once it follows 500 services, which the bench script made. */
export async function measureWatching(kubeconfig: string, namespace: string): Promise<Figures> {
  return await withRoutes(kubeconfig, namespace, 500, async ({ pid, http }) => {
    await flawless("hosts", http, "many-%d.localhost", 500);
    return { "resident memory, 500 services watched": residentBytes(pid) / mb };
  });
}

/** What the status of many routes costs: asked for, and watched while nothing happens. Their services need not exist. */
export async function measureStatus(kubeconfig: string, namespace: string): Promise<Figures> {
  const asked = await withRoutes(kubeconfig, namespace, 3_000, async ({ pid, home }) => {
    await timed(home, "status", "--json");
    const before = cpuSeconds(pid);
    const tookMs: number[] = [];
    for (let times = 0; times < 50; times++) tookMs.push(await timed(home, "status", "--json"));
    const cpuMs = (cpuSeconds(pid) - before) * 1000;
    return { "kt status --json of 3,000 routes": median(tookMs), "the hub's CPU time for it": cpuMs / tookMs.length };
  });
  const watched = await withRoutes(kubeconfig, namespace, 1_000, async ({ pid, home }) => {
    const watcher = home.start(["up"]);
    await sleep(2_000);
    const before = cpuSeconds(pid);
    await sleep(restSeconds * 1000);
    const seconds = cpuSeconds(pid) - before;
    await watcher.stop();
    return { "the hub at rest, 1,000 routes and one watcher": (seconds / restSeconds) * 100 };
  });
  const shown = await withRoutes(kubeconfig, namespace, 1_000, ({ pid, home }) => measureFullScreen(home, pid));
  const hosts = Array.from({ length: 10 }, (_, at) => `many-${at}.localhost`);
  const seen = await withRoutes(kubeconfig, namespace, 1_000, ({ pid, home }) => measureDashboard(home, pid, hosts));
  return { ...asked, ...watched, ...shown, ...seen };
}

/** CPU time is counted in steps of 10 ms: a smaller share of a core shows in this time. */
const restSeconds = 20;

/** How long a command takes to its end. */
async function timed(home: Home, ...args: string[]): Promise<number> {
  const startedAt = performance.now();
  const { exitCode, stderr } = await home.run(args);
  if (exitCode !== 0) throw new Error(`kt ${args.join(" ")}: ${stderr}`);
  return performance.now() - startedAt;
}

/** How fast the command itself starts. */
export async function measureStart(kubeconfig: string): Promise<Figures> {
  const home = new Home({ KUBECONFIG: kubeconfig });
  const [http = 0, echo = 0] = freePorts(2);
  home.write("tunnels.toml", benchProfile(http, echo));
  const version = await timed(home, "version");
  const upAt = performance.now();
  const up = home.start(["up", "-d"]);
  await eventually("kt up to listen", () => takesConnections(http), 10_000, 1);
  const listens = performance.now() - upAt;
  await up.exited;
  await timed(home, "run", "--", "true");
  const run = await timed(home, "run", "--", "true");
  const complete = await timed(home, "complete", "zsh", "sta");
  await home.close();
  rmSync(home.path, { recursive: true, force: true });
  return {
    "kt version": version,
    "kt up until it listens": listens,
    "kt run -- true on a warm hub": run,
    "kt complete, a command": complete,
  };
}
