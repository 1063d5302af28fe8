/** `kt relay`: the role that kt runs in the cluster, as a Job that ends by itself. */

import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { listenTcp } from "#net/tcp.ts";
import { parseDuration } from "#profile/values/duration.ts";
import { RelayServer } from "#relay/relay-server.ts";
import { ReverseListeners, type ReversePort } from "#relay/reverse-listeners.ts";

/** On the pod's own loopback, which only port-forward reaches: on the pod's address it would be a proxy for the whole cluster. */
const host = "127.0.0.1";
/** The other way leads to this pod from anywhere in the cluster. */
const reverseHosts = ["::", "0.0.0.0"];

export async function relay({ options, output }: CommandContext): Promise<number> {
  const ttlMs = parseDuration(options.text("ttl") ?? "60s");
  const port = portOf(options.text("port") ?? "8990");
  const pairs = pairsOf(options.text("reverse"));
  const restored = options.text("restore");
  const log = output.log.bind(output);
  const pod = process.env["HOSTNAME"] ?? "";
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  const server = new RelayServer({ id: pod, ttlMs, clock: systemClock, log, onUnused: end });
  const reverse = new ReverseListeners(reverseHosts, pairs, (service, caller) => server.openToUser(service, caller));
  const listener = listenTcp({ host, port, accept: (conn) => server.accept(conn) });
  log("info", "relay-listening", { address: `${host}:${listener.port}`, ttl: `${ttlMs / 1000}s` });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => end(signal));
  const why = await ended;
  log("info", "relay-ended", { text: why });
  listener.close();
  reverse.close();
  await Promise.all([server.drain(), restored === undefined ? undefined : restore(restored, pod, log)]);
  return exitCodes.done;
}

async function restore(service: string, pod: string, log: Log): Promise<void> {
  const job = process.env["KT_JOB_UID"] ?? "";
  const { giveBack, ownCluster } = await import("#relay/give-back.ts");
  await giveBack({ cluster: await ownCluster(systemClock, log), service, job, pod, clock: systemClock, log });
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text);
  throw new KtError("usage", `"${text}" is not a valid port`, { hints: ["kt relay --port 8990"] });
}

function pairsOf(text: string | undefined): readonly ReversePort[] {
  if (text === undefined) return [];
  return text.split(",").map((pair) => {
    const [listen = "", service = ""] = pair.split(":");
    return { listen: portOf(listen), service: portOf(service) };
  });
}
