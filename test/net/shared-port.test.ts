/** A TCP port that two listeners share goes from the first to the second without a lost connection. */

import { expect, test } from "bun:test";
import type { Conn } from "#base/conn.ts";
import { connectTcp, listenTcp } from "#net/tcp.ts";
import { eventually } from "#test/support/wait.ts";

test.skipIf(process.platform !== "linux")("new connections go to the second listener once the first gave them away", async () => {
  const [first, second]: [Conn[], Conn[]] = [[], []];
  const opened: Conn[] = [];
  const old = listenTcp({ host: "127.0.0.1", port: 0, reusePort: true, accept: (conn) => first.push(conn) });
  const { port } = old;
  const connectMany = async (): Promise<void> => {
    for (let index = 0; index < 30; index++) opened.push(await connectTcp({ host: "127.0.0.1", port }));
  };
  await connectMany();
  const fresh = listenTcp({ host: "127.0.0.1", port, reusePort: true, accept: (conn) => second.push(conn) });
  expect(old.giveToSecond()).toBe(true);
  await connectMany();
  await eventually("both have theirs", () => first.length === 30 && second.length === 30);
  old.close();
  await connectMany();
  await eventually("the second has the rest", () => second.length === 60);
  expect(first.length).toBe(30);
  fresh.close();
  for (const conn of [...opened, ...first, ...second]) conn.abort();
});
