/** One failing connection harms no other: refused ports, resets and aborts beside 20 requests in flight. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { goClient } from "#test/support/client.ts";
import { type Front, startFront } from "#test/support/front.ts";
import { RawClient } from "#test/support/raw-client.ts";

let front: Front;
beforeAll(async () => {
  front = await startFront();
});
afterAll(async () => await front?.kt.close());

/** 20 event streams of 2 s each, already flowing; resolves to their texts. */
async function twentyInFlight(): Promise<() => Promise<string[]>> {
  const responses = await Promise.all(Array.from({ length: 20 }, () => front.kt.fetch("web.localhost", "/sse?n=20&interval=100ms")));
  for (const response of responses) expect(response.status).toBe(200);
  return async () => await Promise.all(responses.map((response) => response.text()));
}

/** Runs the failure beside the 20, then holds all of them to their full length and asks once more. */
async function harmsNobody(failure: () => Promise<void>): Promise<void> {
  const texts = await twentyInFlight();
  await failure();
  const next = await front.kt.fetch("web.localhost", "/");
  expect(next.status).toBe(200);
  for (const text of await texts()) expect(text.match(/^data: event/gm)?.length).toBe(20);
}

describe("beside 20 requests in flight", () => {
  test("a refused port over HTTP is a readable 502", async () => {
    await harmsNobody(async () => {
      const response = await front.kt.fetch("refused.localhost", "/", { headers: { Accept: "application/json" } });
      expect(response.status).toBe(502);
      expect(response.headers.get("x-kt-error")).toBe("port-refused");
      expect(await response.text()).toContain("7999");
    });
  });

  test("a refused port over TCP closes that connection", async () => {
    await harmsNobody(async () => {
      const client = await RawClient.open(front.refused);
      expect(await client.readToEnd()).toBe("");
    });
  });

  test("a reset by the backend in mid-body cuts that response and no other", async () => {
    await harmsNobody(async () => {
      const client = await RawClient.open(front.http);
      client.write("GET /reset?n=1000 HTTP/1.1\r\nHost: web.localhost\r\n\r\n");
      const text = await client.readToEnd();
      expect(text).toContain("Content-Length: 1000000");
      expect(client.receivedBytes).toBeLessThan(10_000);
      await client.whenClosed();
    });
  });

  test("a backend that resets before it answers is a readable 502", async () => {
    await harmsNobody(async () => {
      const client = await RawClient.open(front.reset);
      client.write("hello");
      await client.whenClosed();
    });
  });

  test("a client that resets in mid-body", async () => {
    await harmsNobody(async () => {
      expect(await goClient<{ read: number }>("rst", front.http, "-host", "web.localhost", "-n", "3000000")).toEqual({ read: 3_000_000 });
    });
  });

  test("a client that resets in mid-upload", async () => {
    await harmsNobody(async () => {
      const client = await RawClient.open(front.http);
      client.write("POST /sink HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: 1000000\r\n\r\nhalf");
      await client.drained();
      client.abort();
    });
  });
});

describe("what stands in the way is said", () => {
  test.each([
    ["none.localhost", 502, "service-not-found", '"none"'],
    ["noport.localhost", 502, "port-not-found", '"nosuch"'],
    ["external.localhost", 502, "service-external", "external"],
    ["zero.localhost", 503, "no-ready-pod", "zero"],
    ["crash.localhost", 503, "no-ready-pod", "CrashLoopBackOff"],
    ["unpullable.localhost", 503, "no-ready-pod", "Image"],
    ["nowhere.localhost", 404, "host-unknown", "nowhere.localhost"],
  ])("%s: %d %s", async (host, status, code, words) => {
    const response = await front.kt.fetch(host, "/", { headers: { Accept: "application/json" } });
    const body = (await response.json()) as { error: { code: string; message: string } };
    expect([response.status, body.error.code]).toEqual([status, code]);
    expect(body.error.message).toContain(words);
    expect(response.headers.has("retry-after")).toBe(status === 503);
  });

  test("HTML for a browser, plain text for curl", async () => {
    const html = await front.kt.fetch("zero.localhost", "/", { headers: { Accept: "text/html,*/*;q=0.8" } });
    expect(html.headers.get("content-type")).toStartWith("text/html");
    expect(await html.text()).toContain("<h1>");
    const plain = await front.kt.fetch("zero.localhost", "/", { headers: { Accept: "*/*" } });
    expect(plain.headers.get("content-type")).toStartWith("text/plain");
    expect(await plain.text()).toStartWith("kt: error: ");
  });
});
