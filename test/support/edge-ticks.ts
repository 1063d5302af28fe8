/** Tickers on the internet at a port of an edge, from before to after what is done meanwhile. */

import { expect } from "bun:test";
import type { TickReport, TickReports } from "#test/vps/tick-report.ts";
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
