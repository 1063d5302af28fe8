/** Has an edge give its ports to a fresh instance of itself. */

import { KtError } from "#base/errors.ts";
import type { RemoteHost } from "#remote/remote-host.ts";
import { sshAddressText } from "#remote/ssh-address.ts";
import { act } from "./host-actions.ts";
import { versionOf } from "#operator/host/wanted/kt-binary.ts";
import { look, waitUntilUp, whyDown } from "./look-at-host.ts";
import { edgeUnits } from "#operator/host/wanted/places.ts";
import { currentEdge } from "#operator/host/steps/unit-steps.ts";
import type { WantedHost } from "#operator/host/wanted/wanted-host.ts";

/**
 * For a host that is as wanted. No connection is cut: the former instance ends with its last one. Throws KtError `host-unfit` where the one
 * of an earlier restart still ends, or the fresh one does not stay up: the former then serves on.
 */
export async function restartEdge(host: RemoteHost, wanted: WantedHost, binaryStamp = ""): Promise<void> {
  const seen = await look(host, wanted, binaryStamp);
  const units = edgeUnits(versionOf(wanted.binary));
  const former = currentEdge(seen, versionOf(wanted.binary));
  const fresh = units[0] === former ? units[1] : units[0];
  if (seen.units.get(fresh)?.active === "deactivating")
    throw new KtError("host-unfit", `${fresh} on ${sshAddressText(host.address)} still has connections of an earlier restart`, {
      hints: ["restart again when they have ended"],
    });
  for (const what of ["enable", "start"] as const) await act(host, wanted, { do: what, unit: fresh });
  await waitUntilUp(host, wanted, [fresh]);
  const isUp = (await look(host, wanted, binaryStamp)).units.get(fresh)?.active === "active";
  const over = isUp ? former : fresh;
  for (const what of ["disable", "retire"] as const) await act(host, wanted, { do: what, unit: over });
  if (!isUp) throw await whyDown(host, fresh);
}
