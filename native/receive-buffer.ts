/** How many datagrams the kernel keeps for a socket until they are read, or sent. */

import { ptr } from "bun:ffi";
import { cLibrary } from "./c-library.ts";

/** Of Linux (asm-generic/socket.h). */
const solSocket = 1;
const soSendBuffer = 7;
const soReceiveBuffer = 8;

let setsockopt: ((fd: number, level: number, name: number, value: ReturnType<typeof ptr>, length: number) => number) | undefined;

/** As far as the system allows (net.core.rmem_max); where it does not let itself be asked, what it keeps by default has to do. */
export function growReceiveBuffer(descriptor: number, bytes: number): void {
  grow(descriptor, [soReceiveBuffer], bytes);
}

/** Both, as far as net.core.rmem_max and net.core.wmem_max allow. */
export function growBuffers(descriptor: number, bytes: number): void {
  grow(descriptor, [soReceiveBuffer, soSendBuffer], bytes);
}

function grow(descriptor: number, names: readonly number[], bytes: number): void {
  if (process.platform !== "linux" || bytes === 0) return;
  setsockopt ??= cLibrary({ setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" } }).setsockopt;
  const value = Int32Array.of(Math.min(bytes, 0x3fff_ffff));
  for (const name of names) setsockopt(descriptor, solSocket, name, ptr(value), value.byteLength);
}
