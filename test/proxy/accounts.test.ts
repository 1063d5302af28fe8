/** The same traffic through every door is accounted for in the same way: connections, requests, and bytes of bodies or of streams. */

import { serviceTarget } from "#test/support/service-target.ts";
import { serve } from "bun";
import { afterAll, expect, test } from "bun:test";
import fc from "fast-check";
import { systemClock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { splice } from "#net/splice.ts";
import { connectTcp, type Listener, listenTcp } from "#net/tcp.ts";
import { tlsClient } from "#net/tls.ts";
import { CounterTable } from "#observe/counters.ts";
import type { KtEvent, RequestEvent } from "#observe/events.ts";
import { RequestLog } from "#observe/request-log.ts";
import { FrontDoor } from "#proxy/front-door.ts";
import { TcpDoor } from "#proxy/tcp-door.ts";
import { RouteTable } from "#route/table.ts";
import type { Target } from "#route/target.ts";
import { nameOf } from "#test/support/service-target.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { ask, connectClient } from "#test/support/h2-peers.ts";
import { Recorder } from "#test/support/recorder.ts";
import { eventually } from "#test/support/wait.ts";
import { usualRetry } from "#test/support/retry.ts";

const never = new AbortController().signal;

/** One request of a client, and the size of what it is answered. */
interface Exchange {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly isChunked: boolean;
}

/** What a client does on one connection. */
type Talk = readonly Exchange[];

/** Answers as long as it is asked to, once it has read the request. */
async function answer(request: Request): Promise<Response> {
  await request.arrayBuffer();
  const body = Buffer.alloc(Number(request.headers.get("x-size")), "x");
  if (!request.headers.has("x-chunked")) return new Response(body);
  let at = 0;
  // What is pulled later has no length that could be announced.
  const stream = new ReadableStream<Uint8Array>({
    async pull(into) {
      await Promise.resolve();
      if (at < body.length) into.enqueue(body.subarray(at, at + 1000));
      else into.close();
      at += 1000;
    },
  });
  return new Response(stream);
}

/** Agrees to any other protocol, and sends back what it is sent in that. */
function upgrade(conn: Conn): void {
  const asked = new Recorder(conn);
  void asked.untilText("\r\n\r\n").then(() => {
    asked.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    conn.start({ onData: (bytes) => void conn.write(bytes), onEnd: () => conn.end(), onDrain() {}, onClose() {} });
  });
}

const { key, cert } = selfSigned("tls.localhost", Date.now());
const common = { port: 0, hostname: "127.0.0.1", fetch: answer };
const servers = { web: serve(common), tls: serve({ ...common, tls: { key, cert } }) };
const upgrader = listenTcp({ host: "127.0.0.1", port: 0, accept: upgrade });
/** Bytes of the streams to the backends. */
const wire = {
  sent: 0,
  received: 0,
  add(direction: "sent" | "received", bytes: number): void {
    wire[direction] += bytes;
  },
};
const taps = new Map<string, Listener>();

/** Passes a connection on to a server, and counts what it carries. */
async function tap(conn: Conn, port: number): Promise<void> {
  splice(conn, await connectTcp({ host: "127.0.0.1", port, signal: never }), wire, () => {});
}

for (const [name, { port }] of [...Object.entries(servers), ["upgrader", upgrader] as const])
  taps.set(name, listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => void tap(conn, port ?? 0) }));
afterAll(async () => {
  for (const listener of [...taps.values(), upgrader]) listener.close();
  for (const server of Object.values(servers)) await server.stop(true);
});

const target = (name: string): Target => serviceTarget(name, 80, "n");

function open() {
  const counters = new CounterTable();
  const events: KtEvent[] = [];
  const requests = new RequestLog(systemClock);
  const dial = async (to: Target) => {
    const port = taps.get(nameOf(to))?.port;
    if (port === undefined) throw new KtError("no-ready-pod", "no pod is ready");
    const conn = await connectTcp({ host: "127.0.0.1", port, signal: never });
    return { conn, pod: "pod-0", usable: () => true, park() {}, unpark() {} };
  };
  const context = {
    dialer: { dial },
    counters,
    requests,
    retryOf: usualRetry,
    clock: systemClock,
    log: silentLog,
    report: (event: KtEvent) => void events.push(event),
  };
  const [front, tcp] = [new FrontDoor(context), new TcpDoor(context)];
  const entries = ["web", "tls", "upgrader", "gone"].map((name) => {
    const host = `${name}.localhost`;
    return { profile: "p", route: host, host, target: target(name), scheme: "http" as const };
  });
  const table = RouteTable.build({ static: entries, patterns: [], dynamic: [], origins: [] });
  const address = { host: "127.0.0.1", port: 0 };
  const ports = {
    front: front.listen(address, table).port,
    tcp: tcp.listen(address, { profile: "p", route: "5432", target: target("web") }).port,
    gone: tcp.listen(address, { profile: "p", route: "5433", target: target("gone") }).port,
  };
  const close = async () => void (await Promise.all([front.drain(0), tcp.drain(0)]));
  return { counters, events, requests, ports, close };
}

