/** WebSockets through the front door: text, binary, large and quiet ones. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { eachName, type Front, names, startFront } from "#test/support/front.ts";
import { openWebSocket } from "#test/support/web-socket.ts";

let front: Front;
beforeAll(async () => {
  front = await startFront();
});
afterAll(async () => await front?.kt.close());

test.each(eachName(names.http))("echo by the %s name", async (_, host) => {
  const socket = await openWebSocket(front.http, host, "/ws");
  expect(await socket.ask("hello")).toBe("hello");
  const large = "x".repeat(1_000_000);
  expect(await socket.ask(large)).toBe(large);
  expect(await socket.close()).toBe(1000);
});

test("many messages both ways at once arrive in order", async () => {
  const socket = await openWebSocket(front.http, "web.localhost", "/ws");
  const sent = Array.from({ length: 1000 }, (_, at) => `message ${at}`);
  for (const message of sent) socket.send(message);
  const received: string[] = [];
  while (received.length < sent.length) received.push(await socket.next());
  expect(received).toEqual(sent);
  await socket.close();
});

test("fifty sockets beside each other", async () => {
  const sockets = await Promise.all(Array.from({ length: 50 }, () => openWebSocket(front.http, "web.localhost", "/ws")));
  const answers = await Promise.all(sockets.map((socket, at) => socket.ask(`socket ${at}`)));
  expect(answers).toEqual(sockets.map((_, at) => `socket ${at}`));
  await Promise.all(sockets.map((socket) => socket.close()));
});
