/** Tests reading the system's tables of listening sockets and of ports that need a privilege. */

import { expect, test } from "bun:test";
import { listen } from "bun";
import { loopbackListeners, socketsIn } from "#native/loopback-listeners.ts";
import { firstFreePortFrom } from "#native/low-ports.ts";

test("sockets of 127.0.0.0/8 that listen", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 031B017F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0",
    "   1: 041B017F:1538 0100007F:8000 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0 100 0 0 10 0",
    "  12: 0100000A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 3 1 0 100 0 0 10 0",
    " 100: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 3 1 0 100 0 0 10 0",
  ].join("\n");
  expect([...socketsIn(table)]).toEqual(["127.1.27.3:5432"]);
});

test.skipIf(process.platform !== "linux")("a listener of this process is found", () => {
  const listener = listen({ hostname: "127.199.3.4", port: 0, socket: { data() {} } });
  expect(loopbackListeners().has("127.199.3.4")).toBe(true);
  listener.stop(true);
  expect(loopbackListeners().has("127.199.3.4")).toBe(false);
});

test("ports below the system's limit need a privilege, and none with the capability to bind them", () => {
  const status = (capabilities: string): string => `Name:\tkt\nCapEff:\t${capabilities}\nCapBnd:\t000001ffffffffff\n`;
  expect(firstFreePortFrom(status("0000000000000000"), "1024\n")).toBe(1024);
  expect(firstFreePortFrom(status("0000000000000000"), "0\n")).toBe(0);
  expect(firstFreePortFrom(status("000001ffffffffff"), "1024\n")).toBe(0);
  expect(firstFreePortFrom(status("0000000000000400"), "1024\n")).toBe(0);
  expect(firstFreePortFrom(status("0000000000000800"), "1024\n")).toBe(1024);
  expect(firstFreePortFrom("", "")).toBe(1024);
});
