/** A real systemd-resolved in namespaces of a test's own. */

import { unpacked } from "./unpacked.ts";

/** The folder in which the package's files are; undefined where it cannot be had, and then it says why. */
export async function unpackResolved(): Promise<string | undefined> {
  const proof = "resolvectl --version";
  return await unpacked({ name: "systemd-resolved", packages: ["systemd-resolved"], proof, leftOut: "the cases of kt setup dns with it" });
}

/**
 * Shell: makes the machine one whose programs ask systemd-resolved, which asks a name server of its link that knows www.example.org alone.
 * It runs as a unit of the manager; `bus` is a system bus for resolvectl.
 */
export function resolvedScript(folder: string, nameServer: string): string {
  return `
PATH=${folder}/usr/bin:$PATH
ip link set lo up
ip link add up0 type veth peer name up1 && ip addr add 10.9.9.1/24 dev up0 && ip link set up0 up && ip link set up1 up && ip route add default via 10.9.9.2
cp ${folder}/usr/share/dbus-1/system.d/*.conf /etc/dbus-1/system.d/
for user in systemd-resolve messagebus; do
  grep -q "^$user:" /etc/passwd || { echo "$user:x:6199:6199::/:/bin/sh" >> /etc/passwd; echo "$user:x:6199:" >> /etc/group; }
done
mkdir -p /run/dbus /run/systemd/resolve && chown systemd-resolve: /run/systemd/resolve
printf '[Service]\\nType=exec\\nExecStart=${folder}/lib/systemd/systemd-resolved\n' > /etc/systemd/system/systemd-resolved.service
${process.execPath} ${nameServer} 10.9.9.1 www.example.org=93.184.216.34 &
dbus-daemon --system --fork
systemctl --user daemon-reload && systemctl --user start systemd-resolved || exit 83
rm -f /etc/resolv.conf && ln -s /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
until_so 'resolvectl dns up0 10.9.9.1 2>/dev/null'
`;
}
