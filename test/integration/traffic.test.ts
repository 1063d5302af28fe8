/** Traffic through a real hub and the embedded API: cold starts, many at once, readers that stall, halves that close, ports that refuse. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { RawClient } from "#test/support/raw-client.ts";
import { Rig } from "./rig.ts";
import { bigBytes } from "./test-pod.ts";

const ways = { both: [], "SPDY only": ["websocket"], "WebSocket only": ["spdy"] } as const;

describe.each(Object.entries(ways))("an API server that knows %s", (_name, withoutWays) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.start({ api: { withoutWays } });
    rig.startPod("web-1");
  });
  afterAll(async () => await rig.close());

  test("is asked nothing before a client connects, and then answers through a cold tunnel", async () => {
    const cold = await Rig.start({ api: { withoutWays } });
    cold.startPod("web-1");
    expect(cold.api.requests).toEqual([]);
    expect(await cold.ask()).toEqual({ status: 200, text: "web-1" });
    expect(cold.api.openForwards).toBeGreaterThan(0);
    await cold.close();
  });

  test("carries 200 new connections at once", async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => rig.fetch("/", { headers: { Connection: "close" } })));
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    expect(texts.filter((text) => text !== "web-1")).toEqual([]);
  });

  test("carries an upload and a download whole", async () => {
    const upload = await rig.fetch("/upload", { method: "POST", body: new Uint8Array(8 << 20) });
    expect(await upload.text()).toBe(String(8 << 20));
    const download = await rig.fetch("/big");
    expect((await download.arrayBuffer()).byteLength).toBe(bigBytes);
  });

  test("lets no client wait for downloads that are not read", async () => {
    const stalled = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const client = await RawClient.open(rig.httpPort);
        client.write("GET /big HTTP/1.1\r\nHost: web.localhost\r\n\r\n");
        await client.received(1);
        client.pause();
        return client;
      }),
    );
    for (let round = 0; round < 50; round++) expect((await rig.ask()).text).toBe("web-1");
    for (const client of stalled) client.abort();
  });

  test("passes a TCP connection both ways", async () => {
    const client = await RawClient.open(rig.tcpPort("echo"));
    client.write("hello");
    await client.readUntil("hello");
    client.end();
    expect(await client.readToEnd()).toBe("hello");
  });

  test("brings the whole answer to a client that has shut its half", async () => {
    const client = await RawClient.open(rig.tcpPort("late"));
    client.write("hello");
    client.end();
    expect(await client.readToEnd()).toBe("you said hello");
  });

  test("brings every byte when the pod ends first", async () => {
    const client = await RawClient.open(rig.tcpPort("ending"));
    await client.readToEnd();
    expect(client.receivedBytes).toBe(1 << 20);
    client.end();
    await client.whenClosed();
  });

  test("ends a connection to a port that refuses, or resets, and no other", async () => {
    const other = await RawClient.open(rig.tcpPort("echo"));
    other.write("a");
    await other.readUntil("a");
    for (const name of ["refused", "resetting"] as const) {
      const client = await RawClient.open(rig.tcpPort(name));
      await client.whenClosed();
      expect(client.receivedBytes).toBe(0);
    }
    other.write("b");
    await other.readUntil("ab");
    other.abort();
  });

  test("survives clients that leave in the middle", async () => {
    for (let round = 0; round < 5; round++) {
      const client = await RawClient.open(rig.httpPort);
      client.write("GET /big HTTP/1.1\r\nHost: web.localhost\r\n\r\n");
      await client.received(100_000);
      client.abort();
    }
    expect((await rig.ask()).text).toBe("web-1");
  });
});
