/** Many connections: at once, held open idle, and one after the other; afterwards descriptors and memory are where they were. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readKubeconfig } from "#test/support/cluster.ts";
import { type Front, startFront } from "#test/support/front.ts";
import { connectionsTo, descriptorCount, residentBytes } from "#test/support/process.ts";
import { RawClient, rawRequest } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";

let front: Front;
let descriptorsBefore = 0;
let residentBefore = 0;

/** A spare session, a watch or two and a parked connection may stay. */
const allowedDescriptors = 12;
const allowedBytes = 64 * 1024 * 1024;
/** Unused sessions and parked connections go after 30 s. */
const settleMs = 60_000;

beforeAll(async () => {
  front = await startFront();
  // Warm: code compiled, watches open.
  for (let count = 0; count < 20; count++) expect((await front.kt.fetch("web.localhost", "/")).status).toBe(200);
  const client = await RawClient.open(front.echo);
  client.write("x");
  await client.readUntil("x");
  client.abort();
  descriptorsBefore = descriptorCount(front.kt.pid);
  residentBefore = residentBytes(front.kt.pid);
});
afterAll(async () => await front?.kt.close());

async function settled(): Promise<void> {
  await eventually("descriptors to be closed", () => descriptorCount(front.kt.pid) <= descriptorsBefore + allowedDescriptors, settleMs);
  await eventually("memory to be given back", () => residentBytes(front.kt.pid) <= residentBefore + allowedBytes, settleMs);
}

const request = "GET / HTTP/1.1\r\nHost: web.localhost\r\nConnection: close\r\n\r\n";

test("200 new connections at once", async () => {
  const answers = await Promise.all(Array.from({ length: 200 }, () => rawRequest(front.http, request)));
  expect(answers.filter((answer) => !/^HTTP\/1\.1 200 [\s\S]*pod=web-/.test(answer))).toEqual([]);
});

test("200 new TCP connections at once", async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, at) => {
      const client = await RawClient.open(front.echo);
      client.write(`client ${at};`);
      const answer = await client.readUntil(";");
      client.abort();
      return answer;
    }),
  );
  expect(answers).toEqual(Array.from({ length: 200 }, (_, at) => `client ${at};`));
});

test("1,000 idle connections held open, each still alive at the end", async () => {
  const clients: RawClient[] = [];
  for (let count = 0; count < 20; count++) {
    const batch = await Promise.all(Array.from({ length: 50 }, () => RawClient.open(front.echo)));
    for (const client of batch) client.write("first;");
    await Promise.all(batch.map((client) => client.readUntil("first;")));
    clients.push(...batch);
  }
  expect((await front.kt.fetch("web.localhost", "/")).status).toBe(200);
  for (const client of clients) client.write("second;");
  await Promise.all(clients.map((client) => client.readUntil("second;")));
  for (const client of clients) client.abort();
  expect(clients.filter((client) => client.text() !== "first;second;").length).toBe(0);
});

test("2,000 connections one after the other", async () => {
  for (let count = 0; count < 2_000; count++) expect(await rawRequest(front.http, request)).toStartWith("HTTP/1.1 200 ");
});

test("100 TCP connections one after the other need a handful of sessions", async () => {
  const fresh = await startFront();
  const { clusters } = await readKubeconfig();
  const apiPort = Number(new URL(String(clusters[0]?.cluster["server"])).port);
  const clients: RawClient[] = [];
  for (let count = 0; count < 100; count++) {
    const client = await RawClient.open(fresh.echo);
    client.write("x");
    await client.readUntil("x");
    client.end();
    clients.push(client);
  }
  // A watch or two among them. With a session for each second that the node takes to close a connection it would be 64.
  expect(connectionsTo(fresh.kt.pid, apiPort)).toBeLessThanOrEqual(allowedDescriptors);
  for (const client of clients) client.abort();
  await fresh.kt.close();
});

test("descriptors and memory return to where they were", settled, settleMs * 2 + 10_000);
