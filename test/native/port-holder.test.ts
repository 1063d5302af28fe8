/** Who holds a port: from the kernel's tables, from lsof's answer, and for real. */

import { expect, test } from "bun:test";
import { listen } from "bun";
import { listeningInodes, parseLsof, portHolder } from "#native/port-holder.ts";

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1538 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 42 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 43 1 0000000000000000 100 0 0 10 0
`;

test("only listening sockets of the port count", () => {
  expect(listeningInodes(table, 5432)).toEqual(["41"]);
  expect(listeningInodes(table, 80)).toEqual(["43"]);
  expect(listeningInodes(table, 81)).toEqual([]);
  expect(listeningInodes("", 80)).toEqual([]);
});

test("lsof's fields", () => {
  expect(parseLsof("p812\ncpostgres\nf7\nn127.0.0.1:5432\n")).toEqual({ pid: 812, command: "postgres" });
  expect(parseLsof("")).toBeUndefined();
});

test.each(["127.0.0.1", "::1"])("this process, on %s", async (hostname) => {
  using holder = listen({ hostname, port: 0, socket: { data() {} } });
  expect(await portHolder(holder.port)).toMatchObject({ pid: process.pid });
});

test("nobody", async () => {
  const closed = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = closed;
  closed.stop(true);
  expect(await portHolder(port)).toBeUndefined();
});
