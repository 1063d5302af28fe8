/** `kt uplink run`: the role of an edge that kt runs in the cluster, one pod for each end of its tunnels. */

import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { outliveMistakes } from "#daemon/run-hub.ts";
import { Uplink, usualPorts } from "#uplink/uplink.ts";
import { WireguardTunnel } from "#uplink/wireguard-tunnel.ts";

/** Probes of the kubelet and scrapers come to the pod's addresses, the edge's to its overlay address. */
const allAddresses = ["::", "0.0.0.0"];

export async function uplinkRun({ options, output }: CommandContext): Promise<number> {
  const document = options.text("document") ?? "/etc/kt/uplink/uplink.json";
  const ordinal = ordinalOf(options.text("ordinal"));
  const log = output.log.bind(output);
  outliveMistakes(log);
  const signalled = Promise.withResolvers<string>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => signalled.resolve(signal));
  const keys = options.text("keys") ?? "/etc/kt/keys";
  const tunnel = new WireguardTunnel({ keyFile: `${keys}/${ordinal}`, clock: systemClock, log });
  const uplink = new Uplink({
    document,
    ordinal,
    tunnel,
    keyFile: `${keys}/tls-${ordinal}`,
    ports: usualPorts,
    hosts: allAddresses,
    clock: systemClock,
    log,
  });
  const why = await signalled.promise;
  await uplink.drain();
  await uplink.close();
  log("info", "uplink-ended", { text: why });
  return exitCodes.done;
}

/** Of a pod of a StatefulSet: what stands behind the last dash of its name. */
function ordinalOf(text = /-(\d+)$/.exec(process.env["POD_NAME"] ?? "")?.[1]): number {
  if (text !== undefined && /^\d{1,5}$/.test(text)) return Number(text);
  throw new KtError("usage", "kt uplink run needs to know which one it is: POD_NAME does not end with a number", {
    hints: ["kt uplink run --ordinal 0"],
  });
}
