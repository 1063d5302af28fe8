/** Brings a host to what is wanted there: looks, does what is missing, and looks again. */

import { cut } from "#base/cut.ts";
import { KtError } from "#base/errors.ts";
import { printable } from "#base/printable.ts";
import { remoteLimits } from "#remote/limits.ts";
import type { RemoteHost } from "#remote/remote-host.ts";
import { sshAddressText } from "#remote/ssh-address.ts";
import { act, makeFolders } from "./host-actions.ts";
import type { HostOutcome } from "./host-outcome.ts";
import { type HostStep, hostSteps, hostWarnings } from "./host-steps.ts";
import { versionOf } from "./kt-binary.ts";
import { hostLimits } from "./limits.ts";
import { lookScript } from "./look-script.ts";
import { binaryPath, edgeUnit, linkName, places } from "./places.ts";
import { parseSeenHost, type SeenHost } from "./seen-host.ts";
import { unfit } from "./unfit.ts";
import type { WantedHost } from "./wanted-host.ts";

/**
 * One command where nothing is missing. `binaryStamp`: of the last outcome. Throws KtError `host-unfit` where the host cannot be an
 * edge or a unit does not stay up, and as `RemoteHost` does.
 */
export async function reconcileHost(host: RemoteHost, wanted: WantedHost, binaryStamp = ""): Promise<HostOutcome> {
  const before = await look(host, wanted, binaryStamp);
  const problem = unfit(before, wanted, sshAddressText(host.address));
  if (problem !== undefined) throw problem;
  const steps = hostSteps(before, wanted);
  if (steps.length > 0) await makeFolders(host, wanted);
  for (const { action } of steps) await act(host, wanted, action);
  const after = steps.length === 0 ? before : await settled(host, wanted, before);
  return {
    isNew: before.installed.length === 0 && before.files.size === 0,
    repairs: steps.map(({ repair }) => repair),
    warnings: hostWarnings(after, wanted),
    publicKey: wanted.link === undefined ? undefined : after.publicKey,
    binaryStamp: after.stamp,
  };
}

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

/** The words after "sh" are the units. Ends with 0 also where the time is over: what is missing then is said by the next look. */
const untilUp = `tries=$1; shift
until systemctl is-active --quiet -- "$@" && { [ -z "$link" ] || { [ -s ${places.publicKey} ] && [ -d /sys/class/net/${linkName} ]; }; }; do
  tries=$((tries - 1)); [ "$tries" -gt 0 ] || exit 0
  sleep 0.1
done`;

/** Throws KtError where something is still missing. */
async function settled(host: RemoteHost, wanted: WantedHost, { stamp }: SeenHost): Promise<SeenHost> {
  const script = `link=${wanted.link === undefined ? "" : linkName}\n${untilUp}`;
  await host.must("waiting for kt's units", ["sh", "-c", script, "sh", String(hostLimits.settleMs / 100), ...wanted.units]);
  const after = await look(host, wanted, stamp);
  const [left] = hostSteps(after, wanted).filter(({ action }) => action.do !== "remove");
  if (left !== undefined) throw await whyLeft(host, left);
  return after;
}

async function whyLeft(host: RemoteHost, { action, repair }: HostStep): Promise<KtError> {
  const where = sshAddressText(host.address);
  if (!("unit" in action)) return new KtError("host-unfit", `${where} does not keep what was done: again, ${repair.text}`);
  const journal = ["journalctl", "--no-pager", "-o", "cat", "-n", String(hostLimits.journalLines), "-u", action.unit];
  const { stdout } = await host.run(journal);
  const said = cut(printable(stdout.trim().replaceAll("\n", "; ")), remoteLimits.quotedChars);
  return new KtError("host-unfit", `${action.unit} does not stay up on ${where}: ${said || "its journal is empty"}`, {
    hints: [`on the host: journalctl -u ${action.unit}`],
  });
}
