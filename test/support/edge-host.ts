/** A host for tests of what the operator does to it: entered as the operator would, with a stand-in of kt, and all of its disk as text. */

import { readFileSync } from "node:fs";
import type { KtBinary } from "#operator/host/wanted/kt-binary.ts";
import { trustOf } from "#remote/host-trust.ts";
import { readLogin } from "#remote/login.ts";
import { sha256Of } from "#remote/remote-files.ts";
import { RemoteHost } from "#remote/remote-host.ts";
import type { Vps } from "./vps.ts";

export async function enter(vps: Vps): Promise<RemoteHost> {
  const address = { host: vps.address, port: 22, user: "root" };
  const login = await readLogin({ privateKey: readFileSync(vps.keyFile, "utf8") });
  return await RemoteHost.open({ address, login, trust: trustOf(readFileSync(vps.knownHostsFile, "utf8"), address), connectMs: 10_000 });
}

/**
 * What kt does on a host as far as the host sees it, in a shell. The edge reads its certificates, and when it is stopped it goes on while
 * it has a "connection": until a file of its state is removed. `note`: makes it another version.
 */
const standIn = (note: string): string => `#!/bin/sh
# ${note}
case "$1 $2" in
"edge run")
  cat /etc/kt/edge/certs/* >/dev/null || exit 3
  [ -s "$6/wireguard.pub" ] || head -c 32 /dev/urandom | base64 >"$6/wireguard.pub"
  systemd-notify --ready
  trap 'while [ -e "$6/connection" ]; do sleep 0.1; done; exit 0' TERM
  while :; do sleep 0.2; done ;;
"edge wireguard")
  # The tests' links outlive a reboot.
  ip link del "$4" 2>/dev/null
  ip tuntap add dev "$4" mode tun && ip addr add "$6" dev "$4" && ip link set "$4" mtu "$8" up || exit 1
  sleep infinity & ;;
*) exit 2 ;;
esac
`;

export function standInBinary(note: string, text: string = standIn(note)): KtBinary {
  const bytes = new TextEncoder().encode(text);
  return {
    sha256: sha256Of(bytes),
    sizeBytes: bytes.length,
    machine: "x86_64",
    interpreter: "/bin/sh",
    read: () => new Blob([bytes]).stream(),
  };
}

/**
 * Each file of its disk with type, mode, owner, size and the time of its last change; folders without that time. What systemd, sshd and
 * their journals write by themselves is left out.
 */
export async function diskOf(vps: Vps): Promise<string[]> {
  const own = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", "/var/lib/systemd", "/old"];
  const prune = own.map((path) => `-path ${path}`).join(" -o ");
  const listed = await vps.sh(`find / -xdev \\( ${prune} \\) -prune -o -printf '%p %y %m %U %s %T@ %l\\n' || true`);
  return listed
    .trim()
    .split("\n")
    .map((line) => line.replace(/^(\S+ d \d+ \d+) .*$/, "$1"))
    .sort();
}

/** Lines of one list that the other does not have. */
export function lacking(of: readonly string[], other: readonly string[]): string[] {
  const known = new Set(other);
  return of.filter((line) => !known.has(line));
}
