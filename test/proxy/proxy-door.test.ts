/** Proxy doors over real sockets: SOCKS5, CONNECT and whole URLs on one port, to backends of memory, and what is refused in which words. */

import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { memoryPair } from "#base/memory-conn.ts";
import { serveHttp } from "#http/server.ts";
import { connectTcp } from "#net/tcp.ts";
import { tlsClient } from "#net/tls.ts";
import { CounterTable } from "#observe/counters.ts";
import type { KtEvent } from "#observe/events.ts";
import { ProxyDoor } from "#proxy/clients/proxy-door.ts";
import type { Link } from "#proxy/door/dialer.ts";
import type { Lookup } from "#route/lookup.ts";
import { AllowedOrigins } from "#route/origins.ts";
import { type Destination, formatTarget } from "#route/target.ts";
import { Recorder } from "#test/support/recorder.ts";
import { usualRetry } from "#test/support/retry.ts";
import { serviceTarget } from "#test/support/service-target.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

type Backend = (conn: Conn) => void;

/** Sends back what it gets, and ends when its client has. */
const echo: Backend = (conn) =>
  conn.start({
    onData: (bytes) => void conn.write(bytes),
    onEnd: () => conn.end(),
    onDrain() {},
    onClose() {},
  });

/** Answers with what it was asked. */
const web: Backend = (conn) =>
  serveHttp(conn, ({ head }) => ({
    kind: "whole",
    status: 200,
    headers: [["Content-Type", "text/plain"]],
    body: Buffer.from(JSON.stringify({ target: head.target, host: head.host, headers: head.headers })),
  }));

function linkTo(backend: Backend): Link {
  const [conn, far] = memoryPair();
  backend(far);
  return { conn, pod: "web-0", usable: () => true, park() {}, unpark() {} };
}

const manner = { forwarded: false, schemeGiven: true };

/** One namespace, "shop", and everything else outside. */
function lookup(authority: string): Lookup {
  const [host = "", port = "80"] = authority.split(":");
  const [service = ""] = host.split(".");
  if (host.endsWith(".shop"))
    return {
      kind: "found",
      profile: "p",
      route: `${host}:${port}`,
      via: "dynamic",
      target: serviceTarget(service, Number(port)),
      scheme: "http",
      manner,
    };
  if (host === "web.example.com") {
    const target = {
      kind: "proxied" as const,
      cluster: { profile: "p", context: undefined },
      profiles: ["p"],
      host,
      port: Number(port),
      direct: true,
    };
    return { kind: "found", profile: "p", route: authority, via: "dynamic", target, scheme: "http", manner };
  }
  return { kind: "refused", host, reason: `"${host}" is not reached`, hint: "it reaches SERVICE.shop" };
}

interface Opened {
  readonly port: number;
  readonly events: KtEvent[];
  readonly counters: CounterTable;
  readonly dialled: string[];
  client(): Promise<Recorder>;
}

function open(backends: Readonly<Record<string, Backend | KtError>> = {}, origins: readonly string[] = []): Opened {
  const events: KtEvent[] = [];
  const dialled: string[] = [];
  const counters = new CounterTable();
  const dial = async (target: Destination): Promise<Link> => {
    const name = formatTarget(target);
    dialled.push(name);
    const backend = backends[name];
    if (backend === undefined || backend instanceof KtError) throw backend ?? new KtError("service-not-found", `no ${name}`);
    return linkTo(backend);
  };
  const names = { lookup, allowedOrigins: () => new AllowedOrigins(origins) };
  const report = (event: KtEvent): void => void events.push(event);
  const door = new ProxyDoor({ dialer: { dial }, counters, retryOf: usualRetry, clock: systemClock, log: silentLog, report }, () => names);
  const { port } = door.listen({ host: "127.0.0.1", port: 0 }, ["p"]);
  closers.push(() => void door.drain(0));
  const client = async (): Promise<Recorder> => {
    const recorder = new Recorder(await connectTcp({ host: "127.0.0.1", port, signal: new AbortController().signal }));
    closers.push(() => recorder.conn.abort());
    return recorder;
  };
  return { port, events, counters, dialled, client };
}

const socks = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes);
const greeting = socks(5, 1, 0);
const connectTo = (name: string, port: number, command = 1): Uint8Array =>
  socks(5, command, 0, 3, name.length, ...Buffer.from(name), port >> 8, port & 255);

