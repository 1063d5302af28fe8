/** The descriptor of a socket of Bun's: it is there, and its types do not say so. */

/** -1 where there is none. */
export function descriptorOf(socket: object): number {
  return "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
}
