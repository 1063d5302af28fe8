/** Measures the two transports of a public edge beside each other, whole: from the internet by a VPS and its tunnel to a pod, and how soon changes are served. */

import { readdirSync, readFileSync } from "node:fs";
import { namespace, run } from "#test/support/cluster.ts";
import { binding, portBinding } from "#test/support/edge-manifests.ts";
import { EdgeStand } from "#test/support/edge-stand.ts";
import { eventually } from "#test/support/wait.ts";
import { cpuSeconds, type Load, loadBinary } from "./measure.ts";
import { Results, type TablePlan, table } from "./report.ts";
import type { Figures, Row } from "./rows.ts";
import { benchHost } from "./tunnels.ts";

const transportRows: readonly Row[] = [
  { name: "download, one flow", unit: "MB/s", better: "higher", ratio: 3.5 },
  { name: "upload, one flow", unit: "MB/s", better: "higher" },
  { name: "CPU of all parts per GB down", unit: "s", better: "lower", ratio: 0.3 },
  { name: "first byte of a new connection, p50", unit: "ms", better: "lower", limit: 3 },
  { name: "EdgeNode applied until it is ready, for the first time", unit: "s", better: "lower", limit: 15 },
  { name: "binding applied until a connection is served", unit: "s", better: "lower", limit: 1 },
];
const transports = ["tls", "wireguard"] as const;
type Transport = (typeof transports)[number];
const plan: TablePlan = { rows: transportRows, contestants: transports, rivals: ["wireguard"] };

const downBytes = 500_000_000;
const upBytes = 200_000_000;
const publicPort = 80;

const target = { service: { name: "bench", namespace, port: 80 } };

/** Those that carry bytes: the edge and an uplink, and WireGuard at either end. */
function partsOfTunnel(): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
      return /^wireguard-go | (edge|uplink) run /.test(command) ? [Number(name)] : [];
    } catch {
      // It has ended.
      return [];
    }
  });
}

async function load(stand: EdgeStand, mode: string, count: number): Promise<Load> {
  const at = `${stand.vps.address}:${publicPort}`;
  const { stdout } = await run([...stand.vps.underInternet, loadBinary, mode, at, "-host", benchHost, "-n", String(count)]);
  const result = JSON.parse(stdout) as Load;
  if (result.failed > 0) throw new Error(`${mode}: ${result.failed} failed: ${result.firstError}`);
  return result;
}

async function measureFlows(stand: EdgeStand): Promise<Figures> {
  await load(stand, "newconn", 50);
  const fresh = await load(stand, "newconn", 300);
  const parts = partsOfTunnel();
  const cpu = (): number => parts.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = cpu();
  const down = await load(stand, "down", downBytes);
  const used = cpu() - before;
  const up = await load(stand, "up", upBytes);
  return {
    "download, one flow": down.mbPerSecond,
    "upload, one flow": up.mbPerSecond,
    "CPU of all parts per GB down": (used / downBytes) * 1e9,
    "first byte of a new connection, p50": fresh.p50Ms,
  };
}

/** Seconds from before a binding is applied until it is served. */
async function secondsUntilServed(stand: EdgeStand, listenPort: number): Promise<number> {
  const startedMs = performance.now();
  await stand.applyAll(portBinding("fresh", [binding({ listenPort, target })]));
  await eventually("the binding to be served", async () => (await stand.curl(listenPort, "-f")).exitCode === 0, 30_000, 10);
  return (performance.now() - startedMs) / 1000;
}

async function measureTransport(stand: EdgeStand, transport: Transport, round: number): Promise<Figures> {
  const startedMs = performance.now();
  await stand.applyNode({ tunnel: { transport } });
  await stand.ready("edgenode", "edge-node", 120_000);
  const readySeconds = (performance.now() - startedMs) / 1000;
  await stand.applyAll(portBinding("bench", [binding({ listenPort: publicPort, target })]));
  await stand.ready("portbinding", "bench");
  const figures = await measureFlows(stand);
  const served = await secondsUntilServed(stand, 8000 + round);
  return {
    ...figures,
    "EdgeNode applied until it is ready, for the first time": readySeconds,
    "binding applied until a connection is served": served,
  };
}

/** All of it as a table; each round has a fresh VPS for each transport. */
export async function measureTransports(rounds: number): Promise<string> {
  const results = new Results();
  for (let round = 1; round <= rounds; round++) {
    for (const transport of transports) {
      console.log(`round ${round} of ${rounds}: ${transport}`);
      const stand = await EdgeStand.start("ktbch", 13);
      try {
        stand.startOperator();
        results.add(transport, await measureTransport(stand, transport, round));
      } finally {
        await stand.remove();
      }
    }
  }
  return table(results, plan);
}
