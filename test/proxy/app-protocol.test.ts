/** How a backend is spoken to by what its service says, on the very first connection. */

import { expect, test } from "bun:test";
import { settle } from "#test/support/manual-clock.ts";
import { PodFront, requestText, webRoute } from "#test/support/pod-front.ts";

/** The first byte that the pod gets: 22 begins a TLS hello, 71 is the G of GET. */
async function firstByte(appProtocol: string, schemeGiven: boolean): Promise<number | undefined> {
  const got: number[] = [];
  const front = new PodFront(
    (connection) => {
      connection.onData = ([first]) => void got.push(first ?? 0);
    },
    { ...webRoute, manner: { forwarded: true, schemeGiven } },
  );
  front.cluster.resolve({ kind: "ready", endpoints: [{ pod: "web-1", port: 8080, appProtocol }] });
  const client = front.client();
  client.write(requestText());
  await settle();
  client.conn.abort();
  return got[0];
}

test.each([
  ["https", false, 22],
  ["kubernetes.io/ws", false, 71],
  ["unheard-of", false, 71],
  ["https", true, 71],
])("appProtocol %p, given by the profile: %p", async (appProtocol, schemeGiven, first) => {
  expect(await firstByte(appProtocol, schemeGiven)).toBe(first);
});
