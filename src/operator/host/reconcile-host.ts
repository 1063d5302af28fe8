/** Brings a host to what is wanted there: looks, does what is missing, and looks again. */

import { cut } from "#base/cut.ts";
import { KtError } from "#base/errors.ts";
import { printable } from "#base/printable.ts";
import { remoteLimits } from "#remote/limits.ts";
import type { RemoteHost } from "#remote/remote-host.ts";
import { sshAddressText } from "#remote/ssh-address.ts";
import { act, makeFolders } from "./host-actions.ts";
import type { HostOutcome, HostRepair } from "./host-outcome.ts";
import { hostSteps, hostWarnings, unitsDown } from "./host-steps.ts";
import { versionOf } from "./kt-binary.ts";
import { hostLimits } from "./limits.ts";
import { lookScript } from "./look-script.ts";
import { binaryPath, edgeUnit, linkName, places } from "./places.ts";
import { parseSeenHost, type SeenHost } from "./seen-host.ts";
import { unfit } from "./unfit.ts";
import type { WantedHost } from "./wanted-host.ts";

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
    seen = await settled(host, wanted, seen.stamp);
  }
  return {
    isNew: before.installed.length === 0 && before.files.size === 0,
    repairs,
    warnings: hostWarnings(seen, wanted),
    publicKey: wanted.link === undefined ? undefined : seen.publicKey,
    binaryStamp: seen.stamp,
  };
}

const lastOf = (repairs: readonly HostRepair[]): string => repairs.at(-1)?.text ?? "";

async function look(host: RemoteHost, { binary, sysctls, files }: WantedHost, stamp: string): Promise<SeenHost> {
  const version = versionOf(binary);
  const script = lookScript({
    binary: binaryPath(version),
    stamp,
    loader: binary.interpreter ?? "",
    sysctls: sysctls.map(({ name }) => name),
    edgeUnit: edgeUnit(version),
    files: files.map(({ path }) => path),
  });
  return parseSeenHost(await host.must("reading what kt has there", script));
}

/** Its words are the units. Ends well also where the time is over: what is missing then is seen by the next look. */
const untilUp = `tries=$1 link=$2; shift 2
are_up() {
  for unit do systemctl is-active --quiet -- "$unit" || return 1; done
  [ -z "$link" ] || { [ -s ${places.publicKey} ] && [ -d "/sys/class/net/$link" ]; }
}
until are_up "$@"; do
  tries=$((tries - 1)); [ "$tries" -gt 0 ] || exit 0
  sleep 0.1
done`;

async function settled(host: RemoteHost, wanted: WantedHost, stamp: string): Promise<SeenHost> {
  const [tries, link] = [String(hostLimits.settleMs / 100), wanted.link === undefined ? "" : linkName];
  await host.must("waiting for kt's units", ["sh", "-c", untilUp, "sh", tries, link, ...wanted.units]);
  return await look(host, wanted, stamp);
}

async function whyDown(host: RemoteHost, unit: string): Promise<KtError> {
  // Its own words alone: systemd's say only that it has failed.
  const words = ["--no-pager", "-o", "cat", "-n", String(hostLimits.journalLines), `_SYSTEMD_UNIT=${unit}`];
  const { stdout } = await host.run(["journalctl", ...words]);
  const said = cut(printable(stdout.trim().replaceAll("\n", "; ")), remoteLimits.quotedChars);
  return new KtError("host-unfit", `${unit} does not stay up on ${sshAddressText(host.address)}: ${said || "it says nothing"}`, {
    hints: [`on the host: journalctl -u ${unit}`],
  });
}