type Doors = ReturnType<typeof open>;

const connect = async (port: number): Promise<Conn> => await connectTcp({ host: "127.0.0.1", port, signal: never });

const path = "/a/b";

/** Asks over one connection, one request after the other. */
async function talkHttp1(conn: Conn, host: string, talk: Talk): Promise<void> {
  const client = new Recorder(conn);
  let answers = 0;
  for (const { sentBytes, receivedBytes, isChunked } of talk) {
    const head = `POST ${path}?secret=1 HTTP/1.1\r\nHost: ${host}\r\nX-Size: ${receivedBytes}\r\n${isChunked ? "X-Chunked: 1\r\n" : ""}`;
    const body = "y".repeat(sentBytes);
    const chunk = sentBytes === 0 ? "" : `${sentBytes.toString(16)};ext=1\r\n${body}\r\n`;
    client.write(
      isChunked ? `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n` : `${head}Content-Length: ${sentBytes}\r\n\r\n${body}`,
    );
    answers += 1;
    await client.until(() => wholeAnswers(client.text()) === answers);
  }
  conn.end();
  await client.untilClosed();
}

/** How many answers are whole. */
function wholeAnswers(text: string): number {
  let count = 0;
  for (let rest = text; rest !== ""; count += 1) {
    const head = rest.indexOf("\r\n\r\n") + 4;
    const length = /content-length: *(\d+)/i.exec(rest.slice(0, head))?.[1];
    const end = length === undefined ? rest.indexOf("0\r\n\r\n", head - 2) + 5 : head + Number(length);
    if (head < 4 || end < 5 || rest.length < end) return count;
    rest = rest.slice(end);
  }
  return count;
}

async function talkHttp2(port: number, talk: Talk): Promise<void> {
  const session = connectClient({ port });
  for (const { sentBytes, receivedBytes, isChunked } of talk) {
    const headers = {
      ":method": "POST",
      ":path": `${path}?secret=1`,
      "x-size": String(receivedBytes),
      ...(isChunked ? { "x-chunked": "1" } : {}),
    };
    const { body } = await ask(session, "web.localhost", headers, Buffer.alloc(sentBytes, "y"));
    expect(body.length).toBe(receivedBytes);
  }
  await new Promise<void>((resolve) => session.close(resolve));
}

/** Each door: the route that it leads to, one connection to it, and whether it sees requests. */
const doors = {
  "HTTP/1": {
    route: "web.localhost",
    seesRequests: true,
    talk: async ({ ports }: Doors, talk: Talk) => await talkHttp1(await connect(ports.front), "web.localhost", talk),
  },
  "HTTP/2": {
    route: "web.localhost",
    seesRequests: true,
    talk: async ({ ports }: Doors, talk: Talk) => await talkHttp2(ports.front, talk),
  },
  "TLS that is passed through": {
    route: "tls.localhost",
    seesRequests: false,
    async talk({ ports }: Doors, talk: Talk) {
      const session = await tlsClient(await connect(ports.front), { serverName: "tls.localhost", insecure: true });
      await talkHttp1(session.conn, "tls.localhost", talk);
    },
  },
  TCP: {
    route: "5432",
    seesRequests: false,
    talk: async ({ ports }: Doors, talk: Talk) => await talkHttp1(await connect(ports.tcp), "web.localhost", talk),
  },
};

const total = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0);
const ofType = <Type extends KtEvent["type"]>(events: readonly KtEvent[], type: Type) =>
  events.filter((event): event is Extract<KtEvent, { type: Type }> => event.type === type);

const size = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1000, max: 30_000 }));
const exchange = fc.record({ sentBytes: size, receivedBytes: size, isChunked: fc.boolean() });
const talks = fc.array(fc.array(exchange, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });

