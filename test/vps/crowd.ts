/**
 * Many clients of one port at once: COUNT connections, or COUNT sockets of UDP, each of which sends one message and waits for it to come back before
 * any of them ends. Prints how many got theirs. Usage: crowd.ts tcp|udp HOST PORT COUNT.
 */

import { connect, udpSocket } from "bun";

const [kind = "tcp", host = "", port = "", count = ""] = process.argv.slice(2);
const patienceMs = 20_000;

async function overTcp(nth: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  await connect({
    hostname: host,
    port: Number(port),
    socket: {
      open: (socket) => void socket.write(`hello ${nth}`),
      data: (_, bytes) => resolve(bytes.toString() === `hello ${nth}`),
      close: () => resolve(false),
      error: () => resolve(false),
    },
  });
  return await promise;
}

async function overUdp(nth: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = await udpSocket({
    connect: { hostname: host, port: Number(port) },
    socket: { data: (_, payload) => resolve(payload.toString().startsWith(`hello ${nth}`)), error: () => {} },
  });
  socket.send(`hello ${nth}`);
  // One datagram may be lost where thousands come at once.
  const again = setInterval(() => socket.send(`hello ${nth}`), 1000);
  const isBack = await promise;
  clearInterval(again);
  return isBack;
}

setTimeout(() => {
  process.stdout.write(`${back}\n`);
  process.exit(1);
}, patienceMs);
let back = 0;
const one = async (_: unknown, nth: number): Promise<void> => {
  if (await (kind === "udp" ? overUdp(nth) : overTcp(nth)).catch(() => false)) back += 1;
};
await Promise.all(Array.from({ length: Number(count) }, one));
process.stdout.write(`${back}\n`);
process.exit(0);
