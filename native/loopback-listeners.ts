/** At which loopback addresses and ports programs of this machine listen, as far as the system tells. */

import { kernelText } from "./kernel-text.ts";

/** See include/net/tcp_states.h. */
const listening = "0A";

/** Addresses of 127.0.0.0/8 that some program listens at; none on systems other than Linux, which have 127.0.0.1 alone. */
export function loopbackListeners(): ReadonlySet<string> {
  return new Set(
    loopbackSockets()
      .values()
      .map((socket) => socket.slice(0, socket.indexOf(":"))),
  );
}

/** The same with their ports: "127.1.27.3:5432". What listens at every address of the machine is none of them. */
export function loopbackSockets(): ReadonlySet<string> {
  return socketsIn(kernelText("/proc/net/tcp"));
}

/** From the text of /proc/net/tcp: "  1: 0100007F:1F90 00000000:0000 0A …", the address in the machine's byte order. */
export function socketsIn(table: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [, hex = "", port = "", state] of table.matchAll(/^ *\d+: ([0-9A-F]{6}7F):([0-9A-F]{4}) [0-9A-F:]+ ([0-9A-F]{2})/gm)) {
    if (state !== listening) continue;
    const numbers = [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
    found.add(`${numbers.join(".")}:${Number.parseInt(port, 16)}`);
  }
  return found;
}