test.each(Object.entries(doors))(
  "each connection, request and byte through %s is counted once",
  async (_, { route, seesRequests, talk }) => {
    await fc.assert(
      fc.asyncProperty(talks, async (clients) => {
        const at = open();
        wire.sent = wire.received = 0;
        await Promise.all(clients.map((each) => talk(at, each)));
        const counters = at.counters.of("p", route);
        await eventually("the connections to end", () => counters.openConnections === 0);
        const all = clients.flat();
        const bodies = {
          sent: total(all.map(({ sentBytes }) => sentBytes)),
          received: total(all.map(({ receivedBytes }) => receivedBytes)),
        };
        const bytes = seesRequests ? bodies : { sent: wire.sent, received: wire.received };
        expect({
          connections: counters.totalConnections,
          requests: counters.requests,
          sent: counters.sentBytes,
          received: counters.receivedBytes,
        }).toEqual({ connections: clients.length, requests: seesRequests ? all.length : 0, ...bytes });
        const answered = seesRequests ? all.length : 0;
        expect([counters.responses?.[2] ?? 0, counters.durations?.count ?? 0, counters.firstBytes?.count ?? 0]).toEqual([
          answered,
          answered,
          answered,
        ]);
        expect(counters.firstBytes?.sumMs ?? 0).toBeLessThanOrEqual(counters.durations?.sumMs ?? 0);
        expect(ofType(at.events, "connection-opened").length).toBe(clients.length);
        const closed = ofType(at.events, "connection-closed");
        expect([
          closed.length,
          total(closed.map(({ sentBytes }) => sentBytes)),
          total(closed.map(({ receivedBytes }) => receivedBytes)),
        ]).toEqual([clients.length, bytes.sent, bytes.received]);
        const requests = at.requests.entries().map(({ event }) => event as RequestEvent);
        expect(sorted(requests)).toEqual(sorted(seesRequests ? all.map((each) => ({ ...each, method: "POST", path, status: 200 })) : []));
        await at.close();
      }),
      { numRuns: 15 },
    );
  },
);

/** As text, for they end in any order. */
function sorted(requests: readonly Pick<RequestEvent, "method" | "path" | "status" | "sentBytes" | "receivedBytes">[]): string[] {
  return requests
    .map(({ method, path: asked, status, sentBytes, receivedBytes }) => `${method} ${asked} ${status} ${sentBytes} ${receivedBytes}`)
    .sort();
}

test("a connection that asks for two routes is one of each, and one that is refused is one too", async () => {
  const at = open();
  const client = new Recorder(await connect(at.ports.front));
  for (const host of ["web.localhost", "gone.localhost", "web.localhost"]) {
    const before = client.length;
    client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nX-Size: 3\r\n\r\n`);
    const end = host === "web.localhost" ? /xxx$/ : /no pod is ready/;
    await client.until(() => client.length > before && end.test(client.text()));
  }
  const session = connectClient({ port: at.ports.front });
  await ask(session, "gone.localhost");
  const tcp = new Recorder(await connect(at.ports.gone));
  tcp.write("GET / HTTP/1.1\r\nHost: gone\r\n\r\n");
  await tcp.untilText("no pod is ready");
  for (const { conn } of [client, tcp]) conn.end();
  await new Promise<void>((resolve) => session.close(resolve));
  const accountOf = (route: string) => {
    const { openConnections, totalConnections, failures, requests, receivedBytes, responses } = at.counters.of("p", route);
    return { openConnections, totalConnections, failures, requests, receivedBytes, responses: [...(responses ?? [])] };
  };
  await eventually("all to end", () =>
    ["web.localhost", "gone.localhost", "5433"].every((route) => accountOf(route).openConnections === 0),
  );
  expect(accountOf("web.localhost")).toMatchObject({
    totalConnections: 1,
    failures: 0,
    requests: 2,
    receivedBytes: 6,
    responses: [0, 0, 2, 0, 0, 0],
  });
  expect(accountOf("gone.localhost")).toMatchObject({
    totalConnections: 2,
    failures: 2,
    requests: 2,
    receivedBytes: 0,
    responses: [0, 0, 0, 0, 0, 2],
  });
  expect(accountOf("5433")).toMatchObject({ totalConnections: 1, failures: 1, requests: 0, receivedBytes: 0, responses: [] });
  await at.close();
});

test("a WebSocket is one request, and its bytes are those of a stream", async () => {
  const at = open();
  const client = new Recorder(await connect(at.ports.front));
  client.write("GET / HTTP/1.1\r\nHost: upgrader.localhost\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
  await client.untilText("\r\n\r\n");
  client.write("hello");
  await client.untilText("hello");
  client.conn.end();
  const counters = at.counters.of("p", "upgrader.localhost");
  await eventually("the connection to end", () => counters.openConnections === 0);
  expect(counters).toMatchObject({ totalConnections: 1, requests: 1, sentBytes: 5, receivedBytes: 5 });
  expect(at.requests.entries()[0]?.event).toMatchObject({ status: 101, protocol: "HTTP/1.1" });
  await at.close();
});
