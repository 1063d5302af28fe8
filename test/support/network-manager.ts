/** A real NetworkManager with its dnsmasq in namespaces of a test's own. */

import { overUsr, unpacked } from "./unpacked.ts";

const packages = ["network-manager", "libnm0", "libndp0", "libmm-glib0", "libteamdctl0", "libbluetooth3", "dnsmasq-base"];

/** The folder in which the packages' files are; undefined where they cannot be had, and then it says why. */
export async function unpackNetworkManager(): Promise<string | undefined> {
  const proof = "NetworkManager --version && nmcli --version && dnsmasq --version";
  return await unpacked({ name: "network-manager", packages, proof, leftOut: "the cases of kt setup dns with it" });
}

/**
 * Shell: makes the machine one whose programs ask the dnsmasq of NetworkManager, which asks a name server of its link that knows
 * www.example.org alone. The link is a bridge, which every kernel that runs containers can make.
 */
export function networkManagerScript(folder: string, nameServer: string): string {
  return `
${overUsr(folder)} || exit 84
mkdir -p $place/state && mount --bind $place/state /var/lib && mkdir -p /var/lib/NetworkManager
cp -a ${folder}/etc/. /etc/; rm -rf /etc/NetworkManager/dispatcher.d
cp /usr/share/dbus-1/system.d/*NetworkManager.conf /etc/dbus-1/system.d/
for user in dnsmasq messagebus; do
  grep -q "^$user:" /etc/passwd || { echo "$user:x:6199:6199::/:/bin/sh" >> /etc/passwd; echo "$user:x:6199:" >> /etc/group; }
done
mkdir -p /run/dbus /etc/NetworkManager/system-connections
printf '[main]\\ndns=dnsmasq\\nplugins=keyfile\\nauth-polkit=false\\n' > /etc/NetworkManager/NetworkManager.conf
up0=/etc/NetworkManager/system-connections/up0.nmconnection
printf '[connection]\\nid=up0\\ntype=bridge\\ninterface-name=up0\\n[bridge]\\nstp=false\\n[ipv6]\\nmethod=disabled\\n' > $up0
printf '[ipv4]\\nmethod=manual\\naddress1=10.9.9.1/24\\ndns=10.9.9.1;\\n' >> $up0; chmod 600 $up0
ip link set lo up; rm -f /etc/resolv.conf; dbus-daemon --system --fork
NetworkManager --no-daemon >/dev/null 2>&1 &
until_so "ip -4 addr show up0 2>/dev/null | grep -q 10.9.9.1"
${process.execPath} ${nameServer} 10.9.9.1 www.example.org=93.184.216.34 &
until_so "getent hosts www.example.org >/dev/null"
`;
}
