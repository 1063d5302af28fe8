/** Says to systemd that this service is ready (sd_notify(3)), where it was started as one that says so (Linux). */

import { ptr } from "bun:ffi";
import { cLibrary } from "./c-library.ts";

/** Of socket(2) and send(2), on Linux. */
const family = 1;
const datagram = 2;
const closeOnExec = 0o2000000;
const noSignal = 0x4000;
/** Longest path of a socket, with what ends it (unix(7)). */
const pathBytes = 108;

/** `state`: as "READY=1". False where systemd does not ask for it, or cannot be reached: then only it waits. */
export function notifySystemd(state: string, path: string | undefined = process.env["NOTIFY_SOCKET"]): boolean {
  // A name that begins with @ is of the abstract namespace: there it begins with a NUL.
  const name = Buffer.from(path?.replace(/^@/, "\0") ?? "");
  if (process.platform !== "linux" || name.length === 0 || name.length >= pathBytes) return false;
  const c = cLibrary({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  });
  const socket = c.socket(family, datagram | closeOnExec, 0);
  if (socket < 0) return false;
  const [message, address] = [Buffer.from(state), addressOf(name)];
  const sent = c.sendto(socket, ptr(message), BigInt(message.length), noSignal, ptr(address), address.length);
  c.close(socket);
  return Number(sent) === message.length;
}

/** `struct sockaddr_un`, as long as its name. */
function addressOf(name: Uint8Array): Buffer {
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(family);
  address.set(name, 2);
  return address;
}
