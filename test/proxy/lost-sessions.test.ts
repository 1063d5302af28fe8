/** Requests under way when every session to the API server is lost, one after the other, as when a load balancer is restarted. */

import { describe, expect, test } from "bun:test";
import { tunnelLimits } from "#tunnel/limits.ts";
import { settle } from "#test/support/manual-clock.ts";
import { onRequest, PodFront, requestText, say, webRoute } from "#test/support/pod-front.ts";
import type { Recorder } from "#test/support/recorder.ts";
import { usualRetry } from "#test/support/retry.ts";

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
  for (const rounds of [1, usualRetry().max]) {
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

  test.each([
    ["GET", ""],
    ["HEAD", ""],
    ["OPTIONS", ""],
    ["PUT", "x=1"],
    ["DELETE", ""],
  ])("a %s is sent again after the pause, as often as the profile says, and each time is counted", async (method, body) => {
    const { serve, read } = slowPod();
    const front = new PodFront(serve, webRoute, { max: 2, delayMs: 500 });
    const [client] = await underWay(front, 1, requestText(method, body));
    for (const sent of [1, 2]) {
      await loseAll(front);
      await front.clock.advance(400);
      expect(read).toHaveLength(sent);
      await front.clock.advance(200);
      expect(read).toHaveLength(sent + 1);
    }
    await loseAll(front);
    await front.clock.advance(5000);
    expect(client?.text()).toStartWith("HTTP/1.1 502 ");
    expect([read.length, front.counters.get("p", "web.localhost")?.retries]).toEqual([3, 2]);
  });

  const upgrade = "GET / HTTP/1.1\r\nHost: web.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  test.each([
    ["a GET, where retries are off", requestText(), 0],
    ["an upgrade", upgrade, 2],
    ["a POST", requestText("POST", "x=1"), 2],
    ["a PATCH", requestText("PATCH", "x=1"), 2],
    ["a POST without a body", requestText("POST"), 2],
  ])("%s is not sent again", async (_what, request, max) => {
    const { serve, read } = slowPod();
    const front = new PodFront(serve, webRoute, { max, delayMs: 0 });
    const [client] = await underWay(front, 1, request);
    await loseAll(front);
    await front.clock.advance(5000);
    expect(client?.text()).toStartWith("HTTP/1.1 502 ");
    expect([read.length, front.counters.get("p", "web.localhost")?.retries]).toEqual([1, 0]);
  });

  test("what a client that has left asked for is not sent again", async () => {
    const { serve, read } = slowPod();
    const front = new PodFront(serve, webRoute, { max: 2, delayMs: 500 });
    const [client] = await underWay(front, 1, requestText());
    await loseAll(front);
    client?.conn.abort();
    await front.clock.advance(5000);
    expect(read).toHaveLength(1);
  });

  test("again and again, a GET is given up after some tries", async () => {
    const { serve, read } = slowPod();
    const front = new PodFront(serve);
    const [client] = await underWay(front, 1, requestText());
    const sent = usualRetry().max + 1;
    for (let round = 0; round < sent + 2; round++) await loseAll(front);
    expect(client?.text()).toStartWith("HTTP/1.1 502 ");
    expect(read).toHaveLength(sent);
  });
});
