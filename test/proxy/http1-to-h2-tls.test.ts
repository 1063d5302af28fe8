/** Clients of HTTP/1 before backends of TLS: HTTP/2 is offered where the route or its service says gRPC, and the backend chooses. */

import { afterEach, expect, test } from "bun:test";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/clock.ts";
import { connectTcp } from "#net/tcp.ts";
import { CounterTable } from "#observe/counters.ts";
import { FrontDoor } from "#proxy/front-door.ts";
import type { Manner } from "#route/lookup.ts";
import { RouteTable } from "#route/table.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { usualRetry } from "#test/support/retry.ts";
import { serviceTarget } from "#test/support/service-target.ts";
import { server as identity } from "#test/vectors/certificates.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Spoken {
  readonly alpn: string;
  readonly scheme: unknown;
  readonly body: string;
}

/** Answers with how it was spoken to. `allowHTTP1`: as many servers do; gRPC's do not. */
async function startServer(allowHTTP1: boolean): Promise<number> {
  const server: Http2SecureServer = createSecureServer({ ...identity, allowHTTP1 });
  server.on("request", async (request, response) => {
    const body = (await Array.fromAsync(request as AsyncIterable<Buffer>)).join("");
    const spoken: Spoken = { alpn: `HTTP/${request.httpVersion}`, scheme: request.headers[":scheme"], body };
    response.end(JSON.stringify(spoken));
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", () => listening.resolve());
  await listening.promise;
  closers.push(() => server.close());
  const address = server.address();
  return address === null || typeof address === "string" ? 0 : address.port;
}

/** The port of a front door before it. */
function openDoor(backend: number, manner: Partial<Manner>, appProtocol?: string): number {
  const dial = async () => {
    const conn = await connectTcp({ host: "127.0.0.1", port: backend, signal: AbortSignal.timeout(5000) });
    return { conn, pod: "a-1", ...(appProtocol !== undefined && { appProtocol }), usable: () => true, park() {}, unpark() {} };
  };
  const counters = new CounterTable();
  const door = new FrontDoor({
    dialer: { dial },
    counters,
    retryOf: usualRetry,
    clock: systemClock,
    log: silentLog,
    report: () => {},
    profiles: () => [],
  });
  closers.push(() => door.drain(0));
  const entry = { profile: "/p", route: "a.localhost", host: "a.localhost", target: serviceTarget("a"), scheme: "https" } as const;
  const table = RouteTable.build({
    static: [{ ...entry, manner: { forwarded: true, schemeGiven: true, ...manner } }],
    patterns: [],
    dynamic: [],
  });
  const listener = door.listen({ host: "127.0.0.1", port: 0 }, table);
  closers.push(() => listener.close());
  return listener.port;
}

async function spoken(port: number): Promise<Spoken> {
  const response = await fetch(`http://127.0.0.1:${port}/x`, { method: "POST", body: "hello", headers: { Host: "a.localhost" } });
  expect(response.status).toBe(200);
  return (await response.json()) as Spoken;
}

test.each<[what: string, manner: Partial<Manner>, appProtocol: string | undefined]>([
  ['protocol = "grpc"', { protocol: "grpc" }, undefined],
  ["appProtocol grpcs", {}, "grpcs"],
])("%s: a server of HTTP/2 alone is reached, request after request", async (_, manner, appProtocol) => {
  const port = openDoor(await startServer(false), manner, appProtocol);
  for (let request = 0; request < 2; request++) expect(await spoken(port)).toEqual({ alpn: "HTTP/2.0", scheme: "https", body: "hello" });
});

test("a server that chooses HTTP/1.1 is spoken to in that, and so is one whose route says nothing", async () => {
  const both = await startServer(true);
  expect((await spoken(openDoor(both, {}))).alpn).toBe("HTTP/1.1");
  expect((await spoken(openDoor(both, { protocol: "http1" }, "grpcs"))).alpn).toBe("HTTP/1.1");
  expect((await spoken(openDoor(both, { protocol: "grpc" }))).alpn).toBe("HTTP/2.0");
});

test("an upgrade goes on a connection of HTTP/1, also where one of HTTP/2 is parked", async () => {
  const both = await startServer(true);
  const port = openDoor(both, { protocol: "grpc" });
  expect((await spoken(port)).alpn).toBe("HTTP/2.0");
  const client = await RawClient.open(port);
  client.write("GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
  await client.readUntil('"HTTP/1.1"');
  client.abort();
});
