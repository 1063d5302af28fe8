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

/** Below those that systems give to connections and for port 0 (Linux: from 32768): no other program gets one of them by chance before its use. */
const firstPort = 20_000;
const lastPort = 29_999;

/** Ports that were free a moment ago, all different. */
export function freePorts(count: number): number[] {
  const held = Array.from({ length: count }, holdAny);
  const ports = held.map((listener) => listener.port);
  for (const listener of held) listener.stop(true);
  return ports;
}

function holdAny(): TCPSocketListener<undefined> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort + 1));
    try {
      return listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
    } catch {
      // Taken: another one.
    }
  }
}