async function socksReply(client: Recorder, request: Uint8Array): Promise<number | undefined> {
  client.conn.write(greeting);
  client.conn.write(request);
  await client.until(() => client.length >= 12 || client.closed || client.ended);
  expect([...client.bytes().subarray(0, 2)]).toEqual([5, 0]);
  return client.bytes()[3];
}

const refusals = (events: readonly KtEvent[]): string[] =>
  events.flatMap((event) => (event.type === "refused" ? [`${event.name}: ${event.problem.message}`] : []));

describe("SOCKS5", () => {
  test("carries bytes both ways after its answer, those that came with the request first", async () => {
    const { client, counters, events } = open({ "shop/svc/echo:7": echo });
    const one = await client();
    const request = Buffer.concat([greeting, connectTo("echo.shop", 7), Buffer.from("early, ")]);
    // Each byte by itself: a client may be as slow as it likes.
    for (const byte of request) one.conn.write(Uint8Array.of(byte));
    await one.untilText("early, ");
    one.write("late");
    await one.untilText("late");
    one.conn.end();
    await one.untilEnd();
    expect(one.text().slice(12)).toBe("early, late");
    expect(counters.of("p", "echo.shop:7")).toMatchObject({ totalConnections: 1, sentBytes: 11, receivedBytes: 11 });
    expect(refusals(events)).toEqual([]);
  });

  test.each([
    ["a name that is not reached", connectTo("example.com", 443), 2, 'example.com:443: "example.com" is not reached'],
    ["BIND", connectTo("echo.shop", 7, 2), 7, "echo.shop: SOCKS BIND is not supported"],
    ["UDP ASSOCIATE", connectTo("0.0.0.0", 0, 3), 7, "0.0.0.0: SOCKS UDP ASSOCIATE is not supported"],
    ["an unknown type of address", socks(5, 1, 0, 9, 1, 2, 3), 8, ": the SOCKS client asks for an address of an unknown type"],
    ["a service that is not there", connectTo("none.shop", 80), 4, "none.shop:80: no shop/svc/none:80"],
    ["a port that it does not have", connectTo("echo.shop", 9), 5, "echo.shop:9: echo has no port 9"],
    ["a pod that does not come", connectTo("slow.shop", 80), 6, "slow.shop:80: late"],
  ])("answers %s with its code", async (_, request, reply, words) => {
    const { client, events } = open({
      "shop/svc/echo:9": new KtError("port-not-found", "echo has no port 9"),
      "shop/svc/slow:80": new KtError("start-timeout", "late"),
    });
    const one = await client();
    expect(await socksReply(one, request)).toBe(reply);
    await one.untilEnd();
    expect(refusals(events)[0]).toStartWith(words);
  });

  test("that only offers a password reads that none is asked for", async () => {
    const { client, events } = open();
    const one = await client();
    one.conn.write(socks(5, 1, 2));
    await one.untilEnd();
    expect([...one.bytes()]).toEqual([5, 255]);
    expect(refusals(events)[0]).toContain("asks for no password");
  });

  test("of version 4 is refused in its own protocol", async () => {
    const { client, events } = open();
    const one = await client();
    one.conn.write(socks(4, 1, 0, 80, 10, 0, 0, 1, 0));
    await one.untilEnd();
    expect([...one.bytes()]).toEqual([0, 91, 0, 0, 0, 0, 0, 0]);
    expect(refusals(events)[0]).toContain("SOCKS 4");
  });

  test("that goes on with garbage is let go", async () => {
    const { client, events } = open();
    const one = await client();
    one.conn.write(greeting);
    one.write("GET / HTTP/1.1\r\n\r\n");
    await one.untilEnd();
    expect(refusals(events)[0]).toContain("version 71 of SOCKS");
  });
});

async function ask(client: Recorder, lines: readonly string[]): Promise<{ status: number; text: string }> {
  client.write(`${lines.join("\r\n")}\r\n\r\n`);
  await client.until(() => /\r\n\r\n/.test(client.text()));
  const length = Number(/content-length: ([0-9]+)/i.exec(client.text())?.[1] ?? 0);
  await client.until(() => client.text().split("\r\n\r\n")[1]?.length === length || client.ended || client.closed);
  return { status: Number(/^HTTP\/1\.1 ([0-9]+)/.exec(client.text())?.[1]), text: client.text() };
}

