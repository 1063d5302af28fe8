/** The first bytes of a TLS client, as one really sends them. */

import { connect } from "node:tls";
import { listen } from "bun";

export async function clientHello(servername: string): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const listener = listen({ hostname: "127.0.0.1", port: 0, socket: { data: (_, bytes) => resolve(Uint8Array.from(bytes)) } });
  const socket = connect({ host: "127.0.0.1", port: listener.port, servername });
  socket.on("error", () => {});
  const hello = await promise;
  socket.destroy();
  listener.stop(true);
  return hello;
}
