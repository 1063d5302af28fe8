/** Whether a network interface joins received packets and splits sent ones by itself: GRO and GSO (Linux, ethtool's ioctl). */

import { ptr } from "bun:ffi";
import { readFileSync } from "node:fs";
import { cLibrary } from "./c-library.ts";

export const offloads = ["gro", "gso"] as const;
export type Offload = (typeof offloads)[number];

/** Of include/uapi/linux/{sockios,ethtool,if}.h. */
const ethtoolRequest = 0x8946n;
const commands = { gro: { get: 0x2b, set: 0x2c }, gso: { get: 0x23, set: 0x24 } } as const;
const nameBytes = 16;
const requestBytes = 40;
/** Of socket(2): any socket is asked. */
const ipv4 = 2;
const datagramCloseOnExec = 2 | 0o2000000;

/** Undefined where the interface is not there, or does not say. */
export function readOffload(link: string, offload: Offload): boolean | undefined {
  const value = Uint32Array.of(commands[offload].get, 0);
  return ask(link, value) ? value[1] === 1 : undefined;
}

/** False where the interface does not let it be changed. */
export function setOffload(link: string, offload: Offload, isOn: boolean): boolean {
  return ask(link, Uint32Array.of(commands[offload].set, isOn ? 1 : 0));
}

/** `struct ifreq` with a pointer to `struct ethtool_value`, whose answer is in the same place. */
function ask(link: string, value: Uint32Array): boolean {
  const c = cLibrary({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  });
  const request = Buffer.alloc(requestBytes);
  request.write(link.slice(0, nameBytes - 1), "latin1");
  request.writeBigUInt64LE(BigInt(ptr(value)), nameBytes);
  const socket = c.socket(ipv4, datagramCloseOnExec, 0);
  const result = c.ioctl(socket, ethtoolRequest, ptr(request));
  c.close(socket);
  return result === 0;
}

/** The interface that leads to the internet; undefined where none does. */
export function defaultLink(routes: string = readFileSync("/proc/net/route", "utf8")): string | undefined {
  const rows = routes
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"));
  const wide = rows.filter(([, destination, , , , , , mask]) => destination === "00000000" && mask === "00000000");
  return wide.sort((left, right) => Number(left[6]) - Number(right[6]))[0]?.[0];
}
