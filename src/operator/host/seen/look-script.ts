/** The shell script that reads what kt has on a host, and what it needs there. It changes nothing. */

import { predecessorStates } from "#operator/host/wanted/predecessor.ts";
import { socketList } from "#remote/doctor/taken-port.ts";
import { linkName, offloadsUnit, places, shutdownUnit, wireguardUnit } from "#operator/host/wanted/places.ts";

export interface LookQuestion {
  readonly binary: string;
  /** Of the binary whose bytes need not be read again; empty for none. */
  readonly stamp: string;
  /** What loads the binary; empty for none. */
  readonly loader: string;
  readonly sysctls: readonly string[];
  readonly edgeUnits: readonly string[];
  readonly files: readonly string[];
}

/** A line for each fact: its name, and what it is. Nothing runs once per file: a host may have hundreds of certificates. */
const look = `export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
say() { printf '%s %s\\n' "$1" "$2"; }
binary=$1 stamp=$2 loader=$3 sysctls=$4 edges=$5; shift 5
say machine "$(uname -m)"
say init "$(cat /proc/1/comm)"
[ -n "$loader" ] && [ ! -e "$loader" ] || say loader there
[ ! -c /dev/net/tun ] || say tun there
for path in ${predecessorStates.join(" ")}; do [ ! -f "$path" ] || say predecessor there; done
say free "$( (df -Pk /usr/local/lib || df -Pk /usr) 2>/dev/null | sed -n '2s/  */ /gp' | cut -d' ' -f4)"
if [ -f "$binary" ] && [ ! -L "$binary" ]; then
  found=$(stat -c '%a:%u:%i:%s:%.Y:%.Z' -- "$binary")
  say stamp "$found"
  [ "$found" = "$stamp" ] || say binary "$(sha256sum <"$binary")"
fi
for path in ${places.binaries}/*; do [ ! -d "$path" ] || say installed "\${path##*/}"; done
ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n 's|^.* -> ${places.binaries}/\\([0-9a-f]*\\)/kt.*|running \\1|p' | sort -u
set -- "$@" ${places.certificates}/*
stat -c 'stat %a %u %F:%n' -- "$@" 2>/dev/null
sha256sum -- "$@" 2>/dev/null | sed 's/^/sum /'
[ ! -d ${places.state}/ ] || say owner "$(stat -L -c %u ${places.state})"
[ ! -f ${places.publicKeys.wireguard} ] || say key "$(head -c 64 ${places.publicKeys.wireguard})"
[ ! -f ${places.publicKeys.tls} ] || say pin "$(head -c 64 ${places.publicKeys.tls})"
for name in $sysctls; do
  path=/proc/sys/$(echo "$name" | tr . /)
  [ ! -r "$path" ] || say sysctl "$name $([ -w "$path" ] && echo can || echo cannot) $(cat "$path")"
done
if [ -d /sys/class/net/${linkName} ]; then
  say link "$(cat /sys/class/net/${linkName}/mtu) $(cat /sys/class/net/${linkName}/flags)"
  ip -o -4 addr show dev ${linkName} | sed -n 's/^.* inet \\([0-9./]*\\) .*/address \\1/p'
fi
${socketList} 2>/dev/null | sed 's/^/port /'
for path in ${places.wanted}/kt-edge@*.service; do [ ! -L "$path" ] || say enabled "\${path##*/}"; done
systemctl show -p Id,ActiveState,UnitFileState,NeedDaemonReload \\
  ${shutdownUnit} ${wireguardUnit} ${offloadsUnit} $edges 'kt-edge@*.service' | sed 's/^/unit /'
`;

export function lookScript({ binary, stamp, loader, sysctls, edgeUnits, files }: LookQuestion): string[] {
  return ["sh", "-c", look, "sh", binary, stamp, loader, sysctls.join(" "), edgeUnits.join(" "), ...files];
}
