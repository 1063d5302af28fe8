/** The life of an uplink: its document, its news, its health, the bridge, and how it ends. */

import { expect, test } from "bun:test";
import { serve } from "bun";
import { KtError } from "#base/errors.ts";
import { listenTcp } from "#net/tcp.ts";
import { parseUplinkNews } from "#expose/host/edge-status.ts";
import { fastClock } from "#test/support/fast-clock.ts";
import type { RawClient } from "#test/support/raw-client.ts";
import { uplinkDocument, UplinkRig } from "#test/support/uplink-rig.ts";
import { eventually, within } from "#test/support/wait.ts";
import type { UplinkTunnel } from "#uplink/tunnel.ts";

const [keyA, keyB] = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"];

/** A target that sends this to each that connects. */
function greeterOf(text: string) {
  const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => void conn.write(new TextEncoder().encode(text)) });
  return { port: listener.port, [Symbol.dispose]: () => listener.close() };
}

const lines = (news: RawClient): string[] => news.text().slice(1).split("\n").slice(0, -1);
const newsIn = (news: RawClient) =>
  lines(news)
    .filter((line) => line !== "")
    .map(parseUplinkNews);

async function ready(rig: UplinkRig): Promise<readonly [number, string]> {
  const answer = await fetch(`http://127.0.0.1:${rig.uplink.ports.health}/ready`);
  return [answer.status, (await answer.text()).trim()];
}

test("news come at once and at each change, and a target that was edited is served by its former key as well", async () => {
  using former = greeterOf("former");
  using edited = greeterOf("edited");
  await using rig = await UplinkRig.start(uplinkDocument([{ key: keyA, port: former.port }]));
  await rig.ready();
  const news = await rig.send({ kind: "news" });
  await eventually("the first news", () => lines(news).length === 1);
  await rig.write(uplinkDocument([{ key: keyB, port: edited.port }]));
  await eventually("the second news", () => lines(news).length === 2);
  expect(newsIn(news)).toEqual([
    { serves: [keyA], isDraining: false },
    { serves: [keyA, keyB], isDraining: false },
  ]);
  const [one, other] = [await rig.open(keyA), await rig.open(keyB)];
  await one.client.readUntil("former");
  await other.client.readUntil("edited");
});

test("an edge hears a sign of life, and one that gives none is left", async () => {
  await using rig = await UplinkRig.start(uplinkDocument([]), { clock: fastClock(100) });
  await rig.ready();
  const news = await rig.send({ kind: "news" });
  await eventually("signs of life", () => lines(news).filter((line) => line === "").length >= 1);
  await within(10_000, "the end of a stream of news that is silent", news.whenClosed());
});

test("a document that is broken, or newer than this kt, leaves the former one in force", async () => {
  using target = greeterOf("hello");
  await using rig = await UplinkRig.start(uplinkDocument([{ key: keyA, port: target.port }]));
  await rig.ready();
  await rig.write("{");
  await eventually("the log line", () => rig.logged.some((line) => line.startsWith("file-unusable")));
  await rig.write(JSON.stringify({ ...uplinkDocument([]), version: 2 }));
  await eventually("the log line of the version", () => rig.logged.some((line) => line.includes("of version 2")));
  expect((await rig.open(keyA)).answer).toBe("opened");
  expect(await ready(rig)).toEqual([200, "ok"]);
});

test("it is not ready before it has a document, and is when that comes", async () => {
  await using rig = await UplinkRig.start(undefined);
  expect(await ready(rig)).toEqual([503, expect.stringContaining("ENOENT")]);
  expect((await fetch(`http://127.0.0.1:${rig.uplink.ports.health}/healthz`)).status).toBe(200);
  await rig.write(uplinkDocument([]));
  await rig.ready();
  expect(await ready(rig)).toEqual([200, "ok"]);
});

