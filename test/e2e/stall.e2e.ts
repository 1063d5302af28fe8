/** A download that is not read blocks no other client and does not fill the hub's memory. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { sleep } from "bun";
import { type Front, startFront } from "#test/support/front.ts";
import { residentBytes } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { eventually, within } from "#test/support/wait.ts";

let front: Front;
beforeAll(async () => {
  front = await startFront();
});
afterAll(async () => await front?.kt.close());

/** How far the hub's resident memory may rise. */
const allowedBytes = 64 * 1024 * 1024;

/** Starts a 2 GB download, reads its head and then nothing more; resolves once it has really come to a halt. */
async function unreadDownload(): Promise<RawClient> {
  const client = await RawClient.open(front.http);
  client.write("GET /bytes?n=2000000000 HTTP/1.1\r\nHost: web.localhost\r\n\r\n");
  await client.readUntil("\r\n\r\n");
  client.pause();
  client.clear();
  return client;
}

async function hundredRequests(): Promise<void> {
  for (let batch = 0; batch < 25; batch++) {
    const responses = await Promise.all(Array.from({ length: 4 }, () => front.kt.fetch("web.localhost", "/")));
    for (const response of responses) {
      expect(response.status).toBe(200);
      expect(await response.text()).toContain("pod=web-");
    }
  }
}

/** Bytes from pods so far, as the hub's own sockets show it: constant means that everything stands still. */
async function halted(): Promise<void> {
  let last = -1;
  await eventually("the downloads to halt", async () => {
    const now = residentBytes(front.kt.pid);
    const still = Math.abs(now - last) < 256 * 1024;
    last = now;
    return still;
  });
}

test.each([1, 8])("%d unread downloads", async (count) => {
  await hundredRequests();
  const before = residentBytes(front.kt.pid);
  const downloads = await Promise.all(Array.from({ length: count }, unreadDownload));
  await halted();
  await within(15_000, "100 requests beside unread downloads", hundredRequests());
  expect(residentBytes(front.kt.pid) - before).toBeLessThan(allowedBytes);
  for (const download of downloads) expect(download.closed).toBe(false);
  for (const download of downloads) download.abort();
  await hundredRequests();
});

test("an upload that the backend does not read blocks no other client", async () => {
  const before = residentBytes(front.kt.pid);
  const upload = await RawClient.open(front.http);
  upload.write("POST /slow?d=20s HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: 1000000000\r\n\r\n");
  const block = new Uint8Array(1_000_000);
  for (let count = 0; count < 200; count++) upload.write(block);
  await halted();
  await within(15_000, "100 requests beside a stalled upload", hundredRequests());
  expect(residentBytes(front.kt.pid) - before).toBeLessThan(allowedBytes);
  upload.abort();
});

/** Longer than any ping may go unanswered. */
const longStallMs = 25_000;

test("a download that is read on after a long stall, and an upload that the backend reads late, are not cut", async () => {
  const download = await RawClient.open(front.http);
  download.write("GET /bytes?n=100000000 HTTP/1.1\r\nHost: api.localhost\r\nConnection: close\r\n\r\n");
  await download.readUntil("\r\n\r\n");
  download.pause();
  const upload = await RawClient.open(front.web);
  upload.write("POST /sink?wait=25s HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: 100000000\r\nConnection: close\r\n\r\n");
  for (let count = 0; count < 100; count++) upload.write(new Uint8Array(1_000_000));
  await sleep(longStallMs); // the stall that is asked for
  download.resume();
  await download.readToEnd();
  expect(download.receivedBytes).toBeGreaterThan(100_000_000);
  expect(await upload.readToEnd()).toEndWith("\r\n\r\n100000000\n");
  upload.abort();
});

test.concurrent.each([8, 16])("%d MB to a backend that reads nothing for 25 s wait for it", async (size) => {
  const body = new Uint8Array(size * 1_000_000);
  const response = await front.kt.fetch("web.localhost", "/slow?d=25s", { method: "POST", body });
  expect(response.status).toBe(200);
});
