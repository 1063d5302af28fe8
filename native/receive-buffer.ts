/** How many datagrams the kernel keeps for a socket until they are read. */

import { ptr } from "bun:ffi";
import { cLibrary } from "./c-library.ts";

/** Of Linux (asm-generic/socket.h). */
const solSocket = 1;
const soReceiveBuffer = 8;

let setsockopt: ((fd: number, level: number, name: number, value: ReturnType<typeof ptr>, length: number) => number) | undefined;

/** As far as the system allows (net.core.rmem_max); where it does not let itself be asked, what it keeps by default has to do. */
export function growReceiveBuffer(descriptor: number, bytes: number): void {
  if (process.platform !== "linux") return;
  setsockopt ??= cLibrary({ setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" } }).setsockopt;
  const value = Int32Array.of(bytes);
  setsockopt(descriptor, solSocket, soReceiveBuffer, ptr(value), value.byteLength);
}
