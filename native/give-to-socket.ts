/** Which of the sockets that share a port gets its datagrams or new connections: by default the kernel spreads them by sender. */

import { ptr } from "bun:ffi";
import { cLibrary } from "./c-library.ts";

/** Of Linux (asm-generic/socket.h). */
const solSocket = 1;
const soAttachReusePortProgram = 51;

/** "Return a constant" as an instruction of classic BPF (linux/bpf_common.h), whose program the kernel asks for the socket's number. */
const returnConstant = 0x06;

let setsockopt: ((fd: number, level: number, name: number, value: ReturnType<typeof ptr>, length: number) => number) | undefined;

/**
 * From now on all datagrams or new connections of the port go to the socket of this number, in the order in which they were bound; what the
 * others have received stays theirs. A number that no socket has spreads them by sender again. Returns false where the system cannot.
 */
export function giveToSocket(socketNumber: number, descriptor: number): boolean {
  if (process.platform !== "linux") return false;
  setsockopt ??= cLibrary({ setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" } }).setsockopt;
  // struct sock_filter { u16 code; u8 jt, jf; u32 k }, struct sock_fprog { u16 length; pointer }.
  const instruction = new Uint32Array([returnConstant, socketNumber]);
  const program = new BigUint64Array([1n, BigInt(ptr(instruction))]);
  return setsockopt(descriptor, solSocket, soAttachReusePortProgram, ptr(program), program.byteLength) === 0;
}
