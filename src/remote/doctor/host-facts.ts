/** What a host says of itself, asked by one script that changes nothing. */

import { parseTakenPort, socketList, type TakenPort } from "./taken-port.ts";

export interface HostFacts {
  readonly kernel: string;
  readonly machine: string;
  readonly system: string;
  /** The name of its first process. */
  readonly init: string;
  /** Undefined where there is none. */
  readonly systemdVersion: number | undefined;
  readonly tun: "usable" | "refused" | "absent";
  /** Programs that kt needs there and that are not there. */
  readonly lacks: readonly string[];
  /** Connections that wait to be accepted can move to another listener (tcp_migrate_req). */
  readonly migratesRequests: boolean;
  readonly freeBytes: number;
  readonly wallSeconds: number;
  readonly ports: readonly TakenPort[];
  /** Those that filter what comes in. */
  readonly firewalls: readonly string[];
  /** Those that lead to the internet, the preferred one first. */
  readonly links: readonly { readonly name: string; readonly mtu: number }[];
}

/** A line for each fact: its name, and what it is. Nothing is needed for it but a shell and what every Linux has. */
export const factsScript = `say() { printf '%s %s\\n' "$1" "$2"; }
PATH=$PATH:/usr/sbin:/sbin
say kernel "$(uname -r)"
say machine "$(uname -m)"
say system "$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null | tr -d '"')"
say init "$(cat /proc/1/comm)"
say systemd "$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \\([0-9]*\\).*/\\1/p')"
for tool in gzip sha256sum dd stat timeout ip ss; do command -v "$tool" >/dev/null || say lacks "$tool"; done
if [ ! -c /dev/net/tun ]; then say tun absent
elif (: <>/dev/net/tun) 2>/dev/null; then say tun usable
else say tun refused; fi
[ ! -e /proc/sys/net/ipv4/tcp_migrate_req ] || say migrates yes
say free "$(df -Pk /usr/local/lib 2>/dev/null | sed -n '2s/ \\{1,\\}/ /gp' | cut -d' ' -f4)"
say seconds "$(date +%s)"
grep -El 'kt-edge@|kt-wireguard[.]service' /proc/[0-9]*/cgroup 2>/dev/null | while read -r path; do path=\${path#/proc/}; say own "\${path%/cgroup}"; done
${socketList} 2>/dev/null | while read -r line; do say port "$line"; done
case "$(ufw status 2>/dev/null)" in *'Status: active'*) say firewall ufw ;; esac
[ "$(firewall-cmd --state 2>/dev/null)" != running ] || say firewall firewalld
nft list ruleset 2>/dev/null | grep -q 'hook input .*policy drop' && say firewall nftables
iptables -S INPUT 2>/dev/null | grep -q '^-P INPUT DROP' && say firewall iptables
{ ip -o -4 route show default; ip -o -6 route show default; } 2>/dev/null | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p' |
  while read -r link; do say link "$(cat "/sys/class/net/$link/mtu") $link"; done
true`;

export function parseFacts(text: string): HostFacts {
  const lines = text.split("\n").map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1).trim()] as const);
  const all = (name: string): string[] => lines.filter(([key]) => key === name).map(([, value]) => value);
  const one = (name: string): string => all(name)[0] ?? "";
  const tun = one("tun");
  return {
    kernel: one("kernel"),
    machine: one("machine"),
    system: one("system"),
    init: one("init"),
    systemdVersion: one("systemd") === "" ? undefined : Number(one("systemd")),
    tun: tun === "usable" || tun === "refused" ? tun : "absent",
    lacks: all("lacks"),
    migratesRequests: one("migrates") === "yes",
    freeBytes: Number(one("free")) * 1024,
    wallSeconds: Number(one("seconds")),
    ports: all("port").flatMap((each) => parseTakenPort(each, new Set(all("own")))),
    firewalls: all("firewall"),
    links: all("link").flatMap((each) => {
      const [mtu = "", name = ""] = each.split(" ");
      return /^\d{1,7}$/.test(mtu) && name !== "" ? [{ name, mtu: Number(mtu) }] : [];
    }),
  };
}
