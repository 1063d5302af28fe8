/** Tickers on the internet at a port of an edge, from before to after what is done meanwhile. */

import { expect } from "bun:test";
import type { TickReport, TickReports } from "#test/vps/tick-report.ts";
import { kubectl } from "./cluster.ts";
import type { EdgeStand } from "./edge-stand.ts";
import { type Echo, Ticks } from "./ticks.ts";
import { eventually } from "./wait.ts";

export interface Ticked {
  readonly tcp: TickReport;
  readonly udp: TickReport;
}

/** `port`: of TCP and of UDP, both of which lead to the echo. */
export async function ticksDuring(stand: EdgeStand, echo: Echo, port: number, run: () => Promise<void>): Promise<Ticked> {
  const at = `${stand.vps.address}:${port}`;
  let reports: TickReports;
  const before = [echo.connections.length, echo.sources.length] as const;
  const ticks = Ticks.start([`tcp=tcp:${at}`, `udp=udp:${at}`], { under: stand.vps.underInternet, seconds: 150 });
  try {
    await eventually("both tickers to tick", () => echo.connections.length > before[0] && echo.sources.length > before[1]);
    await run();
  } finally {
    reports = await ticks.stop();
  }
  return reports as unknown as Ticked;
}

/** No connection was cut, no new source was seen, and no answer took a second. */
export function expectUncut({ tcp: overTcp, udp: overUdp }: Ticked, mostLost = 0): void {
  expect(Math.min(overTcp.back, overUdp.back)).toBeGreaterThan(5);
  expect({ cuts: overTcp.cuts, failures: overTcp.failures, opened: overTcp.opened, lost: overTcp.lost }).toEqual({
    cuts: [],
    failures: [],
    opened: 1,
    lost: 0,
  });
  expect(overUdp.sources.length).toBe(1);
  expect(overUdp.lost).toBeLessThanOrEqual(mostLost);
  expect(overTcp.maxGapMs).toBeLessThan(1000);
  expect(overUdp.maxGapMs).toBeLessThan(1000);
}

/** Whether a new connection from the internet is served. */
export async function talks({ vps }: EdgeStand, port: number): Promise<boolean> {
  const script = 'printf hello | socat -t 1 - "$1"';
  return (await vps.fromInternet("sh", "-c", script, "sh", `TCP:${vps.address}:${port},connect-timeout=1`)).stdout === "hello";
}

/** The edge gives what it has to another instance, and that serves. */
export async function handOver(stand: EdgeStand, port: number): Promise<void> {
  await kubectl("-n", stand.namespace, "annotate", "edgenode", "edge-node", "tunnel.achetronic.com/restart-envoy=true");
  await eventually("the event of it", async () => (await stand.events()).some(({ reason }) => reason === "EnvoyRestarted"), 60_000, 200);
  await eventually("a new connection to be served", () => talks(stand, port));
}

/** `node`: the spec with so many uplinks. */
export async function toThreeUplinksAndBack(stand: EdgeStand, node: (replicas: number) => object): Promise<void> {
  for (const replicas of [3, 1]) {
    await stand.applyNode(node(replicas));
    await stand.ready("edgenode", "edge-node", 90_000);
  }
}

/** Restarts the host while no operator runs: the port must be served soon after SSH is there. */
export async function rebootAlone(stand: EdgeStand, port: number, ...options: readonly "--hard"[]): Promise<void> {
  await stand.operator.stop();
  await stand.vps.reboot(...options);
  await stand.vps.sh("true");
  await eventually("the port to be served", () => talks(stand, port), 5000, 50);
  stand.startOperator();
  await stand.ready("edgenode", "edge-node", 90_000);
}
