/** The time-outs of requests: what client, pod, counters and log get when one passes, in HTTP/1 and HTTP/2, and that none passes by itself. */

import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { serve } from "bun";
import type { RequestTimeouts } from "#proxy/door/request-timer.ts";
import { listenTcp } from "#net/tcp.ts";
import type { PodConnection } from "#test/support/fake-cluster.ts";
import { settle } from "#test/support/manual-clock.ts";
import { ask, connectClient, readAnswer, startBackend, startFront } from "#test/support/h2-peers.ts";
import { onRequest, PodFront, requestText, say, webRoute } from "#test/support/pod-front.ts";
import { usualRetry } from "#test/support/retry.ts";

const none: RequestTimeouts = { readMs: 0, headerMs: 0, writeMs: 0, grpcMs: 0 };
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

/** A pod that reads requests and lets the test answer; `lost` are the connections that kt ended. */
function silentPod(timeouts: Partial<RequestTimeouts>) {
  const asked: PodConnection[] = [];
  const front = new PodFront(
    onRequest((connection) => asked.push(connection)),
    webRoute,
    usualRetry(),
    { ...none, ...timeouts },
  );
  return { front, asked };
}

const failuresOf = (front: PodFront): number | undefined => front.counters.get("p", "web.localhost")?.failures;

