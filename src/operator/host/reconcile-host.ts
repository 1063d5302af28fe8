/** Brings a host to what is wanted there: looks, does what is missing, and looks again. */

import { KtError } from "#base/errors.ts";
import type { RemoteHost } from "#remote/remote-host.ts";
import { sshAddressText } from "#remote/ssh-address.ts";
import { act, makeFolders } from "./host-actions.ts";
import type { HostOutcome, HostRepair } from "#operator/host/steps/host-outcome.ts";
import { hostSteps, hostWarnings } from "#operator/host/steps/host-steps.ts";
import { look, waitUntilUp, whyDown } from "./look-at-host.ts";
import { unfit } from "#operator/host/steps/unfit.ts";
import { unitsDown, unitsOf } from "#operator/host/steps/unit-steps.ts";
import type { WantedHost } from "#operator/host/wanted/wanted-host.ts";

/** An empty host needs one round; an upgrade another one, when the new edge serves. What is then still missing does not stay. */
const mostRounds = 3;

/**
 * One command where nothing is missing. `binaryStamp`: of the last outcome. Throws KtError `host-unfit` where the host cannot be an
 * edge or a unit does not stay up, and as `RemoteHost` does.
 */
export async function reconcileHost(host: RemoteHost, wanted: WantedHost, binaryStamp = ""): Promise<HostOutcome> {
  const before = await look(host, wanted, binaryStamp);
  const problem = unfit(before, wanted, sshAddressText(host.address));
  if (problem !== undefined) throw problem;
  const repairs: HostRepair[] = [];
  let seen = before;
  for (let round = 0; ; round++) {
    const steps = hostSteps(seen, wanted);
    const [down] = unitsDown(seen, wanted);
    if (steps.length === 0 && down === undefined) break;
    if (steps.length === 0 && down !== undefined && round > 0) throw await whyDown(host, down);
    if (round === mostRounds)
      throw new KtError("host-unfit", `${sshAddressText(host.address)} does not keep what was done: ${lastOf(repairs)}`);
    if (steps.length > 0) await makeFolders(host, wanted);
    for (const { action } of steps) await act(host, wanted, action);
    repairs.push(...steps.map(({ repair }) => repair));
    await waitUntilUp(host, wanted, unitsOf(seen, wanted));
    seen = await look(host, wanted, seen.stamp);
  }
  return {
    isNew: before.installed.length === 0 && before.files.size === 0,
    repairs,
    warnings: hostWarnings(seen, wanted),
    takenPorts: seen.takenPorts,
    publicKey: seen.publicKeys[wanted.transport],
    binaryStamp: seen.stamp,
  };
}

const lastOf = (repairs: readonly HostRepair[]): string => repairs.at(-1)?.text ?? "";
