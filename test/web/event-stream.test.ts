/** Events to clients that read slowly, or never: nothing is held for them, and an event reports what they missed. */

import { describe, expect, test } from "bun:test";
import { systemClock } from "#base/clock.ts";
import { memoryPair } from "#base/memory-conn.ts";
import { Journal } from "#observe/journal.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { Recorder } from "#test/support/recorder.ts";
import { Site } from "#web/site.ts";
import { webLimits } from "#web/limits.ts";
import { factsOf, token } from "./rig.ts";

const kept = 50;

function rig(clock = new ManualClock()) {
  const journal = new Journal(systemClock, kept);
  const site = new Site({ facts: factsOf({ journal }), host: "kt.localhost", token, clock });
  let said = 0;
  const report = (times: number): void => {
    for (let at = 0; at < times; at++) journal.add({ type: "hub", change: "woke", detail: `${said++} ${"x".repeat(500)}` });
  };
  const open = (lastEventId = ""): Recorder => {
    const [near, far] = memoryPair();
    site.serve(far);
    const client = new Recorder(near);
    const last = lastEventId === "" ? "" : `Last-Event-ID: ${lastEventId}\r\n`;
    const head = `Host: kt.localhost\r\nAuthorization: Bearer ${token}\r\nAccept: text/event-stream\r\n${last}`;
    client.write(`GET /api/v1/events HTTP/1.1\r\n${head}\r\n`);
    return client;
  };
  return { report, open };
}

/** The numbers of the events that came, and what was a gap. */
function seenBy(client: Recorder): (number | "gap")[] {
  return [...client.text().matchAll(/event: (gap|hub)\ndata: ([^\n]*)/g)].map(([, event, data = ""]) =>
    event === "gap" ? "gap" : Number(JSON.parse(data).event.detail.split(" ")[0]),
  );
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);

describe("a client", () => {
  test("that reads gets each event once and in order", async () => {
    const { report, open } = rig();
    report(3);
    const client = open();
    await settle();
    report(4);
    await settle();
    expect(seenBy(client)).toEqual(range(0, 7));
  });

  test("that stops reading is sent no more than fits, and then a gap", async () => {
    const { report, open } = rig();
    const client = open();
    await settle();
    client.conn.pause();
    for (let at = 0; at < 100; at++) {
      report(10);
      await settle();
    }
    client.conn.resume();
    await settle();
    const seen = seenBy(client);
    const gap = seen.indexOf("gap");
    expect(gap).toBeGreaterThan(0);
    expect(seen.slice(0, gap)).toEqual(range(0, gap));
    expect(seen.slice(gap + 1)).toEqual(range(1000 - kept, 1000));
    // What waits for a reader is bounded by the connection, however much happened.
    expect(gap * 600).toBeLessThan(256 * 1024);
    report(1);
    await settle();
    expect(seenBy(client).at(-1)).toBe(1000);
  });

  test("that comes again after too much has happened gets a gap", async () => {
    const { report, open } = rig();
    report(1);
    const first = open();
    await settle();
    const [, id = ""] = /^id: (.*)$/m.exec(first.text()) ?? [];
    first.conn.abort();
    report(3 * kept);
    const again = open(id);
    await settle();
    expect(seenBy(again)).toEqual(["gap", ...range(2 * kept + 1, 3 * kept + 1)]);
  });

  test("that hears nothing for a while is sent something all the same", async () => {
    const clock = new ManualClock();
    const { open } = rig(clock);
    const client = open();
    await settle();
    await clock.advance(webLimits.heartbeatMs);
    expect(client.text()).toEndWith("3\r\n:\n\n\r\n");
    client.conn.abort();
    await settle();
    expect(clock.timers).toBe(0);
  });
});

test("there is an end to how many read at once", async () => {
  const { open } = rig();
  const clients = Array.from({ length: webLimits.eventStreams }, () => open());
  await settle();
  expect(clients.every((client) => client.text().startsWith("HTTP/1.1 200"))).toBe(true);
  const refused = open();
  await settle();
  expect(refused.text()).toStartWith("HTTP/1.1 503");
  clients[0]?.conn.abort();
  await settle();
  const next = open();
  await settle();
  expect(next.text()).toStartWith("HTTP/1.1 200");
});
