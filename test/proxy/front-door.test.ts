/** The front door over real sockets, in front of small backends whose every byte the test decides. */

import { serviceTarget } from "#test/support/service-target.ts";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectH2 } from "node:http2";
import { type Clock, systemClock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { wireLimits } from "#wire/limits.ts";
import { silentLog } from "#base/log.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { connectTcp, type Listener, listenTcp } from "#net/tcp.ts";
import { serverIdentity, tlsClient, tlsServer } from "#net/tls.ts";
import { CounterTable } from "#observe/counters.ts";
import type { KtEvent } from "#observe/events.ts";
import type { Dialer, Link } from "#proxy/door/dialer.ts";
import { routeEntries } from "#profile/entries.ts";
import { FrontDoor } from "#proxy/front-door.ts";
import { RouteTable } from "#route/table.ts";
import type { Target } from "#route/target.ts";
import { nameOf } from "#test/support/service-target.ts";
import { ask, connectClient } from "#test/support/h2-peers.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { Recorder } from "#test/support/recorder.ts";
import { usualRetry } from "#test/support/retry.ts";
import { decodeTlsHello } from "#wire/tls-hello.ts";

const never = new AbortController().signal;
type Backend = (conn: Recorder, nth: number) => void;

/** Backends by service name; each accepted connection is recorded and given to the backend's own script. */
class Backends implements Dialer {
  readonly #listeners = new Map<string, Listener>();
  readonly accepted = new Map<string, Recorder[]>();
  readonly dials: string[] = [];
  problem: KtError | undefined;

  /** `start`: its bytes are recorded; a backend that speaks TLS reads them itself. */
  add(name: string, backend: Backend, start = true): void {
    const conns: Recorder[] = [];
    this.accepted.set(name, conns);
    const accept = (conn: Conn): void => {
      const recorder = new Recorder(conn, start);
      conns.push(recorder);
      backend(recorder, conns.length);
    };
    this.#listeners.set(name, listenTcp({ host: "127.0.0.1", port: 0, accept }));
  }

  async dial(target: Target): Promise<Link> {
    this.dials.push(nameOf(target));
    await waiting?.promise;
    if (this.problem) throw this.problem;
    const port = this.#listeners.get(nameOf(target))?.port ?? 1;
    const conn = await connectTcp({ host: "127.0.0.1", port, signal: never });
    return { conn, pod: `${nameOf(target)}-pod`, usable: () => true, park() {}, unpark() {} };
  }

  close(): void {
    for (const listener of this.#listeners.values()) listener.close();
  }
}

const target = (name: string): Target => serviceTarget(name, 80, "n");

/** What dials wait for. */
let waiting: PromiseWithResolvers<void> | undefined;
let backends: Backends;
let door: FrontDoor;
let port = 0;
let setTable: (table: RouteTable) => void = () => {};
let counters: CounterTable;
let events: KtEvent[];
const clients: Recorder[] = [];

function open(names: readonly string[], clock: Clock = systemClock): void {
  backends = new Backends();
  counters = new CounterTable();
  events = [];
  waiting = undefined;
  door = new FrontDoor({
    dialer: backends,
    counters,
    retryOf: usualRetry,
    clock,
    log: silentLog,
    report: (event) => events.push(event),
    profiles: () => [
      {
        name: "shop",
        routes: [{ kind: "http", name: "a.localhost", url: "http://a.localhost", target: "shop/svc/a:80", state: "running" }],
      },
    ],
    whyWaiting: () => 'pod "a-1" is not ready',
  });
  const listener = door.listen({ host: "127.0.0.1", port: 0 }, tableOf(names));
  port = listener.port;
  setTable = (table) => listener.leadTo(table);
}

function tableOf(names: readonly string[], allowed: readonly string[] = []): RouteTable {
  const entries = names.map((name) => ({
    profile: "p",
    route: `${name}.localhost`,
    host: `${name}.localhost`,
    target: target(name),
    scheme: name === "secure" ? ("https" as const) : ("http" as const),
  }));
  return RouteTable.build({ static: entries, patterns: [], dynamic: [], origins: [{ profile: "p", allowed }] });
}

async function client(): Promise<Recorder> {
  const recorder = new Recorder(await connectTcp({ host: "127.0.0.1", port, signal: never }));
  clients.push(recorder);
  return recorder;
}

const get = (host: string, path = "/", more = ""): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
const ok = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** Looks once per turn of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  do await new Promise<void>((resolve) => setImmediate(resolve));
  while (!condition());
}

/** Answers each request head with what `answer` makes of it. */
const answering =
  (answer: (head: string, nth: number) => string): Backend =>
  async (conn) => {
    let at = 0;
    let nth = 0;
    for (;;) {
      await conn.until(() => conn.closed || conn.text().indexOf("\r\n\r\n", at) >= 0);
      if (conn.closed) return;
      const end = conn.text().indexOf("\r\n\r\n", at) + 4;
      nth += 1;
      conn.write(answer(conn.text().slice(at, end), nth));
      at = end;
    }
  };

beforeAll(() => open(["a", "b", "secure"]));
afterEach(async () => {
  for (const each of clients.splice(0)) each.conn.abort();
  await door.drain(0);
  backends.close();
  open(["a", "b", "secure"]);
});
afterAll(async () => {
  await door.drain(0);
  backends.close();
});

describe("HTTP/1", () => {
  test("each request on one connection goes where its own Host says", async () => {
    backends.add(
      "a",
      answering(() => ok("from-a")),
    );
    backends.add(
      "b",
      answering(() => ok("from-b")),
    );
    const one = await client();
    one.write(get("a.localhost"));
    await one.untilText("from-a");
    one.write(get("B.Localhost.:8989"));
    await one.untilText("from-b");
  });

  test("pipelined requests are answered in order", async () => {
    backends.add(
      "a",
      answering((head) => ok(`a${/ \/(\S*)/.exec(head)?.[1]}`)),
    );
    backends.add(
      "b",
      answering((head) => ok(`b${/ \/(\S*)/.exec(head)?.[1]}`)),
    );
    const one = await client();
    one.write(get("a.localhost", "/1") + get("b.localhost", "/2") + get("a.localhost", "/3"));
    await one.untilText("a3");
    expect([...one.text().matchAll(/[ab]\d/g)].map(String)).toEqual(["a1", "b2", "a3"]);
  });

  test("the backend learns of the client, once, and keeps its own connection", async () => {
    backends.add(
      "a",
      answering(() => ok("x")),
    );
    const one = await client();
    one.write(
      get(
        "a.localhost:8989",
        "/",
        "Connection: close, X-Secret-Hop\r\nX-Secret-Hop: 1\r\nX-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: https\r\nCookie: a=b\r\n",
      ),
    );
    await one.untilEnd();
    const head = backends.accepted.get("a")?.[0]?.text() ?? "";
    expect(head).toContain("Host: a.localhost:8989\r\n");
    expect(head).toContain("X-Forwarded-For: 10.0.0.9, 127.0.0.1\r\n");
    expect(head).toContain("X-Forwarded-Host: a.localhost:8989\r\n");
    expect(head).toContain("X-Forwarded-Proto: http\r\n");
    expect(head.match(/X-Forwarded-Proto/g)).toHaveLength(1);
    expect(head).toContain("Cookie: a=b\r\n");
    expect(head).not.toContain("X-Secret-Hop");
    expect(one.text()).toContain("Connection: close\r\n");
  });

  test("requests reuse a connection to the pod, also across clients", async () => {
    backends.add(
      "a",
      answering((_head, nth) => ok(`nth${nth}`)),
    );
    for (let round = 1; round <= 3; round++) {
      const one = await client();
      one.write(get("a.localhost", "/", "Connection: close\r\n"));
      await one.untilEnd();
      expect(one.text()).toContain(`nth${round}`);
    }
    expect(backends.dials).toEqual(["a"]);
  });

  test("a reused connection that the pod has closed is replaced without the client noticing", async () => {
    backends.add("a", async (conn, nth) => {
      await conn.untilText("\r\n\r\n");
      conn.write(ok(`conn${nth}`));
      await conn.until(() => conn.text().split("\r\n\r\n").length > 2 || conn.closed);
      conn.conn.abort();
    });
    const one = await client();
    one.write(get("a.localhost"));
    await one.untilText("conn1");
    one.write(get("a.localhost"));
    await one.untilText("conn2");
  });

  test("a POST that may have been seen is not sent twice", async () => {
    backends.add("a", async (conn) => {
      await conn.untilText("body");
      conn.conn.abort();
    });
    const one = await client();
    one.write("POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 4\r\n\r\nbody");
    await one.untilText("X-Kt-Error");
    expect(one.text()).toStartWith("HTTP/1.1 502 Bad Gateway\r\n");
    expect(backends.dials).toHaveLength(1);
  });

  test("chunked bodies, their extensions and trailers pass unchanged both ways", async () => {
    const body = "4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer-One: 1\r\n\r\n";
    backends.add("a", async (conn) => {
      await conn.untilText("Trailer-One");
      conn.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Trailer-One\r\n\r\n${body}`);
    });
    const one = await client();
    one.write(`POST / HTTP/1.1\r\nHost: a.localhost\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n${body}`);
    await one.untilText("Trailer-One: 1\r\n\r\n");
    expect(one.text()).toEndWith(`\r\n\r\n${body}`);
    const seen = backends.accepted.get("a")?.[0]?.text() ?? "";
    expect(seen).toEndWith(`\r\n\r\n${body}`);
    expect(seen).toContain("TE: trailers");
  });

  test("100-continue passes: the body is sent when the backend asks for it", async () => {
    backends.add("a", async (conn) => {
      await conn.untilText("\r\n\r\n");
      conn.write("HTTP/1.1 100 Continue\r\n\r\n");
      await conn.untilText("BODY");
      conn.write(ok("thanks"));
    });
    const one = await client();
    one.write("PUT / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    await one.untilText("100 Continue");
    one.write("BODY");
    await one.untilText("thanks");
  });

  test("an upgrade becomes a plain stream, with the bytes that came early", async () => {
    backends.add("a", async (conn) => {
      await conn.untilText("\r\n\r\n");
      conn.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
      await conn.untilText("early");
      await conn.untilText("later");
      conn.write("bye");
      conn.conn.end();
    });
    const one = await client();
    one.write(`${get("a.localhost", "/ws", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n")}early`);
    await one.untilText("hello");
    one.write("later");
    await one.untilEnd();
    expect(one.text()).toEndWith("hellobye");
    expect(one.text()).toContain("Upgrade: websocket\r\n");
  });

  test("a pipelined request whose body is still to come gets all of it, on the connection that the first gave back", async () => {
    let answerFirst: () => void = () => {};
    backends.add("a", async (conn) => {
      await conn.untilText("\r\n\r\n");
      answerFirst = () => conn.write(ok("first"));
      await conn.untilText("second half");
      conn.write(ok("second"));
    });
    const one = await client();
    one.write(get("a.localhost"));
    await until(() => backends.accepted.get("a")?.[0]?.text().includes("\r\n\r\n") === true);
    one.write("PUT / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 22\r\n\r\nfirst half,");
    // Both parts are on their way to the front door, which reads the first at least before the answer comes.
    await until(() => true);
    one.write("second half");
    await until(() => true);
    answerFirst();
    await one.untilText("second");
  });

  test("a client that sends requests and reads no answers is not listened to for ever", async () => {
    const requests = 2000;
    let answered = 0;
    backends.add(
      "a",
      answering(() => {
        answered += 1;
        return ok("x".repeat(16_000));
      }),
    );
    const one = await client();
    one.conn.pause();
    one.write(get("a.localhost").repeat(requests));
    for (let before = -1; before !== answered; ) {
      before = answered;
      for (let turn = 0; turn < 200; turn++) await until(() => true);
    }
    expect(answered).toBeLessThan(requests / 2);
    one.conn.resume();
    await one.until(() => one.length > requests * 16_000);
  });

  test("a body that is broken from its first bytes ends the connection, and the door forgets it", async () => {
    backends.add("a", () => {});
    const one = await client();
    one.write("POST / HTTP/1.1\r\nHost: a.localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    await one.untilClosed();
    expect(counters.of("p", "a.localhost").openConnections).toBe(0);
    const startedMs = performance.now();
    await door.drain(5000);
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });

  test("a Connection field cannot take the body's length away", async () => {
    backends.add("a", async (conn) => {
      await conn.untilText("GET /hidden");
      conn.write("HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 2\r\n\r\nok");
    });
    const hidden = "GET /hidden HTTP/1.1\r\nHost: b\r\n\r\n";
    const one = await client();
    one.write(
      `POST / HTTP/1.1\r\nHost: a.localhost\r\nConnection: content-length, transfer-encoding\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    );
    await one.untilText("\r\n\r\nok");
    expect(backends.accepted.get("a")?.[0]?.text()).toContain(`Content-Length: ${hidden.length}\r\n`);
    expect(one.text()).toContain("Content-Length: 2\r\n");
  });

  test("HEAD, 204 and 304 have no body, whatever they say", async () => {
    backends.add(
      "a",
      answering((head) => (head.startsWith("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" : "HTTP/1.1 204 No Content\r\n\r\n")),
    );
    const one = await client();
    one.write("HEAD / HTTP/1.1\r\nHost: a.localhost\r\n\r\n");
    await one.untilText("Content-Length: 99");
    one.write(get("a.localhost"));
    await one.untilText("204 No Content");
  });

  test("a body without a length ends with the connection", async () => {
    backends.add("a", async (conn) => {
      await conn.untilText("\r\n\r\n");
      conn.write("HTTP/1.0 200 OK\r\n\r\nuntil the end");
      conn.conn.end();
    });
    const one = await client();
    one.write(get("a.localhost"));
    await one.untilEnd();
    expect(one.text()).toContain("Connection: close\r\n");
    expect(one.text()).toEndWith("until the end");
  });

  test("a response that breaks off breaks the client's connection too", async () => {
    backends.add("a", async (conn) => {
      await conn.untilText("\r\n\r\n");
      conn.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
      conn.conn.abort();
    });
    const one = await client();
    one.write(get("a.localhost"));
    await one.untilClosed();
    expect(one.error?.code).toBe("connection-lost");
  });

  test("a client that leaves in mid-response ends the backend's work", async () => {
    backends.add("a", async (conn) => {
      await conn.untilText("\r\n\r\n");
      conn.write("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\nfirst");
    });
    const one = await client();
    one.write(get("a.localhost"));
    await one.untilText("first");
    one.conn.abort();
    await backends.accepted.get("a")?.[0]?.untilClosed();
  });

  test("20 MB each way arrive whole, with a reader that pauses", async () => {
    const sent = randomBytes(20 * 1024 * 1024);
    backends.add("a", async (conn) => {
      await conn.untilText("\r\n\r\n");
      const head = new TextEncoder().encode(`HTTP/1.1 200 OK\r\nContent-Length: ${sent.length}\r\n\r\n`);
      const bodyAt = conn.text().indexOf("\r\n\r\n") + 4;
      await conn.until(() => conn.length >= bodyAt + sent.length);
      conn.conn.write(head);
      conn.conn.write(conn.bytes().subarray(bodyAt));
    });
    const one = await client();
    one.write(`POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: ${sent.length}\r\n\r\n`);
    one.conn.write(sent);
    await one.until(() => one.length > 0);
    one.conn.pause();
    await new Promise<void>((resolve) => setImmediate(resolve));
    one.conn.resume();
    await one.until(() => one.length > sent.length);
    const body = one.bytes().subarray(one.length - sent.length);
    expect(createHash("sha256").update(body).digest("hex")).toBe(createHash("sha256").update(sent).digest("hex"));
  });

  test("TLS to the backend where the route says https", async () => {
    const certificate = selfSigned("any", Date.now());
    backends.add("secure", () => {});
    const plain = backends.dial.bind(backends);
    backends.dial = async (to) => {
      const link = await plain(to);
      const accepted = backends.accepted.get("secure") as Recorder[];
      await new Promise<void>((resolve) => setImmediate(resolve));
      const raw = accepted.at(-1)?.conn as Conn;
      raw.pause();
      void tlsServer(raw, serverIdentity(certificate), ["http/1.1"]).then(({ conn }) =>
        answering(() => ok("inside"))(new Recorder(conn), 1),
      );
      return link;
    };
    const one = await client();
    one.write(get("secure.localhost"));
    await one.untilText("inside");
  });

  test("TLS to the backend asks for the name without the client's port", async () => {
    backends.add("secure", () => {});
    const one = await client();
    one.write(get("secure.localhost:8989"));
    await until(() => (backends.accepted.get("secure")?.[0]?.bytes().length ?? 0) > 0);
    const hello = decodeTlsHello(backends.accepted.get("secure")?.[0]?.bytes() ?? new Uint8Array(0));
    expect(hello).toMatchObject({ serverName: "secure.localhost" });
  });
});

describe("a refusal", () => {
  test("of an unknown name lists what there is", async () => {
    const one = await client();
    one.write(get("aa.localhost", "/", "Accept: text/html\r\n"));
    await one.untilText("</html>");
    expect(one.text()).toStartWith("HTTP/1.1 404 Not Found\r\n");
    expect(one.text()).toContain("&#34;aa.localhost&#34;");
    expect(one.text()).toContain("a.localhost");
    one.write(get("zz.localhost", "/", "Accept: application/json\r\n"));
    await one.untilText('"code":"host-unknown"');
  });

  test("while nothing is ready says when to come back", async () => {
    backends.problem = new KtError("no-ready-pod", 'pod "a-1" is in CrashLoopBackOff');
    const one = await client();
    one.write(get("a.localhost"));
    await one.untilText("CrashLoopBackOff");
    expect(one.text()).toStartWith("HTTP/1.1 503 Service Unavailable\r\n");
    expect(one.text()).toContain("Retry-After: 1\r\n");
    expect(counters.of("p", "a.localhost").lastProblem?.code).toBe("no-ready-pod");
    backends.problem = undefined;
    backends.add(
      "a",
      answering(() => ok("now")),
    );
    one.write(get("a.localhost"));
    await one.untilText("now");
  });

  const bad: readonly (readonly [string, string, number])[] = [
    ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["two Hosts", "GET / HTTP/1.1\r\nHost: a.localhost\r\nHost: b.localhost\r\n\r\n", 400],
    ["two lengths", "POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400],
    [
      "a length and chunks",
      "POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["text of two words", "hello there\r\n\r\n", 400],
    ["text with a method but no version", "GET /\r\n\r\n", 400],
    ["a garbage first byte", "\x01\x02\x03\r\n\r\n", 400],
    ["a broken TLS hello", "\x16\x03\x01\x00\x05hello", 400],
    ["a header of 1 MB", `GET / HTTP/1.1\r\nHost: a.localhost\r\nX: ${"x".repeat(1024 * 1024)}\r\n\r\n`, 431],
  ];
  for (const [what, bytes, status] of bad) {
    test(`of ${what} is one clear sentence, and the connection ends`, async () => {
      const one = await client();
      one.conn.write(Buffer.from(bytes, "latin1"));
      await one.untilEnd();
      expect(one.text()).toStartWith(`HTTP/1.1 ${status} `);
      expect(one.text()).toMatch(/\r\n\r\nkt: error: [^\n]+\n/);
      expect(backends.dials).toEqual([]);
    });
  }

  test.each(["INVALID CONNECTION PREFACE\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "OPTIONS rtsp://a/ RTSP/1.0\r\n"])(
    "of %p is silent, and the log has it",
    async (bytes) => {
      const one = await client();
      one.write(bytes);
      await one.untilEnd();
      expect(one.text()).toBe("");
      // A request of the case before may only now have ended.
      const refused = events.filter(({ type }) => type === "refused");
      expect(refused).toMatchObject([{ problem: { code: "request-invalid" } }]);
    },
  );

  test("over TLS is readable, in a certificate for the name", async () => {
    const one = await client();
    const { conn, alpn } = await tlsClient(one.conn, { serverName: "nope.localhost", insecure: true, alpn: ["http/1.1"] });
    expect(alpn).toBe("http/1.1");
    const inside = new Recorder(conn);
    inside.write(get("nope.localhost"));
    await inside.untilText('no route has the name "nope.localhost"');
    expect(inside.text()).toStartWith("HTTP/1.1 404 ");
  });
});

/** The least ClientHello there is: one cipher, no extensions, so no server name. */
function helloWithoutName(): Uint8Array {
  return helloOf([]);
}

function helloFor(name: string): Uint8Array {
  const bytes = [...Buffer.from(name)];
  const entry = [0, 0, bytes.length, ...bytes];
  const extension = [0, 0, 0, entry.length + 2, 0, entry.length, ...entry];
  return helloOf([0, extension.length, ...extension]);
}

function helloOf(extensions: readonly number[]): Uint8Array {
  const body = [0x03, 0x03, ...Array<number>(32).fill(7), 0, 0, 2, 0x13, 0x01, 1, 0, ...extensions];
  const handshake = [1, 0, 0, body.length, ...body];
  return Uint8Array.from([0x16, 0x03, 0x01, 0, handshake.length, ...handshake]);
}

describe("the address of one route", () => {
  const own = (name: string, scheme: "http" | "https"): RouteTable => {
    const entry = { profile: "p", route: `${name}.localhost`, target: target(name), scheme, sentHost: `${name}.localhost:8989` };
    return RouteTable.build({ static: [{ ...entry, host: "127.0.0.1" }], patterns: [], dynamic: [] });
  };

  test("leads to it by HTTP/1, and the backend gets its name", async () => {
    setTable(own("a", "http"));
    backends.add(
      "a",
      answering(() => ok("from-a")),
    );
    const one = await client();
    one.write(get(`127.0.0.1:${port}`));
    await one.untilText("from-a");
    const head = backends.accepted.get("a")?.[0]?.text() ?? "";
    expect(head).toContain("Host: a.localhost:8989\r\n");
    expect(head).toContain(`X-Forwarded-Host: 127.0.0.1:${port}\r\n`);
  });

  test("leads to it by TLS, whose clients name no address", async () => {
    setTable(own("secure", "https"));
    backends.add("secure", (conn) => conn.write("\u0016from-secure"));
    const one = await client();
    one.conn.write(helloWithoutName());
    await one.untilText("from-secure");
    expect(backends.dials).toEqual(["secure"]);
  });

  test("leads nowhere by another name", async () => {
    setTable(own("a", "http"));
    const one = await client();
    one.write(get("evil.test"));
    await one.untilText("HTTP/1.1 404");
    expect(backends.dials).toEqual([]);
  });
});

describe("kt's own names", () => {
  test("show the routes in HTTP/1 and HTTP/2, and the connection goes on", async () => {
    const one = await client();
    one.write(get(`localhost:${port}`, "/", "Accept: application/json\r\n"));
    await one.untilText('"running"');
    expect(one.text()).toStartWith("HTTP/1.1 200 OK\r\n");
    one.write(get("127.0.0.1", "/errors/no-ready-pod"));
    await one.untilText("no-ready-pod\n");
    const session = connectClient({ port });
    const answer = await ask(session, `localhost:${port}`);
    session.destroy();
    expect([answer.headers[":status"], answer.body.toString()]).toEqual([200, "shop\n  running   http://a.localhost  shop/svc/a:80\n"]);
    expect(events).toEqual([]);
  });

  test("belong to no route under another name", async () => {
    const one = await client();
    one.write(get("evil.test"));
    await one.untilText("HTTP/1.1 404");
  });

  test("are refused to pages of other sites", async () => {
    const one = await client();
    one.write(get(`localhost:${port}`, "/", "Origin: https://evil.test\r\n"));
    await one.untilText("HTTP/1.1 403");
  });
});

describe("a browser that waits for a pod", () => {
  const page = "Accept: text/html,application/xhtml+xml\r\nSec-Fetch-Mode: navigate\r\n";

  test.each([
    ["a navigation", "GET", page, true],
    ["an old browser's", "GET", "Accept: text/html\r\n", true],
    ["a program's request", "GET", "Accept: */*\r\n", false],
    ["a script's request", "GET", "Accept: text/html\r\nSec-Fetch-Mode: cors\r\n", false],
    ["a form", "POST", `${page}Content-Length: 0\r\n`, false],
  ])("%s is shown what for: %s %p, %p", async (_, method, headers, shown) => {
    const clock = new ManualClock();
    open(["a"], clock);
    waiting = Promise.withResolvers<void>();
    backends.add(
      "a",
      answering(() => ok("ready")),
    );
    const one = await client();
    one.write(`${method} / HTTP/1.1\r\nHost: a.localhost\r\n${headers}\r\n`);
    await until(() => backends.dials.length === 1);
    await clock.advance(proxyLimits.waitingPageMs);
    if (shown) {
      await one.untilText("</html>");
      expect(one.text()).toStartWith("HTTP/1.1 503 ");
      expect(one.text()).toContain("Retry-After: 1\r\n");
      expect(one.text()).toContain('<meta http-equiv="refresh" content="1">');
      expect(one.text()).toContain("pod &#34;a-1&#34; is not ready");
      one.write(get("a.localhost", "/", page));
    }
    waiting.resolve();
    await one.untilText("\r\n\r\nready");
  });
});

describe("TLS to a backend that has none", () => {
  /** What a client that checks no certificate reads. */
  async function readOverTls(alpn: string, accept = "*/*"): Promise<string> {
    const one = await client();
    const session = await tlsClient(one.conn, { serverName: "a.localhost", insecure: true, alpn: [alpn] });
    const inside = new Recorder(session.conn);
    inside.write(get("a.localhost", "/", `Accept: ${accept}\r\nConnection: close\r\n`));
    await inside.untilEnd();
    return inside.text();
  }

  test("reads so inside a handshake, and the log and the counters say it", async () => {
    backends.add("a", (conn) => void conn.until(() => conn.length > 0).then(() => conn.write("HTTP/1.1 400 Bad Request\r\n\r\n")));
    const text = await readOverTls("http/1.1");
    expect(text).toStartWith("HTTP/1.1 400 Bad Request\r\n");
    expect(text).toContain(`kt: error: "a.localhost" speaks plain HTTP, without TLS: http://a.localhost:${port}/`);
    expect(counters.of("p", "a.localhost").lastProblem?.code).toBe("plain-http");
    expect(events).toContainEqual(expect.objectContaining({ type: "refused", name: "a.localhost" }));
    expect(await readOverTls("http/1.1", "text/html")).toContain(`http://a.localhost:${port}/`);
  });

  test("is answered in HTTP/2 for clients that offer it", async () => {
    backends.add("a", (conn) => void conn.until(() => conn.length > 0).then(() => conn.write("HTTP/1.1 400 Bad Request\r\n\r\n")));
    const one = await client();
    const session = await tlsClient(one.conn, { serverName: "a.localhost", insecure: true, alpn: ["h2", "http/1.1"] });
    expect(session.alpn).toBe("h2");
    session.conn.abort();
  });

  test("that waits for the end of a line is asked in HTTP", async () => {
    backends.add(
      "a",
      (conn) => void conn.until(() => conn.text().startsWith("OPTIONS * ")).then(() => conn.write("HTTP/1.0 501 No\r\n\r\n")),
    );
    expect(await readOverTls("http/1.1")).toContain("speaks plain HTTP");
    expect(backends.dials).toEqual(["a", "a"]);
    await until(() => backends.accepted.get("a")?.every(({ closed }) => closed) === true);
  });

  test("is named by what it says when that is not HTTP either", async () => {
    backends.add("a", (conn) => conn.write("SSH-2.0-OpenSSH_9.2\r\n"));
    const text = await readOverTls("http/1.1");
    expect(text).toContain('answers in something else than TLS: "SSH-2.0-OpenSSH_9.2');
  });

  test("and that closes is said to have closed", async () => {
    backends.add("a", (conn) => void conn.until(() => conn.length > 0).then(() => conn.conn.end()));
    expect(await readOverTls("http/1.1")).toContain("closed the connection when it was asked for TLS");
  });

  test("a client that leaves meanwhile leaves nothing behind", async () => {
    backends.add("a", () => {});
    const one = await client();
    one.conn.write(helloFor("a.localhost"));
    await until(() => (backends.accepted.get("a")?.[0]?.length ?? 0) > 0);
    one.conn.abort();
    await until(() => backends.accepted.get("a")?.[0]?.closed === true);
    expect(events.filter(({ type }) => type === "refused")).toEqual([]);
  });
});

describe("plain HTTP to a backend of TLS", () => {
  test.each([
    ["an alert", "\x15\x03\x01\x00\x02\x02\x46"],
    ["Go's words", "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"],
    ["nginx's words", "HTTP/1.1 400 Bad Request\r\nContent-Length: 44\r\n\r\nThe plain HTTP request was sent to HTTPS port"],
  ])("that says so by %s is a refusal that names the address", async (_, answer) => {
    backends.add("a", (conn) => void conn.until(() => conn.length > 0).then(() => conn.conn.write(Buffer.from(answer, "latin1"))));
    const one = await client();
    one.write(get(`a.localhost:${port}`));
    await one.untilText("kt: hint:");
    expect(one.text()).toStartWith("HTTP/1.1 502 ");
    expect(one.text()).toContain(`kt: hint: open https://a.localhost:${port}/\n`);
    expect(one.text()).toContain('scheme = "https"');
    expect(counters.of("p", "a.localhost").mismatch?.hints.join()).toContain('scheme = "https"');
  });

  test("is wrong with the route until TLS is passed through", async () => {
    backends.add("a", (conn) => {
      const alert = Buffer.from("\x15\x03\x01\x00\x02\x02\x46", "latin1");
      void conn.until(() => conn.length > 0).then(() => conn.conn.write(alert));
    });
    const plain = await client();
    plain.write(get("a.localhost"));
    await plain.untilText("kt: hint:");
    expect(counters.of("p", "a.localhost").mismatch?.code).toBe("backend-invalid");
    const tls = await client();
    tls.conn.write(helloFor("a.localhost"));
    await tls.until(() => tls.length > 0);
    expect(counters.of("p", "a.localhost").mismatch).toBeUndefined();
  });

  test("that closes without a word is found out", async () => {
    const certificate = selfSigned("a.localhost", Date.now());
    backends.add("a", (conn) => void tlsServer(conn.conn, serverIdentity(certificate), []).catch(() => conn.conn.abort()), false);
    const one = await client();
    one.write(get(`a.localhost:${port}`));
    await one.untilText("kt: hint:");
    expect(one.text()).toStartWith("HTTP/1.1 502 ");
    expect(one.text()).toContain(`kt: hint: open https://a.localhost:${port}/\n`);
  });

  test("and one that closes on everything is only said to have closed", async () => {
    backends.add("a", (conn) => void conn.until(() => conn.length > 0).then(() => conn.conn.abort()));
    const one = await client();
    one.write(get("a.localhost"));
    await one.untilText("kt: error:");
    expect(one.text()).not.toContain("https://");
  });

  test("another 400 passes as it is", async () => {
    backends.add(
      "a",
      answering(() => "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno"),
    );
    const one = await client();
    one.write(get("a.localhost"));
    await one.untilText("\r\n\r\nno");
  });
});

describe("HTTP/2 in the clear before a backend of TLS", () => {
  test.each([
    ["one that chooses HTTP/1 is asked in HTTP/1, the second time at once", ["http/1.1"]],
    ["one that chooses neither is too, when it does not greet in HTTP/2", []],
  ])("%s", async (_, alpn) => {
    const certificate = selfSigned("secure.localhost", Date.now());
    backends.add(
      "secure",
      async (conn) => {
        const { conn: inside } = await tlsServer(conn.conn, serverIdentity(certificate), alpn);
        answering((head) => (head.startsWith("GET /") ? ok("secret") : "HTTP/1.1 400 Bad Request\r\n\r\n"))(new Recorder(inside), 1);
      },
      false,
    );
    const session = connectClient({ port });
    try {
      for (const nth of [1, 2]) {
        const answer = await ask(session, "secure.localhost", { ":path": `/${nth}` });
        expect([answer.headers[":status"], answer.body.toString()]).toEqual([200, "secret"]);
      }
      expect(backends.dials.length).toBe(2);
    } finally {
      session.destroy();
    }
  });
});

describe("TLS", () => {
  test("is passed through by its server name, whatever the pieces it comes in", async () => {
    const certificate = selfSigned("a.localhost", Date.now());
    backends.add("a", () => {});
    const raw = await client();
    const slow: Conn = {
      remoteAddress: undefined,
      start: (handler) => raw.conn.start(handler),
      unread: (bytes) => raw.conn.unread(bytes),
      write: (bytes) => {
        for (let at = 0; at < bytes.length; at += 100) raw.conn.write(bytes.slice(at, at + 100));
        return true;
      },
      end: () => raw.conn.end(),
      abort: () => raw.conn.abort(),
      pause: () => raw.conn.pause(),
      resume: () => raw.conn.resume(),
    };
    const shaken = tlsClient(slow, { serverName: "a.localhost", ca: certificate.cert });
    while (backends.accepted.get("a")?.length !== 1) await new Promise<void>((resolve) => setImmediate(resolve));
    const far = backends.accepted.get("a")?.[0]?.conn as Conn;
    const hello = backends.accepted.get("a")?.[0]?.bytes() ?? new Uint8Array(0);
    far.pause();
    if (hello.length > 0) far.unread(hello);
    const server = new Recorder((await tlsServer(far, serverIdentity(certificate), [])).conn);
    const near = new Recorder((await shaken).conn);
    near.write("secret");
    await server.untilText("secret");
    server.write("answer");
    await near.untilText("answer");
  });
});

describe("draining", () => {
  test("waits for the request under way and ends the connection with it", async () => {
    let finish: () => void = () => {};
    backends.add("a", async (conn) => {
      await conn.untilText("\r\n\r\n");
      finish = () => conn.write(ok("last"));
    });
    const one = await client();
    one.write(get("a.localhost"));
    const idle = await client();
    while (backends.accepted.get("a")?.[0]?.length === undefined || backends.accepted.get("a")?.[0]?.length === 0) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    const drained = door.drain(5000);
    await idle.untilClosed();
    finish();
    await one.untilText("last");
    await one.untilEnd();
    one.conn.end();
    await drained;
  });
});

test("only the hub's own user signs in to kt's own pages, and has a browser that is signed in", async () => {
  let isOwner = true;
  const checkOwner = (): void => {
    if (!isOwner) throw new KtError("name-refused", "the dashboard is for the user who runs kt");
  };
  backends.add(
    "pages",
    answering(() => ok("own page")),
  );
  const dialer: Dialer = { dial: () => backends.dial(target("pages")) };
  const here = new FrontDoor({ dialer, counters, clock: systemClock, log: silentLog, report: () => {}, retryOf: usualRetry, checkOwner });
  const listener = here.listen({ host: "127.0.0.1", port: 0 }, RouteTable.build(routeEntries([])));
  const answerTo = async (path: string, fields = ""): Promise<string> => {
    const one = new Recorder(await connectTcp({ host: "127.0.0.1", port: listener.port, signal: never }));
    clients.push(one);
    one.write(get("kt.localhost", path, `Connection: close\r\n${fields}`));
    await one.untilEnd();
    return one.text();
  };
  for (const [path, fields] of [["/sign-in?code=x"], ["http://kt.localhost/sign-in"], ["/api/v1/snapshot", "Cookie: kt_session=x\r\n"]]) {
    isOwner = true;
    expect(await answerTo(path ?? "", fields)).toContain("own page");
    isOwner = false;
    expect(await answerTo(path ?? "", fields)).toContain("403");
  }
  expect(await answerTo("/metrics", "Authorization: Bearer x\r\n")).toContain("own page");
  await here.drain(0);
});

test("only the hub's own user hears which routes there are", async () => {
  let isOwner = true;
  const checkOwner = (): void => {
    if (!isOwner) throw new KtError("name-refused", "dynamic names are for the user who runs kt");
  };
  const here = new FrontDoor({
    dialer: backends,
    counters,
    retryOf: usualRetry,
    clock: systemClock,
    log: silentLog,
    report: (event) => events.push(event),
    checkOwner,
  });
  const listener = here.listen({ host: "127.0.0.1", port: 0 }, tableOf(["grafana"]));
  const answerTo = async (host: string): Promise<string> => {
    const one = new Recorder(await connectTcp({ host: "127.0.0.1", port: listener.port, signal: never }));
    clients.push(one);
    one.write(get(host, "/", "Connection: close\r\n"));
    await one.untilEnd();
    return one.text();
  };
  expect(await answerTo("other.localhost")).toContain("routes here: grafana.localhost");
  isOwner = false;
  for (const host of ["other.localhost", "grafanna.localhost"]) {
    const answer = await answerTo(host);
    expect(answer).toContain("404");
    expect(answer).not.toContain("routes here");
    expect(answer).not.toContain("did you mean");
  }
  await here.drain(0);
});

describe("a request head that does not come to its end", () => {
  const slow = new ManualClock();
  const slowDoor = () =>
    new FrontDoor({ dialer: backends, counters, retryOf: usualRetry, clock: slow, log: silentLog, report: (event) => events.push(event) });

  async function slowClient(sent: string): Promise<Recorder> {
    const here = slowDoor();
    const listener = here.listen({ host: "127.0.0.1", port: 0 }, tableOf(["a"]));
    const recorder = new Recorder(await connectTcp({ host: "127.0.0.1", port: listener.port, signal: never }));
    clients.push(recorder);
    recorder.write(sent);
    return recorder;
  }

  test("is refused after as long as a TLS hello has, on a kept connection too", async () => {
    backends.add(
      "a",
      answering(() => ok("first")),
    );
    const one = await slowClient(`${get("a.localhost")}GET / HT`);
    await one.untilText("first");
    await slow.advance(proxyLimits.peekTimeoutMs - 1);
    expect(one.closed).toBe(false);
    await slow.advance(1);
    await one.untilEnd();
    expect(one.text()).toContain("the request's head was not complete within 30 s");
  });

  test("may take as long as it likes to begin, whatever empty lines come", async () => {
    backends.add(
      "a",
      answering((head) => ok(`answer to ${head.split(" ")[1]}`)),
    );
    const one = await slowClient(`${get("a.localhost", "/1")}\r\n`);
    await one.untilText("answer to /1");
    await slow.advance(10 * proxyLimits.peekTimeoutMs);
    one.write(get("a.localhost", "/2"));
    await one.untilText("answer to /2");
  });

  test("is read once though it comes byte by byte", async () => {
    backends.add(
      "a",
      answering((head) => ok(String(head.length > 60_000))),
    );
    const one = await client();
    const head = get("a.localhost", "/", `X: ${"x".repeat(60_000)}\r\n`);
    for (let at = 0; at < head.length; at += 16) one.write(head.slice(at, at + 16));
    await one.untilText("true");
  });

  test("is too long at the limit, in small pieces too", async () => {
    const one = await client();
    one.write("GET / HTTP/1.1\r\nX: ");
    for (let sent = 0; sent <= wireLimits.httpHeadBytes; sent += 4096) one.write("x".repeat(4096));
    await one.untilText("request-too-large");
  });
});

test("a pod that sends interim responses for ever waits for a client that does not read them", async () => {
  const interim = `HTTP/1.1 103 Early Hints\r\nLink: ${"x".repeat(8000)}\r\n\r\n`;
  let sent = 0;
  let isFinal = false;
  const write = (conn: Conn): void => {
    while (!isFinal && sent < 20_000 && conn.write(Buffer.from(interim))) sent += 1;
  };
  backends.add("a", (recorder) => {
    const { conn } = recorder;
    conn.start({
      onData: () => write(conn),
      onDrain: () => (isFinal ? conn.write(Buffer.from(ok("final"))) : write(conn)),
      onEnd() {},
      onClose() {},
    });
  });
  const one = await client();
  one.conn.pause();
  one.write(get("a.localhost"));
  await until(() => sent > 0);
  for (let before = -1; before !== sent; ) {
    before = sent;
    for (let turn = 0; turn < 200; turn++) await until(() => true);
  }
  // 160 MB are there to be sent; what was taken is what the sockets on the way hold.
  expect(sent).toBeLessThan(10_000);
  isFinal = true;
  one.conn.resume();
  await one.untilText("final");
});

test("a name that is too long for one is neither kept nor repeated whole", async () => {
  const one = await client();
  one.write(get("h".repeat(250_000)));
  await one.untilText("host-unknown");
  expect(JSON.stringify(events.map((event) => "problem" in event && event.problem)).length).toBeLessThan(2000);
});

test("text that is not a request gets a readable answer, and what resembles a preface of HTTP/2 none", async () => {
  const one = await client();
  one.write("hello there\r\n\r\n");
  await one.untilEnd();
  expect(one.text()).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  const other = await client();
  other.write("INVALID CONNECTION PREFACE\r\n\r\n");
  await other.untilEnd();
  expect(other.text()).toBe("");
});

test("what follows a refused CONNECT is not read as a request", async () => {
  const one = await client();
  one.write(`CONNECT a.localhost:80 HTTP/1.1\r\nHost: a.localhost:80\r\n\r\n${get("a.localhost", "/hidden")}`);
  await one.untilEnd();
  expect(one.text().match(/HTTP\/1\.1 /g)).toHaveLength(1);
  expect(one.text()).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  expect(backends.dials).toEqual([]);
});

describe("pages of other sites", () => {
  const evil = "Origin: https://evil.example\r\n";
  const post = (more: string): string => `POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 4\r\n${more}\r\nbody`;
  const socket =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

  test.each([
    ["a POST", post(evil)],
    ["a WebSocket", get("a.localhost", "/", `${socket}${evil}`)],
    ["a preflight", `OPTIONS / HTTP/1.1\r\nHost: a.localhost\r\nAccess-Control-Request-Method: POST\r\n${evil}\r\n`],
    ["an image", get("a.localhost", "/x.png", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n")],
  ])("%s is refused before a pod hears of it", async (_what, request) => {
    const one = await client();
    one.write(request);
    await one.untilText("origin-refused");
    expect(one.text()).toStartWith("HTTP/1.1 403 Forbidden\r\n");
    expect(one.text()).not.toContain("Access-Control");
    expect(backends.dials).toEqual([]);
  });

  test("HTTP/2 requests are refused too, whatever their method", async () => {
    const session = connectH2(`http://127.0.0.1:${port}`);
    const ask = async (method: string): Promise<string> => {
      const stream = session.request({ ":method": method, ":authority": "a.localhost", origin: "https://evil.example" });
      stream.resume().end();
      const [headers] = (await once(stream, "response")) as [Record<string, string | number>];
      return `${headers[":status"]} ${headers["x-kt-error"]}`;
    };
    expect([await ask("GET"), await ask("POST"), await ask("OPTIONS")]).toEqual(Array(3).fill("403 origin-refused"));
    session.close();
  });

  test("a reload lets in those that it allows, also on connections that are open", async () => {
    backends.add(
      "a",
      answering(() => ok("let in")),
    );
    const one = await client();
    one.write(get("a.localhost", "/", evil));
    await one.untilText("origin-refused");
    setTable(tableOf(["a"], ["https://evil.example"]));
    one.write(get("a.localhost", "/", evil));
    await one.untilText("let in");
  });

  test("kt's own answers are never run as script, framed or cached", async () => {
    for (const accept of ["text/html", "application/json", "text/plain"]) {
      const one = await client();
      one.write(get("nowhere.localhost", "/", `Accept: ${accept}\r\n`));
      await one.untilText("\r\n\r\n");
      expect(one.text()).toContain("X-Content-Type-Options: nosniff\r\n");
      expect(one.text()).toContain("Content-Security-Policy: default-src 'none'; ");
      expect(one.text()).toContain("frame-ancestors 'none'\r\n");
      expect(one.text()).toContain("Cache-Control: no-store\r\n");
      expect(one.text()).toContain("Referrer-Policy: no-referrer\r\n");
    }
  });
});
