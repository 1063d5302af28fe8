/** Lets the kernel find out that the peer of a quiet connection is gone: a host that was cut off from its power closes nothing. */

import { ptr } from "bun:ffi";
import { cLibrary } from "./c-library.ts";

/** Of Linux (asm-generic/socket.h, netinet/tcp.h): level, name and value. A quiet peer is asked after 2 min, and lost 5 min of silence later. */
const settings = [
  [1, 9, 1],
  [6, 4, 120],
  [6, 5, 30],
  [6, 6, 10],
] as const;

let setsockopt: ((fd: number, level: number, name: number, value: ReturnType<typeof ptr>, length: number) => number) | undefined;

/** Of a listening socket: what it accepts has the same. Bun's own setting would give up after 10 s of silence, which a tunnel may well have. */
export function keepAlive(descriptor: number): void {
  if (process.platform !== "linux") return;
  setsockopt ??= cLibrary({ setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" } }).setsockopt;
  for (const [level, name, value] of settings) setsockopt(descriptor, level, name, ptr(Int32Array.of(value)), 4);
}
