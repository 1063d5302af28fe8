/** Why a host cannot be a public edge, in one sentence. Pure. */

import { KtError } from "#base/errors.ts";
import { mib } from "#base/units.ts";
import type { SeenHost } from "#operator/host/seen/seen-host.ts";
import type { WantedHost } from "#operator/host/wanted/wanted-host.ts";

/** Of `kt` and its packed form beside it while it is written. */
const spareFactor = 1.2;

/** Undefined where it can be. */
export function unfit(seen: SeenHost, { binary, link }: WantedHost, where: string): KtError | undefined {
  const refuse = (why: string, ...hints: string[]): KtError =>
    new KtError("host-unfit", `${where} cannot be a public edge: ${why}`, { hints });
  if (seen.init !== "systemd")
    return refuse(`its first process is "${seen.init}", and kt runs there as units of systemd`, "take an image with systemd");
  if (seen.machine !== binary.machine)
    return refuse(
      `its CPU is ${seen.machine}, and the operator's kt is built for ${binary.machine}`,
      `run the operator on ${seen.machine}, or take a host with ${binary.machine}`,
    );
  if (!seen.hasLoader)
    return refuse(
      `it has no ${binary.interpreter}, so its C library is another one than that of the operator's kt`,
      "take an image with the same C library: most have glibc, Alpine has musl",
    );
  if (link !== undefined && !seen.hasTun)
    return refuse("it has no /dev/net/tun", "switch TUN/TAP on in the provider's panel, where the host is a container", "modprobe tun");
  const needed = seen.stamp === "" ? binary.sizeBytes * spareFactor : 0;
  if (seen.freeBytes < needed)
    return refuse(
      `/usr/local/lib has ${Math.floor(seen.freeBytes / mib)} MiB free, and kt takes ${Math.ceil(needed / mib)} MiB`,
      "make room: journalctl --vacuum-size=50M, apt-get clean",
    );
  return undefined;
}
