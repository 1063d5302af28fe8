/** The interface that leads to the internet, and what is said of interfaces that are not there. */

import { describe, expect, test } from "bun:test";
import { defaultLink, readOffload, setOffload } from "#native/link-offloads.ts";

const head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";

test("the default route of the lowest metric names the interface; other routes do not", () => {
  const routes = [
    "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
    "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0",
    "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0",
    "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0",
  ];
  expect(defaultLink(`${head}${routes.join("\n")}\n`)).toBe("eth0");
  expect(defaultLink(head)).toBeUndefined();
});

describe.skipIf(process.platform !== "linux")("an interface (Linux)", () => {
  test("says what it does, and one that is not there says nothing", () => {
    expect(readOffload("lo", "gso")).toBeBoolean();
    expect(readOffload("absent0", "gro")).toBeUndefined();
    expect(setOffload("absent0", "gro", false)).toBe(false);
  });
});
