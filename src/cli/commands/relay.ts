/** `kt relay`: the role that kt runs in the cluster, as a Job that ends by itself. */

import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { listenTcp } from "#net/tcp.ts";
import { parseDuration } from "#profile/values/duration.ts";
import { RelayServer } from "#relay/relay-server.ts";

/** On the pod's own loopback, which only port-forward reaches: on the pod's address it would be a proxy for the whole cluster. */
const host = "127.0.0.1";

export async function relay({ options, output }: CommandContext): Promise<number> {
  const ttlMs = parseDuration(options.text("ttl") ?? "60s");
  const port = portOf(options.text("port") ?? "8990");
  const log = output.log.bind(output);
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  const server = new RelayServer({ id: process.env["HOSTNAME"] ?? "", ttlMs, clock: systemClock, log, onUnused: end });
  const listener = listenTcp({ host, port, accept: (conn) => server.accept(conn) });
  log("info", "relay-listening", { address: `${host}:${listener.port}`, ttl: `${ttlMs / 1000}s` });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => end(signal));
  const why = await ended;
  log("info", "relay-ended", { text: why });
  listener.close();
  await server.drain();
  return exitCodes.done;
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text);
  throw new KtError("usage", `"${text}" is not a valid port`, { hints: ["kt relay --port 8990"] });
}
