/** Which ports this process may listen on without being asked for more rights. */

import { kernelText } from "./kernel-text.ts";

/** CAP_NET_BIND_SERVICE, as a bit of the effective capabilities. */
const bindService = 1n << 10n;
const usualFirst = 1024;

/** The first port that needs no privilege, or 0 where none does. macOS asks for one at loopback addresses, but not at wildcard ones. */
export function firstFreePort(): number {
  if (process.platform !== "linux") return process.getuid?.() === 0 ? 0 : usualFirst;
  return firstFreePortFrom(kernelText("/proc/self/status"), kernelText("/proc/sys/net/ipv4/ip_unprivileged_port_start"));
}

/** From the texts of /proc/self/status and of the sysctl. */
export function firstFreePortFrom(status: string, start: string): number {
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (capabilities !== undefined && (BigInt(`0x${capabilities}`) & bindService) !== 0n) return 0;
  return /^\d+$/.test(start.trim()) ? Number(start) : usualFirst;
}
