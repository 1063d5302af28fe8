/** Judges the facts of a host: whether it can be a public edge, and what has to change where it cannot. Pure. */

import { remoteLimits } from "#remote/limits.ts";
import { mib } from "#base/units.ts";
import type { HostFacts } from "./host-facts.ts";
import { broken, type HostFinding, ok, warn } from "./host-finding.ts";
import { holdersOf } from "./taken-port.ts";

/** A port that will be listened on. */
export interface NeededPort {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** What for, as in "the tunnel". */
  readonly what: string;
}

export interface EdgeNeeds {
  readonly ports: readonly NeededPort[];
  /** The largest packet that its tunnel sends; undefined where TCP carries it. */
  readonly packetBytes?: number;
}

/** Those for which kt is built. */
const machines = ["x86_64", "aarch64"];
/** The oldest that knows all that kt's units will say: SystemCallFilter=@system-service (systemd.exec(5)). */
const oldestSystemd = 239;
/** What brings a program, in Debian and its kin. */
const packages: Readonly<Record<string, string>> = { ip: "iproute2", ss: "iproute2", gzip: "gzip" };
/** What kt itself runs there. */
const own = ["kt", "wireguard-go"];

export function judgeHost(facts: HostFacts, { ports, packetBytes }: EdgeNeeds, nowSeconds: number): HostFinding[] {
  const judged = [systemOf(facts), systemdOf(facts), tunOf(facts), toolsOf(facts), diskOf(facts), clockOf(facts, nowSeconds)];
  return [...judged, ...portsOf(facts, ports), firewallOf(facts, ports), mtuOf(facts, packetBytes)];
}

function systemOf({ kernel, machine, system, migratesRequests }: HostFacts): HostFinding {
  const text = `${system === "" ? "an unnamed system" : system}, Linux ${kernel}, ${machine}`;
  if (!machines.includes(machine))
    return broken("system", `${text}: kt is built for ${machines.join(" and ")}`, "take a host with such a CPU");
  if (migratesRequests) return ok("system", text);
  return warn(
    "system",
    `${text}: older than 5.14, so an upgrade of kt may refuse connections that arrive during it`,
    "boot a newer kernel",
  );
}

function systemdOf({ init, systemdVersion }: HostFacts): HostFinding {
  if (init !== "systemd" || systemdVersion === undefined)
    return broken("systemd", `the first process is "${init}", and kt runs there as units of systemd`, "take an image with systemd");
  if (systemdVersion >= oldestSystemd) return ok("systemd", `version ${systemdVersion}`);
  return broken("systemd", `version ${systemdVersion} is older than ${oldestSystemd}`, "upgrade the system");
}

function tunOf({ tun }: HostFacts): HostFinding {
  if (tun === "usable") return ok("tun", "/dev/net/tun can be opened");
  const why = tun === "absent" ? "/dev/net/tun is not there" : "/dev/net/tun cannot be opened";
  return broken("tun", why, "switch TUN/TAP on in the provider's panel, where the host is a container", "modprobe tun");
}

function toolsOf({ lacks }: HostFacts): HostFinding {
  if (lacks.length === 0) return ok("tools", "all that kt runs there are installed");
  const wanted = [...new Set(lacks.map((tool) => packages[tool] ?? "coreutils"))];
  return broken("tools", `${lacks.join(", ")} not found`, `apt-get install ${wanted.join(" ")}`);
}

function diskOf({ freeBytes }: HostFacts): HostFinding {
  const text = `${Math.floor(freeBytes / mib)} MiB free in /usr/local/lib`;
  const need = remoteLimits.diskBytes / mib;
  if (freeBytes >= remoteLimits.diskBytes) return ok("disk", text);
  return broken(
    "disk",
    `${text}, and kt needs ${need} MiB there during an upgrade`,
    "make room: journalctl --vacuum-size=50M, apt-get clean",
  );
}

function clockOf({ wallSeconds }: HostFacts, nowSeconds: number): HostFinding {
  const aheadSeconds = wallSeconds - nowSeconds;
  const text = `${Math.abs(aheadSeconds)} s ${aheadSeconds < 0 ? "behind" : "ahead of"} this machine`;
  if (Math.abs(aheadSeconds) * 1000 <= remoteLimits.clockSkewMs) return ok("clock", text);
  return warn("clock", `${text}: certificates would seem expired, or not yet valid`, "timedatectl set-ntp true");
}

function portsOf({ ports }: HostFacts, needed: readonly NeededPort[]): HostFinding[] {
  const conflicts = needed.flatMap(({ protocol, port, what }) => {
    const taken = ports.filter((each) => each.protocol === protocol && each.port === port);
    if (taken.length === 0 || taken.every(({ holders }) => holders.length > 0 && holders.every((name) => own.includes(name)))) return [];
    const text = `${protocol.toUpperCase()} ${port}, for ${what}, is held by ${holdersOf(taken)}`;
    return [broken("ports", text, "stop that program, or choose another port")];
  });
  if (conflicts.length > 0) return conflicts;
  const free = needed.map(({ protocol, port }) => `${protocol.toUpperCase()} ${port}`).join(", ");
  const others = ports.filter(({ address }) => !isLoopback(address));
  const names = [...new Set(others.map((each) => `${each.protocol.toUpperCase()} ${each.port} by ${holdersOf([each])}`))];
  return [ok("ports", `${free} can be had; taken already: ${names.length === 0 ? "none" : names.join(", ")}`)];
}

const isLoopback = (address: string): boolean => address.startsWith("127.") || address === "[::1]";

/** What a program of the host cannot see is the provider's own firewall, so that is always said. */
function firewallOf({ firewalls }: HostFacts, needed: readonly NeededPort[]): HostFinding {
  const provider = "a firewall of the provider cannot be seen from the host: its panel must let the same ports in";
  if (firewalls.length === 0) return ok("firewall", `none on the host filters what comes in; ${provider}`);
  const text = `${firewalls.join(" and ")} on the host filters what comes in; ${provider}`;
  return warn("firewall", text, ...needed.map(({ protocol, port, what }) => openHint(firewalls[0] ?? "", protocol, port, what)));
}

function openHint(firewall: string, protocol: string, port: number, what: string): string {
  if (firewall === "ufw") return `ufw allow ${port}/${protocol}`;
  if (firewall === "firewalld") return `firewall-cmd --permanent --add-port=${port}/${protocol} && firewall-cmd --reload`;
  return `let ${protocol.toUpperCase()} ${port} in, for ${what}`;
}

/** Larger ones are broken up on their way, or lost where that is filtered: then small answers come, and large ones never. */
function mtuOf({ links }: HostFacts, packetBytes: number | undefined): HostFinding {
  const [link] = links;
  if (link === undefined) return warn("mtu", "no network interface leads to the internet", "ip route show default");
  const text = `${link.name}, which leads to the internet, takes packets of ${link.mtu} bytes`;
  if (packetBytes === undefined) return ok("mtu", text);
  if (link.mtu >= packetBytes) return ok("mtu", `${text}, and the tunnel's have ${packetBytes} at most`);
  const tooMany = packetBytes - link.mtu;
  return warn("mtu", `${text}, and the tunnel's have up to ${packetBytes}`, `lower spec.tunnel.mtu of the EdgeNode by ${tooMany}`);
}
