/** Time-outs and limits of a profile in a real hub: what clients get over real sockets, what the status counts, and what a reload changes. */

import { afterEach, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { RawClient } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";
import { Rig } from "./rig.ts";

let rig: Rig;

async function start(settings: string): Promise<void> {
  // Tables come after the settings of the top, and [http] follows.
  rig = await Rig.start({ settings });
  rig.startPod("web-1");
}

afterEach(async () => await rig.close());

const tcpPort = (): number => rig.tcpPort("echo");

async function echoing(): Promise<RawClient> {
  const client = await RawClient.open(tcpPort());
  client.write("hello");
  await client.readUntil("hello");
  return client;
}

test("per_target: one TCP client too many is closed after its wait; the next has the place of one that ended", async () => {
  await start('[limits]\nper_target = 1\nwait = "50ms"');
  const first = await echoing();
  const refused = await RawClient.open(tcpPort());
  refused.write("hello");
  // kt has no words for a protocol that it does not know.
  await refused.whenClosed();
  expect(refused.text()).not.toContain("hello");
  first.end();
  await first.whenClosed();
  const next = await echoing();
  next.abort();
});

test("connections: one HTTP client too many gets 503 with Retry-After and the setting, and 200 once there is room", async () => {
  await start('[limits]\nconnections = 1\nwait = "50ms"');
  const stream = new AbortController();
  const endless = await rig.fetch("/endless", { signal: stream.signal });
  expect(endless.status).toBe(200);
  const refused = await rig.fetch("/", { headers: { Accept: "application/json" } });
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("1");
  const { error } = (await refused.json()) as { error: { code: string; message: string } };
  expect(error.code).toBe("overloaded");
  expect(error.message).toBe("1 connections are in use, as many as limits.connections allows");
  expect(rig.route().failures).toBe(1);
  stream.abort();
  await eventually("room", async () => (await rig.ask()).status === 200);
});

test("per_target with more clients than places: each request waits for a connection that is given back, and none is refused", async () => {
  await start('[limits]\nper_target = 2\nwait = "5s"');
  const clients = Array.from({ length: 12 }, async () => {
    const answers: number[] = [];
    for (let nth = 0; nth < 20; nth++) answers.push((await rig.ask()).status);
    return answers;
  });
  const statuses = (await Promise.all(clients)).flat();
  expect(statuses).toHaveLength(240);
  expect(statuses.every((status) => status === 200)).toBe(true);
  expect(rig.route().failures).toBe(0);
});

test("per_target holds for connections that were kept as well: three uploads on two places, and one waits in vain", async () => {
  await start('[limits]\nper_target = 2\nwait = "50ms"');
  for (let nth = 0; nth < 3; nth++) expect((await Promise.all([rig.ask(), rig.ask()])).map(({ status }) => status)).toEqual([200, 200]);
  const streams = [await rig.fetch("/endless"), await rig.fetch("/endless")];
  expect((await rig.ask()).status).toBe(503);
  await streams[0]?.body?.cancel();
  await eventually("room", async () => (await rig.ask()).status === 200);
  await streams[1]?.body?.cancel();
});

test("timeouts.write: a stream is cut, counted, and the next request is answered", async () => {
  await start('[timeouts]\nwrite = "100ms"');
  const endless = await rig.fetch("/endless");
  expect(await endless.text().catch(() => "cut")).toBe("cut");
  expect(rig.route().failures).toBe(1);
  expect(rig.route().lastProblem?.code).toBe("answer-timeout");
  expect((await rig.ask()).status).toBe(200);
});

test("timeouts.read: an upload that stops gets 408", async () => {
  await start('[timeouts]\nread = "100ms"');
  const client = await RawClient.open(rig.httpPort);
  client.write("POST /upload HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: 10\r\n\r\nabc");
  expect(await client.readUntil("timeouts.read")).toStartWith("HTTP/1.1 408 Request Timeout\r\n");
  client.abort();
});

test("a saved profile with another limit counts from the next connection on, and open ones go on", async () => {
  await start('[limits]\nconnections = 1\nwait = "10ms"');
  const before = await rig.fetch("/endless");
  expect((await rig.ask()).status).toBe(503);
  const path = `${rig.directory}/tunnels.toml`;
  await writeFile(path, (await readFile(path, "utf8")).replace("connections = 1", "connections = 2"));
  await eventually("the new limit", async () => (await rig.ask()).status === 200);
  const reader = before.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("data: begun\n\n");
  await reader?.cancel();
});
