/** Makes a host what it was before it was a public edge: for an EdgeNode that is deleted. */

import type { RemoteHost } from "#remote/remote-host.ts";
import { linkName, offloadsUnit, places, shutdownUnit, wireguardUnit } from "#operator/host/wanted/places.ts";

/**
 * Also where only a part of it is there, or nothing. Edges are killed: one that is only stopped would wait for its last connection. What
 * was before is restored from the file that says it before that file goes.
 */
const remove = `set -u
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
failed=0
must() { "$@" || failed=1; }
edges=$(systemctl list-units --all --plain --no-legend 'kt-edge@*.service' | cut -d' ' -f1)
for unit in $edges ${shutdownUnit} ${wireguardUnit} ${offloadsUnit}; do
  [ "$(systemctl show -p LoadState --value "$unit")" != loaded ] || must systemctl disable --quiet "$unit"
done
if [ -n "$edges" ]; then
  systemctl stop --no-block $edges
  systemctl kill --signal=KILL $edges 2>/dev/null
fi
for unit in $edges ${shutdownUnit} ${wireguardUnit} ${offloadsUnit}; do
  [ "$(systemctl show -p ActiveState --value "$unit")" = inactive ] || must systemctl stop "$unit"
done
[ ! -d /sys/class/net/${linkName} ] || must ip link del ${linkName}
must rm -f ${places.sysctls}
if [ -f ${places.former} ]; then
  while read -r kind name value; do
    path=/proc/sys/$(echo "$name" | tr . /)
    [ "$kind" != sysctl ] || [ ! -w "$path" ] || echo "$value" >"$path"
  done <${places.former}
fi
must rm -f ${places.units}/kt-edge@.service ${places.wanted}/kt-edge@*.service
for unit in ${shutdownUnit} ${wireguardUnit} ${offloadsUnit}; do must rm -f "${places.units}/$unit" "${places.wanted}/$unit"; done
must systemctl daemon-reload
systemctl reset-failed 'kt-*' 2>/dev/null
must rm -rf ${places.binaries} ${places.state} /var/lib/private/kt-edge
must rm -rf ${places.settings}
rmdir /etc/kt /run/wireguard 2>/dev/null
exit "$failed"`;

/** Idempotent. Throws KtError `ssh-failed` with what the host says where something stays. */
export async function removeHost(host: RemoteHost): Promise<void> {
  await host.must("removing kt", ["sh", "-c", remove]);
}
