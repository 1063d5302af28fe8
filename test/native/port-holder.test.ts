/** Who holds a port: from the kernel's tables, from lsof's answer, and for real. */

import { expect, test } from "bun:test";
import { listen } from "bun";
import { listeningInodes, parseLsof, portHolder } from "#native/port-holder.ts";

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1538 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 42 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 43 1 0000000000000000 100 0 0 10 0
`;

const table6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51 1 0000000000000000 100 0 0 10 0
   1: 000080FE00000000FF0034120100FFEE:1538 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 52 1 0000000000000000 100 0 0 10 0
`;

test.each([
  ["127.0.0.1", 5432, ["41"]],
  ["127.0.0.2", 5432, []],
  ["0.0.0.0", 5432, ["41", "51", "52"]],
  ["::1", 5432, ["51"]],
  ["fe80::1234:ff:eeff:1", 5432, ["52"]],
  ["127.0.0.1", 80, ["43"]],
  ["127.0.0.1", 81, []],
])("only sockets that listen on %s:%d or on every address count", (host, port, inodes) => {
  expect(listeningInodes(`${table}\n${table6}`, { host, port })).toEqual(inodes);
  expect(listeningInodes("", { host, port })).toEqual([]);
});

test("a socket of UDP that is bound counts for UDP alone", () => {
  const bound = table.replaceAll(" 0A ", " 07 ");
  expect(listeningInodes(bound, { host: "127.0.0.1", port: 5432, transport: "udp" })).toEqual(["41"]);
  expect(listeningInodes(bound, { host: "127.0.0.1", port: 5432 })).toEqual([]);
});

test.each([
  ["127.0.0.1", { pid: 812, command: "postgres" }],
  ["::1", { pid: 33, command: "kt" }],
  ["127.0.0.2", undefined],
  ["0.0.0.0", { pid: 33, command: "kt" }],
])("lsof's fields, for %s", (host, holder) => {
  const output = "p33\nckt\nf9\nn[::1]:5432\np812\ncpostgres\nf7\nn127.0.0.1:5432\n";
  expect(parseLsof(output, { host, port: 5432 })).toEqual(holder);
  expect(parseLsof("", { host, port: 5432 })).toBeUndefined();
  expect(parseLsof("p9\ncnginx\nn*:5432\n", { host, port: 5432 })).toEqual({ pid: 9, command: "nginx" });
});

test.each(["127.0.0.1", "::1"])("this process, on %s", async (hostname) => {
  using holder = listen({ hostname, port: 0, socket: { data() {} } });
  expect(await portHolder({ host: hostname, port: holder.port })).toMatchObject({ pid: process.pid });
});

test("not who has the port of another address only", async () => {
  using other = listen({ hostname: "::1", port: 0, socket: { data() {} } });
  expect(await portHolder({ host: "127.0.0.1", port: other.port })).toBeUndefined();
});

test("no program", async () => {
  const closed = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = closed;
  closed.stop(true);
  expect(await portHolder({ host: "127.0.0.1", port })).toBeUndefined();
});
