/** What kt edge doctor makes of the facts of a host: each that keeps it from being an edge, and the odd answers of hosts. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type HostFacts, parseFacts } from "#remote/doctor/host-facts.ts";
import { type EdgeNeeds, judgeHost } from "#remote/doctor/host-findings.ts";
import { parseFileStates } from "#remote/remote-files.ts";

/** As a Debian 12 says it. */
const answer = `kernel 6.1.0-28-amd64
machine x86_64
system Debian GNU/Linux 12 (bookworm)
init systemd
systemd 252
tun usable
migrates yes
free 8388608
seconds 1000
port tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=77,fd=3))
port tcp LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=77,fd=4))
port udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* users:(("systemd-resolve",pid=60,fd=13))
port tcp LISTEN 0 511 *:443 *:* users:(("nginx",pid=9,fd=6),("nginx",pid=8,fd=6))
port udp UNCONN 0 0 0.0.0.0:51821 0.0.0.0:*
link 1500 eth0
link 1280 sit0
`;
const tunnel = { protocol: "udp", port: 51_820, what: "the tunnel" } as const;

function found(change: Partial<HostFacts>, ports: EdgeNeeds["ports"] = [tunnel], packetBytes = 1480): string[] {
  return judgeHost({ ...parseFacts(answer), ...change }, { ports, packetBytes }, 1000)
    .filter(({ verdict }) => verdict !== "ok")
    .map(({ verdict, check, text }) => `${verdict} ${check}: ${text}`);
}

describe("facts of a host", () => {
  test("are read as the script prints them", () => {
    const { ports, ...facts } = parseFacts(answer);
    expect(facts).toEqual({
      kernel: "6.1.0-28-amd64",
      machine: "x86_64",
      system: "Debian GNU/Linux 12 (bookworm)",
      init: "systemd",
      systemdVersion: 252,
      tun: "usable",
      lacks: [],
      migratesRequests: true,
      freeBytes: 8 * 1024 ** 3,
      wallSeconds: 1000,
      firewalls: [],
      links: [
        { name: "eth0", mtu: 1500 },
        { name: "sit0", mtu: 1280 },
      ],
    });
    expect(ports.map(({ protocol, address, port, holders }) => [protocol, address, port, holders.join()])).toEqual([
      ["tcp", "0.0.0.0", 22, "sshd"],
      ["tcp", "[::]", 22, "sshd"],
      ["udp", "127.0.0.53", 53, "systemd-resolve"],
      ["tcp", "*", 443, "nginx"],
      ["udp", "0.0.0.0", 51_821, ""],
    ]);
  });

  test("any other answer is read without an error, and judged", () => {
    fc.assert(fc.property(fc.string(), (text) => expect(judgeHost(parseFacts(text), { ports: [tunnel] }, 0).length).toBeGreaterThan(6)));
    expect(() => parseFileStates("file 600 root nonsense\n", ["/etc/x"])).toThrow("cannot be read");
    expect(() => parseFileStates("absent\n", ["/etc/x", "/etc/y"])).toThrow("cannot be read");
  });
});

describe("a host", () => {
  test("that has all of it gets no complaint", () => {
    expect(found({})).toEqual([]);
  });

  test("that lacks one thing gets one sentence about it", () => {
    expect(found({ machine: "riscv64" })).toEqual([
      "broken system: Debian GNU/Linux 12 (bookworm), Linux 6.1.0-28-amd64, riscv64: kt is built for x86_64 and aarch64",
    ]);
    expect(found({ init: "runit", systemdVersion: undefined })).toEqual([
      'broken systemd: the first process is "runit", and kt runs there as units of systemd',
    ]);
    expect(found({ systemdVersion: 237 })).toEqual(["broken systemd: version 237 is older than 239"]);
    expect(found({ tun: "refused" })).toEqual(["broken tun: /dev/net/tun cannot be opened"]);
    expect(found({ lacks: ["ip", "ss"] })).toEqual(["broken tools: ip, ss not found"]);
    expect(found({ freeBytes: 200 * 1024 ** 2 })).toEqual([
      "broken disk: 200 MiB free in /usr/local/lib, and kt needs 250 MiB there during an upgrade",
    ]);
    expect(found({ wallSeconds: 900 })).toEqual([
      "warn clock: 100 s behind this machine: certificates would seem expired, or not yet valid",
    ]);
    expect(found({ migratesRequests: false })[0]).toStartWith("warn system");
  });

  test("whose ports are taken hears by which program, or that it is the kernel; kt's own count as free", () => {
    const needed = [
      { protocol: "tcp", port: 443, what: 'the binding "https"' },
      { protocol: "udp", port: 443, what: 'the binding "quic"' },
      { protocol: "udp", port: 51_821, what: "the tunnel" },
    ] as const;
    expect(found({}, needed)).toEqual([
      'broken ports: TCP 443, for the binding "https", is held by "nginx"',
      "broken ports: UDP 51821, for the tunnel, is held by the kernel",
    ]);
    const ports = [{ protocol: "udp", port: 51_821, address: "*", holders: ["wireguard-go"] }] as const;
    expect(found({ ports }, needed)).toEqual([]);
    // WireGuard runs from memory, where it has the number of a descriptor for a name.
    const inMemory = `own 88\nport udp UNCONN 0 0 *:51821 *:* users:(("5",pid=88,fd=6))\nport tcp LISTEN 0 0 *:443 *:* users:(("5",pid=89,fd=6))`;
    expect(found({ ports: parseFacts(inMemory).ports }, needed)).toEqual([
      'broken ports: TCP 443, for the binding "https", is held by "5"',
    ]);
  });

  test("whose link takes smaller packets than the tunnel sends hears by how much; TCP finds out by itself", () => {
    const links = [{ name: "ens3", mtu: 1400 }];
    const complaint = "warn mtu: ens3, which leads to the internet, takes packets of 1400 bytes, and the tunnel's have up to 1480";
    expect(found({ links })).toEqual([complaint]);
    expect(judgeHost({ ...parseFacts(answer), links }, { ports: [], packetBytes: 1480 }, 1000).at(-1)?.fixes).toEqual([
      "lower spec.tunnel.mtu of the EdgeNode by 80",
    ]);
    expect(judgeHost({ ...parseFacts(answer), links }, { ports: [] }, 1000).at(-1)?.verdict).toBe("ok");
    expect(found({ links: [] })).toEqual(["warn mtu: no network interface leads to the internet"]);
  });

  test("with a firewall gets the command of that one for each port", () => {
    const fixes = (firewall: string): readonly string[] =>
      judgeHost({ ...parseFacts(answer), firewalls: [firewall] }, { ports: [tunnel] }, 1000).find(({ check }) => check === "firewall")
        ?.fixes ?? [];
    expect(fixes("ufw")).toEqual(["ufw allow 51820/udp"]);
    expect(fixes("firewalld")).toEqual(["firewall-cmd --permanent --add-port=51820/udp && firewall-cmd --reload"]);
    expect(fixes("nftables")).toEqual(["let UDP 51820 in, for the tunnel"]);
  });
});
