/** Reads what a host has, waits for its units, and asks why one does not stay up. */

import { cut } from "#base/cut.ts";
import { KtError } from "#base/errors.ts";
import { printable } from "#base/printable.ts";
import { remoteLimits } from "#remote/limits.ts";
import type { RemoteHost } from "#remote/remote-host.ts";
import { sshAddressText } from "#remote/ssh-address.ts";
import { versionOf } from "#operator/host/wanted/kt-binary.ts";
import { hostLimits } from "./limits.ts";
import { lookScript } from "#operator/host/seen/look-script.ts";
import { binaryPath, edgeUnits, linkName, offloadsUnit, places, wireguardUnit } from "#operator/host/wanted/places.ts";
import { parseSeenHost, type SeenHost } from "#operator/host/seen/seen-host.ts";
import type { WantedHost } from "#operator/host/wanted/wanted-host.ts";

/** Also where they are not wanted: then they go. */
const optionalFiles = [wireguardUnit, offloadsUnit].map((unit) => `${places.units}/${unit}`);

/** `stamp`: see `HostOutcome.binaryStamp`. */
export async function look(host: RemoteHost, { binary, sysctls, files }: WantedHost, stamp: string): Promise<SeenHost> {
  const version = versionOf(binary);
  const script = lookScript({
    binary: binaryPath(version),
    stamp,
    loader: binary.interpreter ?? "",
    sysctls: sysctls.map(({ name }) => name),
    edgeUnits: edgeUnits(version),
    files: [...files.map(({ path }) => path), ...optionalFiles],
  });
  return parseSeenHost(await host.must("reading what kt has there", script));
}

/** Its words are the units. Ends well also where the time is over: what is missing then is seen by the next look. */
const untilUp = `tries=$1 key=$2 link=$3; shift 3
are_up() {
  for unit do systemctl is-active --quiet -- "$unit" || return 1; done
  [ -s "$key" ] && { [ -z "$link" ] || [ -d "/sys/class/net/$link" ]; }
}
until are_up "$@"; do
  tries=$((tries - 1)); [ "$tries" -gt 0 ] || exit 0
  sleep 0.1
done`;

export async function waitUntilUp(host: RemoteHost, { transport, link }: WantedHost, units: readonly string[]): Promise<void> {
  const [tries, name] = [String(hostLimits.settleMs / 100), link === undefined ? "" : linkName];
  await host.must("waiting for kt's units", ["sh", "-c", untilUp, "sh", tries, places.publicKeys[transport], name, ...units]);
}

export async function whyDown(host: RemoteHost, unit: string): Promise<KtError> {
  // Its own words alone: systemd's say only that it has failed.
  const words = ["--no-pager", "-o", "cat", "-n", String(hostLimits.journalLines), `_SYSTEMD_UNIT=${unit}`];
  const { stdout } = await host.run(["journalctl", ...words]);
  const said = cut(printable(stdout.trim().replaceAll("\n", "; ")), remoteLimits.quotedChars);
  return new KtError("host-unfit", `${unit} does not stay up on ${sshAddressText(host.address)}: ${said || "it says nothing"}`, {
    hints: [`on the host: journalctl -u ${unit}`],
  });
}
