/** Addresses of hosts, and the network inside the tunnel. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatIpv4 } from "#base/ipv4.ts";
import { isHost, isIpAddress } from "#expose/values/hosts.ts";
import { edgeAddress, formatOverlay, parseOverlay, roomFor, uplinkAddress } from "#expose/values/overlay.ts";

describe("a host", () => {
  test.each([
    "203.0.113.10",
    "2001:db8::1",
    "[2001:db8::1]",
    "vps.example.com",
    "vps.example.com.",
    "vps",
    "my_vps.example.com",
    "4you.example",
  ])("%s", (text) => expect(isHost(text)).toBe(true));

  test.each([
    "",
    "203.0.113",
    "999.1.1.1",
    "010.1.1.1",
    "a..b",
    "-a.example",
    "a b",
    "vps:22",
    "https://vps",
    "[vps]",
    "::ffff:203.0.113.10",
    ".",
  ])("not %j", (text) => expect(isHost(text)).toBe(false));

  test("a target is an address, and not a name", () => {
    expect(["10.96.0.10", "fd00::a", "FD00::A"].map(isIpAddress)).toEqual([true, true, true]);
    expect(["not-an-ip", "10.0.0.0/8", "::ffff:a00:1", "fe80::1%eth0", "1:2"].map(isIpAddress)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe("the network inside the tunnel", () => {
  test.each([
    ["10.200.0.0/24", "10.200.0.0/24", 253, "10.200.0.1", "10.200.0.2"],
    ["10.200.0.77/24", "10.200.0.0/24", 253, "10.200.0.1", "10.200.0.2"],
    ["10.9.8.4/30", "10.9.8.4/30", 1, "10.9.8.5", "10.9.8.6"],
    ["10.9.8.4/31", "10.9.8.4/31", 0, "10.9.8.5", "10.9.8.6"],
    ["192.0.2.255/23", "192.0.2.0/23", 509, "192.0.2.1", "192.0.2.2"],
  ])("%s", (text, written, room, edge, uplink) => {
    const overlay = parseOverlay(text);
    if (!overlay) throw new Error("not read");
    expect([formatOverlay(overlay), roomFor(overlay), edgeAddress(overlay), uplinkAddress(overlay, 0)]).toEqual([
      written,
      room,
      edge,
      uplink,
    ]);
  });

  test.each(["nonsense", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/024", "10.0.0/24", "fd00::/64", "10.0.0.0/-1"])("not %s", (text) =>
    expect(parseOverlay(text)).toBeUndefined(),
  );

  test("uplinks have addresses of their own, inside it, and never the last", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 32 - 1 }), fc.integer({ min: 20, max: 30 }), (address, prefix) => {
        const overlay = parseOverlay(`${formatIpv4(address)}/${prefix}`);
        if (!overlay) return false;
        const all = [
          edgeAddress(overlay),
          ...Array.from({ length: Math.min(253, roomFor(overlay)) }, (_, at) => uplinkAddress(overlay, at)),
        ];
        const last = formatIpv4(overlay.base + 2 ** (32 - prefix) - 1);
        const inside = all.every((each) => parseOverlay(`${each}/${prefix}`)?.base === overlay.base);
        return inside && new Set(all).size === all.length && !all.includes(last) && !all.includes(formatIpv4(overlay.base));
      }),
    );
  });
});
