/** Whether the kernel asks after a quiet peer. */

import { expect, test } from "bun:test";
import { file } from "bun";
import type { Conn } from "#base/conn.ts";
import { listenTcp } from "#net/tcp.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";

/** Of the accepting side, as /proc/net/tcp has it: 2 is that of keepalive, 0 none. */
async function timerOf(port: number): Promise<string | undefined> {
  const rows = (await file("/proc/net/tcp").text()).split("\n").map((line) => line.trim().split(/\s+/));
  const local = port.toString(16).toUpperCase().padStart(4, "0");
  return rows.find(([, at = "", , state]) => at.endsWith(`:${local}`) && state === "01")?.[5]?.slice(0, 2);
}

for (const [asksQuietPeers, timer] of [
  [true, "02"],
  [false, "00"],
] as const) {
  test.skipIf(process.platform !== "linux")(
    `what a listener accepts ${asksQuietPeers ? "asks" : "does not ask"} after quiet peers`,
    async () => {
      const accepted: Conn[] = [];
      const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => void accepted.push(conn), asksQuietPeers });
      const client = await RawClient.open(listener.port);
      await eventually("the connection", () => accepted.length === 1);
      expect(await timerOf(listener.port)).toBe(timer);
      client.abort();
      listener.close();
    },
  );
}