test("it is not ready while its tunnel is not made, or not up, and hears when the edge asks", async () => {
  let state: "fails" | "down" | "up" = "fails";
  let heard = 0;
  const tunnel: UplinkTunnel = {
    async follow() {
      if (state === "fails") throw new KtError("internal", "there is no TUN device");
    },
    problem: () => (state === "down" ? "no handshake yet" : undefined),
    heard() {
      heard += 1;
    },
    async close() {},
  };
  await using rig = await UplinkRig.start(uplinkDocument([]), { tunnel, clock: fastClock(50) });
  await eventually("the failure", async () => (await ready(rig))[1] === "there is no TUN device");
  expect(rig.logged.filter((line) => line.startsWith("tunnel-failed"))).toHaveLength(1);
  state = "down";
  await eventually("the tunnel to be made", async () => (await ready(rig))[1] === "no handshake yet");
  state = "up";
  expect(await ready(rig)).toEqual([200, "ok"]);
  expect(heard).toBeGreaterThanOrEqual(3);
});

test("by the transport tls it is not ready without its key, and says so", async () => {
  await using rig = await UplinkRig.start({ ...uplinkDocument([]), transport: "tls" }, { keyFile: "/nowhere/0" });
  await eventually("it has tried", async () => (await ready(rig))[1]?.includes("key"));
  expect(await ready(rig)).toEqual([503, expect.stringContaining('its key "/nowhere/0" cannot be read')]);
});

test("one that the document does not name any more drains, and comes back", async () => {
  const named = uplinkDocument([]);
  await using rig = await UplinkRig.start(named);
  await rig.ready();
  const news = await rig.send({ kind: "news" });
  await rig.write({ ...named, uplinks: [] });
  await eventually("the news", () => newsIn(news).at(-1)?.isDraining === true);
  expect(await ready(rig)).toEqual([503, "its document has no uplink 0"]);
  await rig.write(named);
  await eventually("the news", () => newsIn(news).at(-1)?.isDraining === false);
  await rig.ready();
});

test("it drains: the edge hears of it first, then nothing new is opened, and it ends with the last stream", async () => {
  using target = greeterOf("hello");
  await using rig = await UplinkRig.start(uplinkDocument([{ key: keyA, port: target.port }]), { clock: fastClock(10) });
  await rig.ready();
  const news = await rig.send({ kind: "news" });
  const { client } = await rig.open(keyA);
  await client.readUntil("hello");
  let isOver = false;
  const draining = rig.uplink.drain().then(() => (isOver = true));
  const meanwhile = await rig.open(keyA);
  expect(meanwhile.answer).toBe("opened");
  await eventually("the news", () => newsIn(news).at(-1)?.isDraining === true);
  expect(await ready(rig)).toEqual([503, "it drains"]);
  await eventually("a refusal", async () => {
    const { answer, client: late } = await rig.open(keyA);
    late.abort();
    return answer === "draining";
  });
  meanwhile.client.abort();
  await eventually("the last stream but one to end", () => rig.uplink.openStreams === 1);
  expect([isOver, client.ended]).toEqual([false, false]);
  client.abort();
  await within(10_000, "its end", draining);
});

test("what it has counted stands at /metrics", async () => {
  using target = greeterOf("hello");
  await using rig = await UplinkRig.start(uplinkDocument([{ key: keyA, port: target.port }]));
  await rig.ready();
  const { client } = await rig.open(keyA);
  await client.readUntil("hello");
  await rig.open(keyB);
  const answer = await fetch(`http://127.0.0.1:${rig.uplink.ports.health}/metrics`);
  const lines = (await answer.text()).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      "kt_uplink_ready 1",
      "kt_uplink_streams 1",
      'kt_uplink_stream_answers_total{answer="opened"} 1',
      'kt_uplink_stream_answers_total{answer="unknown"} 1',
      'kt_uplink_stream_bytes_total{direction="from"} 5',
      'kt_uplink_session_answers_total{answer="opened"} 0',
    ]),
  );
});

test("the bridge leads to the statistics of the edge", async () => {
  const statistics = serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("kt_edge 1\n") });
  await using rig = await UplinkRig.start(uplinkDocument([]), { statistics: statistics.port ?? 0 });
  await rig.ready();
  expect(await (await fetch(`http://127.0.0.1:${rig.uplink.ports.bridge}/stats/prometheus`)).text()).toBe("kt_edge 1\n");
  await statistics.stop(true);
});