describe("CONNECT", () => {
  test("opens a tunnel, and bytes that came with it are the first", async () => {
    const { client } = open({ "shop/svc/echo:7": echo });
    const one = await client();
    one.write("CONNECT echo.shop:7 HTTP/1.1\r\nHost: echo.shop:7\r\n\r\nearly");
    await one.untilText("early");
    expect(one.text()).toBe("HTTP/1.1 200 Connection established\r\n\r\nearly");
  });

  test("without a Host, as old clients have it", async () => {
    const { client } = open({ "shop/svc/echo:7": echo });
    const one = await client();
    one.write("CONNECT echo.shop:7 HTTP/1.0\r\n\r\nx");
    await one.untilText("established\r\n\r\nx");
  });

  test.each([
    ["a name that is not reached", "example.com:443", 403, "is not reached"],
    ["no port", "echo.shop", 400, "is not HOST:PORT"],
    ["a service that is not there", "none.shop:80", 502, "no shop/svc/none:80"],
  ])("to %s gets a page that says why", async (_, target, status, words) => {
    const { client, dialled } = open();
    const answer = await ask(await client(), [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`]);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(words);
    expect(dialled).toEqual(target === "none.shop:80" ? ["shop/svc/none:80"] : []);
  });
});

describe("a request with a whole URL", () => {
  test("goes to the name in it, without the fields for the proxy, and with nothing added", async () => {
    const { client, counters } = open({ "shop/svc/web:80": web });
    const one = await client();
    const { status, text } = await ask(one, [
      "GET http://web.shop/path?q=1 HTTP/1.1",
      "Host: other.shop",
      "Proxy-Connection: keep-alive",
      "Proxy-Authorization: Basic c2VjcmV0",
      "Connection: X-Hop",
      "X-Hop: 1",
      "X-Mine: 2",
    ]);
    expect(status).toBe(200);
    const asked = JSON.parse(text.split("\r\n\r\n")[1] ?? "");
    expect(asked).toEqual({
      target: "/path?q=1",
      host: "web.shop",
      headers: [
        ["Host", "web.shop"],
        ["X-Mine", "2"],
      ],
    });
    expect(counters.of("p", "web.shop:80").requests).toBe(1);
  });

  test("each on one connection goes to its own name", async () => {
    const { client, dialled } = open({ "shop/svc/web:80": web, "shop/svc/api:8080": web });
    const one = await client();
    one.write("GET http://web.shop/ HTTP/1.1\r\nHost: web.shop\r\n\r\n");
    one.write("GET http://api.shop:8080/ HTTP/1.1\r\nHost: api.shop:8080\r\n\r\n");
    await one.untilText('"host":"api.shop:8080"');
    expect(dialled).toEqual(["shop/svc/web:80", "shop/svc/api:8080"]);
  });

  test.each([
    ["a name that is not reached", "GET http://example.com/ HTTP/1.1", 403, "is not reached"],
    ["https, which is asked for by CONNECT", "GET https://web.shop/ HTTP/1.1", 400, "by CONNECT"],
    ["a path alone: it is not a web server", "GET / HTTP/1.1", 400, "this is kt's proxy"],
  ])("is refused for %s", async (_, line, status, words) => {
    const { client, dialled } = open({ "shop/svc/web:80": web });
    const answer = await ask(await client(), [line, "Host: web.shop"]);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(words);
    expect(dialled).toEqual([]);
  });
});

describe("a page on the web", () => {
  const post = (url: string, origin: string): string[] => [
    `POST ${url} HTTP/1.1`,
    "Host: web.shop",
    `Origin: ${origin}`,
    "Content-Length: 0",
  ];

  test.each([
    ["of another site", "https://evil.example", 403],
    ["of a site that is dialled directly", "http://web.example.com", 403],
    ["of no origin", "null", 403],
    ["of the name itself", "http://web.shop", 200],
    ["of another name of the cluster", "http://api.shop:8080", 200],
    ["of this machine", "http://localhost:3000", 200],
    ["that the profile allows", "https://app.example.com", 200],
  ])("%s", async (_, origin, status) => {
    const { client } = open({ "shop/svc/web:80": web }, ["https://app.example.com"]);
    expect((await ask(await client(), post("http://web.shop/", origin))).status).toBe(status);
  });

  test("may ask the web, which is not the cluster", async () => {
    const { client } = open({ "web.example.com:80": web });
    expect((await ask(await client(), post("http://web.example.com/", "https://other.example"))).status).toBe(200);
  });

  test("whose name was made to lead here gets no service", async () => {
    const { client, dialled } = open({ "shop/svc/web:80": web });
    const answer = await ask(await client(), ["GET /api HTTP/1.1", "Host: web.shop"]);
    expect([answer.status, dialled]).toEqual([400, []]);
  });
});

describe("plain HTTP within a tunnel", () => {
  /** A WebSocket of a page comes this way: browsers ask for it by CONNECT. */
  const upgrade = (origin: string): string =>
    `GET /ws HTTP/1.1\r\nHost: web.shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${origin}\r\n`;
  const connect = "CONNECT web.shop:80 HTTP/1.1\r\nHost: web.shop:80\r\n\r\n";

  test.each([
    ["by CONNECT", connect],
    ["by SOCKS", Buffer.concat([greeting, connectTo("web.shop", 80)]).toString("latin1")],
  ])("of a page of another site does not reach the service, %s", async (_, opening) => {
    const asked: string[] = [];
    const listening: Backend = (conn) =>
      conn.start({
        onData: (bytes) => void asked.push(Buffer.from(bytes).toString()),
        onEnd: () => conn.end(),
        onDrain() {},
        onClose() {},
      });
    const { client, events } = open({ "shop/svc/web:80": listening });
    const one = await client();
    one.conn.write(Buffer.from(opening, "latin1"));
    const request = upgrade("Origin: https://evil.example\r\n");
    for (const at of [...request].keys()) one.write(request[at] ?? "");
    await one.untilText("403 Forbidden");
    await one.untilEnd();
    expect(refusals(events)).toEqual([expect.stringContaining('web.shop:80: a page of "https://evil.example" asked for this')]);
    expect(asked.join("")).not.toContain("\r\n\r\n");
  });

  test("of programs and of its own pages passes byte for byte, and so does what follows an upgrade", async () => {
    for (const origin of ["", "Origin: http://web.shop\r\n"]) {
      const one = await open({ "shop/svc/web:80": echo }).client();
      const sent = `${upgrade(origin)}Origin: https://evil.example\r\n\r\n`;
      one.write(connect);
      one.write(sent);
      await one.untilText("evil.example\r\n\r\n");
      expect(one.text().split("established\r\n\r\n")[1]).toBe(sent);
    }
  });

  test("is looked at request by request, past bodies of every kind", async () => {
    const { client } = open({ "shop/svc/web:80": echo });
    const one = await client();
    one.write(connect);
    one.write(
      "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\n\r\nGET POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nGET ",
    );
    one.write("\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: w\r\n\r\n");
    await one.untilText("GET / HTTP/1.1\r\nHost: w\r\n\r\n");
    one.write("GET /next HTTP/1.1\r\nHost: w\r\nOrigin: null\r\n\r\n");
    await one.untilText("403 Forbidden");
    expect(one.text()).not.toContain("/next");
  });

  test("other protocols pass as they are, whatever is in them", async () => {
    const { client } = open({ "shop/svc/web:80": echo });
    const one = await client();
    one.write(connect);
    const sent = "\x16\x03\x01 GET / HTTP/1.1\r\nOrigin: https://evil.example\r\n\r\n";
    one.write(sent);
    await one.untilText("evil.example\r\n\r\n");
    expect(one.text()).toEndWith(sent);
  });
});

describe("to the proxy itself", () => {
  test("HTTP/2 is refused", async () => {
    const { client, events } = open();
    const h2 = await client();
    h2.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    await h2.until(() => refusals(events).length > 0);
    expect(refusals(events)[0]).toContain("began in HTTP/2");
  });

  test("TLS is refused, in words inside of it", async () => {
    const { client, events, port } = open();
    const { conn } = await tlsClient((await client()).conn, { serverName: "localhost", insecure: true, alpn: ["http/1.1"] });
    const inside = new Recorder(conn);
    inside.write("CONNECT web.shop:80 HTTP/1.1\r\nHost: web.shop\r\n\r\n");
    await inside.untilText(`http://127.0.0.1:${port}`);
    expect(refusals(events)[0]).toContain("speaks TLS to the proxy itself");
  });
});
