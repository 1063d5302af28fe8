/** Looks at processes of this machine, through /proc where there is one, and finds free ports. */

import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { listen, type TCPSocketListener } from "bun";
import { portInTable, tcpRows } from "#native/port-holder.ts";

/** Resident memory. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1]) * 1024;
}

/** Open file descriptors. */
export function descriptorCount(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** TCP connections of a process to an IPv4 port. */
export function connectionsTo(pid: number, port: number): number {
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)));
  const established = "01";
  return tcpRows(readFileSync(`/proc/${pid}/net/tcp`, "utf8")).filter(
    ({ remote, state, inode }) => remote.endsWith(`:${portInTable(port)}`) && state === established && sockets.has(`socket:[${inode}]`),
  ).length;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Closed meanwhile.
    return "";
  }
}

export function isAlive(pid: number): boolean {
  try {
    if (!existsSync("/proc")) return process.kill(pid, 0);
    // A zombie has ended; its parent has only not asked yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Processes whose environment holds this NAME=VALUE: how a detached hub is found without trusting what it says of itself. */
export function processesWith(entry: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(entry) && isAlive(pid);
      } catch {
        return false;
      }
    });
}

/** Below those that systems give out by themselves (Linux: from 32768): no other program gets one of them by chance before its use. */
const firstPort = 20_000;
const lastPort = 29_999;
const blockPorts = 50;

/** Ports that are this process's alone among those that ask here: it listens on the first of the block for as long as it lives. */
let block: { next: number; readonly end: number; readonly owner?: TCPSocketListener<undefined> } = { next: 0, end: 0 };

/**
 * Ports to write into a profile, which knows no port 0. They are free, all different, and given to no other test: processes that
 * run tests side by side have blocks of their own.
 */
export function freePorts(count: number): number[] {
  return Array.from({ length: count }, freePort);
}

function freePort(): number {
  for (;;) {
    if (block.next === block.end) block = takeBlock();
    const port = block.next++;
    const listener = listenOn(port);
    listener?.stop(true);
    if (listener) return port;
  }
}

function takeBlock(): typeof block {
  const blocks = (lastPort - firstPort + 1) / blockPorts;
  for (;;) {
    const first = firstPort + Math.floor(Math.random() * blocks) * blockPorts;
    const owner = listenOn(first);
    owner?.unref();
    if (owner) return { next: first + 1, end: first + blockPorts, owner };
  }
}

/** Undefined where the port is taken. */
function listenOn(port: number): TCPSocketListener<undefined> | undefined {
  try {
    return listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
  } catch {
    return undefined;
  }
}
