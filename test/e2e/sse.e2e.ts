/** Server-sent events arrive one by one, when they are sent. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { eachName, type Front, names, startFront } from "#test/support/front.ts";

let front: Front;
beforeAll(async () => {
  front = await startFront();
});
afterAll(async () => await front?.kt.close());

test.each(eachName(names.http))("by the %s name, each event when it is sent", async (_, host) => {
  const response = await front.kt.fetch(host, "/sse?n=5&interval=100ms");
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const arrivals: number[] = [];
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body as ReadableStream<Uint8Array>) {
    arrivals.push(performance.now());
    text += decoder.decode(bytes, { stream: true });
  }
  const numbers = [...text.matchAll(/^data: event (\d)/gm)].map((match) => match[1]);
  expect(numbers).toEqual(["0", "1", "2", "3", "4"]);
  expect(arrivals.length).toBeGreaterThanOrEqual(5);
  // Buffered to the end they would arrive together; 400 ms lie between the first and the last.
  expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(300);
});

test("a client that leaves ends the backend's stream", async () => {
  const controller = new AbortController();
  const response = await front.kt.fetch("web.localhost", "/sse?n=0&interval=10ms", { signal: controller.signal });
  const reader = response.body?.getReader();
  expect((await reader?.read())?.done).toBe(false);
  controller.abort();
  expect((await front.kt.fetch("web.localhost", "/")).status).toBe(200);
});
