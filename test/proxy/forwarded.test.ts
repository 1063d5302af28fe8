/** What the backend of an HTTP/1 route learns about its client. */

import { expect, test } from "bun:test";
import type { PodServer } from "#test/support/fake-cluster.ts";
import { onRequest, PodFront, requestText, say, webRoute } from "#test/support/pod-front.ts";

/** Sends back what it was sent. */
const mirror: PodServer = onRequest((connection, request) => {
  say(connection, `HTTP/1.1 200 OK\r\nContent-Length: ${request.length}\r\n\r\n${request}`);
});

const silent = { ...webRoute, manner: { forwarded: false, schemeGiven: false } };
const claims = "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=10.0.0.1\r\n";

test("is said in X-Forwarded fields", async () => {
  const answer = await new PodFront(mirror).answer(requestText("GET", "", claims));
  expect(answer).toContain("X-Forwarded-Host: web.localhost\r\nX-Forwarded-Proto: http\r\n");
});

test("is nothing where the route says so", async () => {
  expect((await new PodFront(mirror, silent).answer(requestText())).toLowerCase()).not.toContain("forwarded");
});

test("is what the client says itself, where the route says so", async () => {
  const answer = await new PodFront(mirror, silent).answer(requestText("GET", "", claims));
  expect(answer).toContain(claims);
  expect(answer.toLowerCase().match(/x-forwarded/g)).toHaveLength(2);
});

test("is nothing with an upgrade either", async () => {
  const answer = await new PodFront(mirror, silent).answer(requestText("GET", "", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  expect(answer).toContain("Upgrade: websocket\r\n");
  expect(answer.toLowerCase()).not.toContain("forwarded");
});
