/** TCP routes: bytes both ways, either side ending first, and servers that speak first. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { goClient } from "#test/support/client.ts";
import { type Front, startFront } from "#test/support/front.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { within } from "#test/support/wait.ts";

let front: Front;
beforeAll(async () => {
  front = await startFront();
});
afterAll(async () => await front?.kt.close());

describe("bytes", () => {
  test.each(["127.0.0.1", "::1"])("echo through %s", async (address) => {
    const client = await RawClient.open(front.echo, address);
    client.write("hello\n");
    expect(await client.readUntil("\n")).toBe("hello\n");
    client.end();
    expect(await client.readToEnd()).toBe("hello\n");
  });

  test("ten megabytes come back as they went", async () => {
    const sent = crypto.getRandomValues(new Uint8Array(50_000));
    const client = await RawClient.open(front.echo);
    for (let count = 0; count < 200; count++) client.write(sent);
    await client.received(10_000_000);
    client.abort();
    const received = client.bytes();
    expect(received.length).toBe(10_000_000);
    for (let at = 0; at < received.length; at += sent.length) expect(Buffer.compare(received.subarray(at, at + sent.length), sent)).toBe(0);
  });

  test("a server that speaks first", async () => {
    const client = await RawClient.open(front.greet);
    expect(await client.readUntil("\r\n")).toMatch(/^220 web-\S+ ready\r\n$/);
    client.abort();
  });
});

describe("half-close", () => {
  /** A request after which the client shuts its half. */
  async function askAndEnd(path: string): Promise<RawClient> {
    const client = await RawClient.open(front.web);
    client.write(`GET ${path} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n`);
    client.end();
    await client.readToEnd();
    return client;
  }

  test("the client ends first and still gets the whole of a long answer", async () => {
    const client = await askAndEnd("/bytes?n=300000000");
    expect(client.receivedBytes).toBeGreaterThan(300_000_000);
  });

  test("the client ends first and still gets an answer that takes its time", async () => {
    expect((await askAndEnd("/slow?d=3s")).text()).toEndWith("slept 3s\n");
  });

  /**
   * Container runtimes (containerd, CRI-O) do not pass the end of one direction on to the pod: they close both a second later.
   * So a server that answers only after the end of its input cannot be heard through any port-forward; it must not hang either.
   */
  test("a server that waits for the end of its input: the connection ends", async () => {
    const client = await RawClient.open(front.sum);
    client.write("some input");
    client.end();
    await within(15_000, "the connection to end", client.readToEnd());
  });

  test("the server ends first and the client gets every byte", async () => {
    expect(await goClient("pull", front.push)).toMatchObject({ equal: true, bytes: 8 << 20 });
  });

  test("the server has ended and still takes what the client sends", async () => {
    const client = await RawClient.open(front.push);
    await client.readToEnd();
    expect(client.receivedBytes).toBe(8 << 20);
    expect(client.closed).toBe(false);
    client.write("late");
    client.end();
    await client.whenClosed();
  });
});

describe("an end is passed on", () => {
  test("a connection that the server resets", async () => {
    const client = await RawClient.open(front.reset);
    expect(await client.readToEnd()).toBe("");
  });

  test("a port without a listener", async () => {
    const client = await RawClient.open(front.refused);
    expect(await client.readToEnd()).toBe("");
    await client.whenClosed();
  });
});
