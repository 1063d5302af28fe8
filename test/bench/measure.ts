/** Runs the load generator and reads what a process has cost. */

import { readFileSync } from "node:fs";
import { run } from "#test/support/cluster.ts";

/** Built by the bench script. */
export const loadBinary: string = new URL("../../dist/bench-load", import.meta.url).pathname;

/** What the load generator prints. */
export interface Load {
  readonly ok: number;
  readonly failed: number;
  readonly firstError?: string;
  readonly seconds: number;
  readonly mbPerSecond?: number;
  readonly perSecond?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly blocked?: boolean;
}

/** `at`: a port of this machine, or an address with a port. */
export async function load(mode: string, at: number | string, host: string, count: number, concurrency = 1): Promise<Load> {
  const ran = await run([
    loadBinary,
    mode,
    typeof at === "string" ? at : `127.0.0.1:${at}`,
    "-host",
    host,
    "-n",
    String(count),
    "-c",
    String(concurrency),
  ]);
  return JSON.parse(ran.stdout);
}

/** The same, where a single failure spoils the figure. */
export async function flawless(mode: string, at: number | string, host: string, count: number, concurrency = 1): Promise<Load> {
  const result = await load(mode, at, host, count, concurrency);
  if (result.failed > 0) throw new Error(`${mode}: ${result.failed} of ${result.failed + result.ok} failed: ${result.firstError}`);
  return result;
}

/** Linux counts CPU time in ticks of 10 ms (USER_HZ). */
const ticksPerSecond = 100;

/** User and system time of a process so far (proc(5): fields 14 and 15 of stat; the name before them may hold spaces). */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export async function machine(): Promise<string> {
  const cpuinfo = readFileSync("/proc/cpuinfo", "utf8");
  const model = /^model name\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? "unknown CPU";
  const cores = cpuinfo.match(/^processor\s*:/gm)?.length ?? 0;
  const memoryKb = Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);
  const kernel = (await run(["uname", "-sr"])).stdout.trim();
  return `${model}, ${cores} cores, ${Math.round(memoryKb / 1024 / 1024)} GB, ${kernel}`;
}
