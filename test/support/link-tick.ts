/** Runs in a network namespace: `echo ADDRESS` answers UDP and TCP at port 7; `tick ADDRESS` asks by UDP until its input ends, and says what was lost. */

import { listen, udpSocket } from "bun";

const [role, address = ""] = process.argv.slice(2);
const everyMs = 2;

if (role === "echo") {
  await udpSocket({ hostname: address, port: 7, socket: { data: (socket, bytes, port, host) => void socket.send(bytes, port, host) } });
  listen({ hostname: address, port: 7, socket: { data: (socket, bytes) => void socket.end(String(bytes.length)) } });
  process.stdout.write("listening\n");
} else {
  const answered = new Set<number>();
  let sent = 0;
  const socket = await udpSocket({
    connect: { hostname: address, port: 7 },
    socket: {
      data: (_, bytes) => {
        if (answered.size === 0) process.stdout.write("first\n");
        answered.add(Number(bytes.toString()));
      },
      error() {},
    },
  });
  const timer = setInterval(() => socket.send(String(sent++)), everyMs);
  for await (const _ of process.stdin) break;
  clearInterval(timer);
  // The last answer may be on its way.
  const giveUp = performance.now() + 1000;
  const look = setInterval(() => {
    if (answered.size < sent && performance.now() < giveUp) return;
    clearInterval(look);
    process.stdout.write(`${JSON.stringify({ sent, lost: sent - answered.size })}\n`);
    process.exit(0);
  }, 10);
}
