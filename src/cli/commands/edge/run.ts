/** `kt edge run`: the public edge on its host, as the unit that the operator installs there. */

import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { absolutePath } from "#cli/profile/profile-file.ts";
import { Edge, type EdgeOptions } from "#edge/edge.ts";
import { edgeIdentity } from "#edge/tunnel/edge-identity.ts";
import { notifySystemd } from "#native/systemd-notify.ts";
import { EdgeTunnel } from "#wireguard/edge-tunnel.ts";

/** IPv6 where the host has it. */
const everywhere = ["0.0.0.0", "::"];

export async function edgeRun({ options, output }: CommandContext): Promise<number> {
  const plan = options.text("plan");
  if (plan === undefined) throw new KtError("usage", "which plan?", { hints: ["kt edge run --plan /etc/kt/edge/plan.json"] });
  const log = output.log.bind(output);
  const tunnel = await tunnelOf(options, log);
  const identity = await identityFrom(options);
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  const state = options.text("state");
  const edge = new Edge({
    plan: absolutePath(plan),
    hosts: everywhere,
    clock: systemClock,
    log,
    lastHandshake: (ordinal) => tunnel?.lastHandshake(ordinal) ?? "",
    onPlan: (document) => void (document.transport === "wireguard" ? tunnel?.follow(document) : tunnel?.rest()),
    ...(identity && { identity }),
    ...(state === undefined ? {} : { handOver: `${absolutePath(state)}/hand-over.sock` }),
    onHandedOver: () => end("a successor serves"),
  });
  void edge.opened.then(() => notifySystemd("READY=1"));
  let signals = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      signals += 1;
      // After a hand-over systemd sends its first one, which must not cut what is still open; a second one ends it at once.
      if (signals === 1) end(signal);
      else edge.close();
    });
  }
  const why = await ended;
  log("info", "edge-draining", { text: why });
  // An instance that takes over has it by now.
  tunnel?.close();
  await edge.drain();
  log("info", "edge-ended");
  return exitCodes.done;
}

/** Made before the edge counts as started: the operator reads its public key then. */
async function tunnelOf(options: Options, log: Log): Promise<EdgeTunnel | undefined> {
  const socketPath = options.text("wireguard");
  if (socketPath === undefined) return undefined;
  const state = options.text("state");
  const hints = ["kt edge run --state /var/lib/kt-edge --wireguard /run/wireguard/kt-edge.sock"];
  if (state === undefined) throw new KtError("usage", "--wireguard needs --state, where its key is", { hints });
  return await EdgeTunnel.open({ socketPath, stateFolder: absolutePath(state), clock: systemClock, log });
}

/** Made before the edge counts as started, as the keys of WireGuard are. */
async function identityFrom(options: Options): Promise<EdgeOptions["identity"]> {
  if (!options.flag("tls")) return undefined;
  const state = options.text("state");
  if (state === undefined) {
    throw new KtError("usage", "--tls needs --state, where its key is", { hints: ["kt edge run --state /var/lib/kt-edge --tls"] });
  }
  return await edgeIdentity(absolutePath(state), systemClock);
}