describe("HTTP/1", () => {
  test("header: 504 with words, counted and logged, and the request is not sent again", async () => {
    const { front, asked } = silentPod({ headerMs: 5000 });
    const client = front.client();
    client.write(requestText("GET"));
    await settle();
    await front.clock.advance(4999);
    expect(client.length).toBe(0);
    await front.clock.advance(1);
    expect(client.text()).toStartWith("HTTP/1.1 504 Gateway Timeout\r\n");
    expect(client.text()).toContain("X-Kt-Error: answer-timeout\r\n");
    expect(client.text()).toContain('kt: error: pod "web-1" did not begin to answer within 5 s, as timeouts.header has it\n');
    await front.clock.advance(60_000);
    expect(asked).toHaveLength(1);
    expect(failuresOf(front)).toBe(1);
    expect(front.events.filter(({ type }) => type === "refused")).toHaveLength(1);
    // The client's connection goes on.
    expect(client.closed).toBe(false);
  });

  test("header counts from the end of the request, and not while a client sends", async () => {
    const { front } = silentPod({ headerMs: 1000 });
    const client = front.client();
    client.write("POST / HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: 4\r\n\r\nab");
    await settle();
    await front.clock.advance(5000);
    client.write("cd");
    await settle();
    await front.clock.advance(999);
    expect(client.length).toBe(0);
    await front.clock.advance(1);
    expect(client.text()).toStartWith("HTTP/1.1 504 ");
  });

  test("read: 408, and the client's connection ends", async () => {
    const { front } = silentPod({ readMs: 1500 });
    const client = front.client();
    client.write("POST / HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: 4\r\n\r\nab");
    await settle();
    await front.clock.advance(1500);
    expect(client.text()).toStartWith("HTTP/1.1 408 Request Timeout\r\n");
    expect(client.text()).toContain("the client did not send its whole request within 1500 ms, as timeouts.read has it");
    expect(client.text()).toContain("Connection: close\r\n");
    expect(client.ended).toBe(true);
    expect(failuresOf(front)).toBe(1);
  });

  test("write: a response that has begun is broken off", async () => {
    const { front, asked } = silentPod({ headerMs: 1000, writeMs: 2000 });
    const client = front.client();
    client.write(requestText("GET"));
    await settle();
    say(asked[0] as PodConnection, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    await settle();
    await front.clock.advance(1999);
    expect(client.closed).toBe(false);
    await front.clock.advance(1);
    expect(client.text()).toEndWith("abc");
    expect(client.closed).toBe(true);
    expect(failuresOf(front)).toBe(1);
  });

  test("a request in time leaves no timer, and the next one has its own", async () => {
    const { front, asked } = silentPod({ readMs: 1000, headerMs: 1000, writeMs: 1000 });
    const client = front.client();
    for (let nth = 0; nth < 5; nth++) {
      client.write(requestText("POST", "x=1"));
      await settle();
      await front.clock.advance(900);
      say(asked.at(-1) as PodConnection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      await settle();
      await front.clock.advance(900);
    }
    expect(client.text().match(/200 OK/g)).toHaveLength(5);
    await front.clock.advance(5000);
    expect(client.closed).toBe(false);
    expect(failuresOf(front)).toBe(0);
  });

  test("a WebSocket has none of them once it is one", async () => {
    const { front, asked } = silentPod({ readMs: 1000, headerMs: 1000, writeMs: 1000 });
    const client = front.client();
    client.write(requestText("GET", "", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    await settle();
    say(asked[0] as PodConnection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    await settle();
    await front.clock.advance(60_000);
    say(asked[0] as PodConnection, "still here");
    await settle();
    expect(client.text()).toEndWith("still here");
  });

  test("without any, a pod may take as long as it likes", async () => {
    const { front, asked } = silentPod({});
    const client = front.client();
    client.write(requestText("GET"));
    await settle();
    await front.clock.advance(3_600_000);
    say(asked[0] as PodConnection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    await settle();
    expect(client.text()).toEndWith("ok");
  });
});

/** Short enough to wait for, over real sockets. */
const soonMs = 60;

async function h2Rig(timeouts: Partial<RequestTimeouts>, handle: Parameters<typeof startBackend>[0]) {
  const backend = await startBackend(handle);
  closers.push(() => backend.close());
  const front = startFront({ web: backend.port }, { timeoutsOf: () => ({ ...none, ...timeouts }) });
  closers.push(() => front.close());
  const client = connectClient(front);
  closers.push(() => client.destroy());
  return { front, client };
}

const grpc = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };

describe("HTTP/2, over sockets", () => {
  test("header: 504, and the pod's stream is cancelled", async () => {
    const cancelled = Promise.withResolvers<number>();
    const { front, client } = await h2Rig({ headerMs: soonMs }, (stream) => stream.on("close", () => cancelled.resolve(stream.rstCode)));
    const answer = await ask(client, "web.localhost");
    expect(answer.headers[":status"]).toBe(504);
    expect(answer.headers["x-kt-error"]).toBe("answer-timeout");
    expect(await cancelled.promise).toBe(8);
    expect(front.counters.get("p", "web.localhost")?.failures).toBe(1);
    expect(front.events.filter(({ type }) => type === "refused")).toHaveLength(1);
  });

  test("read: 408", async () => {
    const { client } = await h2Rig({ readMs: soonMs }, () => {});
    const stream = client.request({ ":authority": "web.localhost", ":path": "/", ":method": "POST" }, { endStream: false });
    stream.write("ab");
    const { headers } = await readAnswer(stream);
    expect(headers[":status"]).toBe(408);
    expect(headers["x-kt-error"]).toBe("request-timeout");
  });

  test("write: a response that has begun is reset", async () => {
    const { client } = await h2Rig({ writeMs: soonMs }, (stream) => {
      stream.respond({ ":status": 200 });
      stream.write("abc");
    });
    const { headers, body, rstCode } = await readAnswer(client.request({ ":authority": "web.localhost", ":path": "/" }));
    expect(headers[":status"]).toBe(200);
    expect(body.toString()).toBe("abc");
    expect(rstCode).toBe(2);
  });

  test("grpc: DEADLINE_EXCEEDED before an answer, and in trailers after its beginning; the others are not for it", async () => {
    const { client } = await h2Rig({ grpcMs: 4 * soonMs, readMs: 1, headerMs: 1, writeMs: 1 }, (stream, headers) => {
      if (headers[":path"] !== "/begins") return;
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write("abc");
    });
    const silent = await ask(client, "web.localhost", grpc);
    expect(silent.headers["grpc-status"]).toBe("4");
    expect(silent.headers["grpc-message"]).toBe("the call did not end within 240 ms, as timeouts.grpc has it");
    const begun = await ask(client, "web.localhost", { ...grpc, ":path": "/begins" });
    expect(begun.headers[":status"]).toBe(200);
    expect(begun.trailers?.["grpc-status"]).toBe("4");
  });

  test("header, where the pod has HTTP/1 only: 504", async () => {
    const server = serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => new Promise(() => void request) });
    closers.push(() => void server.stop(true));
    const front = startFront({ web: server.port ?? 0 }, { timeoutsOf: () => ({ ...none, headerMs: 2 * soonMs }) });
    closers.push(() => front.close());
    const client = connectClient(front);
    closers.push(() => client.destroy());
    const { headers } = await ask(client, "web.localhost");
    expect(headers[":status"]).toBe(504);
  });

  test("a pod that takes no connection is waited for as ever: header counts from when it has the request", async () => {
    const accepted = Promise.withResolvers<void>();
    const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: () => accepted.resolve() });
    closers.push(() => listener.close());
    const front = startFront({ web: listener.port }, { timeoutsOf: () => ({ ...none, headerMs: soonMs }) });
    closers.push(() => front.close());
    const client = connectClient(front);
    closers.push(() => client.destroy());
    const stream = client.request({ ":authority": "web.localhost", ":path": "/" });
    await accepted.promise;
    // It is asked whether it speaks HTTP/2 first, which takes it longer than the time-out.
    expect(stream.closed).toBe(false);
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(headers[":status"]).toBe(504);
    stream.close();
  });
});
