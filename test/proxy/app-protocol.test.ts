/** How a backend is spoken to by what its service says, on the very first connection. */

import { expect, test } from "bun:test";
import type { Manner } from "#route/lookup.ts";
import { settle } from "#test/support/manual-clock.ts";
import { PodFront, requestText, webRoute } from "#test/support/pod-front.ts";

/** The first byte that the pod gets: 22 begins a TLS hello, 71 is the G of GET, 80 the P of HTTP/2's preface. */
async function firstByte(appProtocol: string, manner: Partial<Manner>, request = requestText()): Promise<number | undefined> {
  const got: number[] = [];
  const front = new PodFront(
    (connection) => {
      connection.onData = ([first]) => void got.push(first ?? 0);
    },
    { ...webRoute, manner: { forwarded: true, schemeGiven: false, ...manner } },
  );
  front.cluster.resolve({ kind: "ready", endpoints: [{ pod: "web-1", port: 8080, appProtocol }] });
  const client = front.client();
  client.write(request);
  await settle();
  client.conn.abort();
  return got[0];
}

test.each<[string, Partial<Manner>, number]>([
  ["https", {}, 22],
  ["kubernetes.io/ws", {}, 71],
  ["unheard-of", {}, 71],
  ["https", { schemeGiven: true }, 71],
  ["kubernetes.io/h2c", {}, 80],
  ["grpc", {}, 80],
  ["http", { protocol: "h2c" }, 80],
  ["http", { protocol: "grpc" }, 80],
  ["h2c", { protocol: "http1" }, 71],
])("appProtocol %p where the profile says %p", async (appProtocol, manner, first) => {
  expect(await firstByte(appProtocol, manner)).toBe(first);
});

test("an upgrade goes in HTTP/1 all the same, for HTTP/2 has none", async () => {
  const upgrade = requestText("GET", "", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n");
  expect(await firstByte("kubernetes.io/h2c", {}, upgrade)).toBe(71);
});
