/** Requests under way when every session to the API server is lost, one after the other, as when a load balancer is restarted. */

import { describe, expect, test } from "bun:test";
import { proxyLimits } from "#proxy/limits.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { settle } from "#test/support/manual-clock.ts";
import { onRequest, PodFront, requestText, say } from "#test/support/pod-front.ts";
import type { Recorder } from "#test/support/recorder.ts";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** A pod that keeps its answers back until it is released, then answers at once. */
function slowPod() {
  const held: (() => void)[] = [];
  const read: string[] = [];
  let holds = true;
  const serve = onRequest((connection, request) => {
    read.push(request.slice(0, request.indexOf(" ")));
    const answer = (): void => say(connection, ok);
    if (holds) held.push(answer);
    else answer();
  });
  const letGo = (): void => {
    holds = false;
    for (const answer of held.splice(0)) answer();
  };
  return { serve, read, letGo };
}

async function underWay(front: PodFront, count: number, request: string): Promise<Recorder[]> {
  const clients = Array.from({ length: count }, () => front.client());
  for (const client of clients) client.write(request);
  await settle();
  await front.clock.advance(tunnelLimits.spareDelayMs * 4);
  return clients;
}

/** The sessions there are now die in turn; we hear of each before the next. */
async function loseAll(front: PodFront): Promise<void> {
  for (const { far } of [...front.cluster.sessions]) {
    far.abort();
    await front.clock.advance(1);
  }
}

const answered = (clients: readonly Recorder[]): number => clients.filter((client) => client.text().includes("200 OK")).length;

describe("when all sessions are lost at once", () => {
  for (const rounds of [1, 3]) {
    test(`${rounds} times, GETs under way are answered by the sessions that come after`, async () => {
      const { serve, letGo } = slowPod();
      const front = new PodFront(serve);
      const clients = await underWay(front, 60, requestText());
      for (let round = 0; round < rounds; round++) await loseAll(front);
      letGo();
      await front.clock.advance(100);
      expect(answered(clients)).toBe(60);
    });
  }

  test("POSTs that may have been read are not sent again", async () => {
    const { serve, letGo, read } = slowPod();
    const front = new PodFront(serve);
    const clients = await underWay(front, 10, requestText("POST", "x=1"));
    expect(read).toHaveLength(10);
    await loseAll(front);
    letGo();
    await front.clock.advance(100);
    expect(clients.filter((client) => client.text().startsWith("HTTP/1.1 502 "))).toHaveLength(10);
    expect(read).toHaveLength(10);
  });

  test("again and again, a GET is given up after some tries", async () => {
    const { serve, read } = slowPod();
    const front = new PodFront(serve);
    const [client] = await underWay(front, 1, requestText());
    for (let round = 0; round < proxyLimits.requestTries + 2; round++) await loseAll(front);
    expect(client?.text()).toStartWith("HTTP/1.1 502 ");
    expect(read).toHaveLength(proxyLimits.requestTries);
  });
});
