/** How many files and sockets this process may have open, and how many it has. */

import { readdirSync, statSync } from "node:fs";
import { spawnSync } from "bun";
import { kernelText } from "./kernel-text.ts";

/** Bun raises the soft limit to the hard one when it starts; this is what came of it. Infinity where there is none, or it is not told. */
export function descriptorLimit(): number {
  try {
    return process.platform === "linux" ? linuxLimit(kernelText("/proc/self/limits")) : shellLimit();
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** The soft limit in /proc/PID/limits. */
export function linuxLimit(table: string): number {
  return limitOf(/^Max open files\s+(\S+)/m.exec(table)?.[1]);
}

function shellLimit(): number {
  return limitOf(spawnSync(["/bin/sh", "-c", "ulimit -n"], { stdout: "pipe", stderr: "ignore" }).stdout.toString().trim());
}

function limitOf(text: string | undefined): number {
  const limit = Number(text);
  return Number.isInteger(limit) && limit > 0 ? limit : Number.POSITIVE_INFINITY;
}

/** Linux: O_CLOEXEC, in octal as /proc writes flags. */
const closeOnExec = 0o2000000;

/**
 * Whether a standard descriptor was closed when this process began (`>&-`). Bun then opens /dev/null in its place, as what no program
 * can inherit: marked to be closed on exec. Where the system does not tell: false.
 */
export function wasClosed(descriptor: 0 | 1 | 2): boolean {
  const flags = /^flags:\s+(\d+)/m.exec(kernelText(`/proc/self/fdinfo/${descriptor}`))?.[1] ?? "0";
  return (Number.parseInt(flags, 8) & closeOnExec) !== 0;
}

const folder = process.platform === "linux" ? "/proc/self/fd" : "/dev/fd";

/** 0 where the system does not tell. Since Linux 6.2 the folder's size is their number; before, and on macOS, they are listed. */
export function openDescriptors(): number {
  try {
    return (process.platform === "linux" && statSync(folder).size) || readdirSync(folder).length;
  } catch {
    return 0;
  }
}
