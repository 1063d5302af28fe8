/** TLS that the front door speaks itself: certificates, protocols, who may come in, and what goes on without TLS. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { X509Certificate } from "node:crypto";
import { connect as connectH2 } from "node:http2";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/clock.ts";
import { connectTcp, type Listener, listenTcp } from "#net/tcp.ts";
import { serverIdentity, tlsServer } from "#net/tls.ts";
import { CounterTable } from "#observe/counters.ts";
import type { KtEvent } from "#observe/events.ts";
import { FrontDoor } from "#proxy/front-door.ts";
import type { StaticEntry } from "#route/lookup.ts";
import type { Termination } from "#route/route-tls.ts";
import { RouteTable } from "#route/table.ts";
import { Authority, makeAuthority } from "#tls/authority.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { usualRetry } from "#test/support/retry.ts";
import { Recorder } from "#test/support/recorder.ts";
import { serviceTarget } from "#test/support/service-target.ts";

const nowMs = Date.now();
const texts = makeAuthority("me@here", ["localhost"], nowMs);
const [known, expired] = [selfSigned("me.localhost", nowMs), selfSigned("me.localhost", nowMs - 60 * 24 * 3600 * 1000)];
const plain: Termination = { redirects: false, hasDefaultPort: false };

let authority: Authority;
let problem: KtError | undefined;
let backend: Listener;
let door: FrontDoor;
let port = 0;
let lead: (routes: Record<string, Partial<StaticEntry>>, ownTls?: Termination) => void = () => {};
let counters: CounterTable;
let events: KtEvent[];

beforeEach(() => {
  authority = new Authority(texts);
  problem = undefined;
  events = [];
  counters = new CounterTable();
  backend = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => void answer(new Recorder(conn)) });
  const dial = async () => {
    const conn = await connectTcp({ host: "127.0.0.1", port: backend.port, signal: new AbortController().signal });
    return { conn, pod: "a-1", usable: () => true, park() {}, unpark() {} };
  };
  const current = (): Authority => {
    if (problem) throw problem;
    return authority;
  };
  const report = (event: KtEvent): number => events.push(event);
  const parts = { dialer: { dial }, counters, retryOf: usualRetry, clock: systemClock, log: silentLog, report };
  door = new FrontDoor({ ...parts, authority: current, profiles: () => [] });
  const listener = door.listen({ host: "127.0.0.1", port: 0 }, RouteTable.build({ static: [], patterns: [], dynamic: [] }));
  port = listener.port;
  lead = (routes, ownTls) => listener.leadTo(tableOf(routes, ownTls));
  lead({ "a.localhost": { tls: plain }, "b.localhost": { tls: plain } });
});

afterEach(async () => {
  await door.drain(0);
  backend.close();
});

function tableOf(routes: Record<string, Partial<StaticEntry>>, ownTls: Termination | undefined): RouteTable {
  const entries = Object.entries(routes).map(([host, more]): StaticEntry => {
    return { profile: "p", route: host, host, target: serviceTarget("a", 80, "n"), scheme: "http", ...more };
  });
  return RouteTable.build({ static: entries, patterns: [], dynamic: [], ownTls });
}

/** Says what it was asked, in HTTP/1 alone. */
async function answer(conn: Recorder): Promise<void> {
  await conn.untilText("\r\n\r\n");
  const head = conn.text();
  const body = head.startsWith("PRI ") ? "" : head;
  conn.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  conn.conn.end();
}

async function open(name: string | undefined, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const named = name === undefined ? {} : { servername: name };
  const socket = connect({ host: "127.0.0.1", port, ca: authority.texts.root, ...named, ...options });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => {});
  return socket;
}

async function ask(socket: TLSSocket, host: string): Promise<string> {
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`);
  return await textOf(socket);
}

async function textOf(socket: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const bytes of socket) text += bytes.toString();
  return text;
}

async function askPlainly(host: string, path = "/"): Promise<Response> {
  return await fetch(`http://127.0.0.1:${port}${path}`, { headers: { Host: host }, redirect: "manual", keepalive: false });
}

describe("a name that is terminated", () => {
  test("has a certificate of its own from the CA, and the backend hears of https", async () => {
    const socket = await open("a.localhost");
    expect(socket.getPeerX509Certificate()?.subjectAltName).toBe("DNS:a.localhost");
    const text = await ask(socket, "a.localhost");
    expect(text).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(text).toContain("X-Forwarded-Proto: https\r\n");
    expect(text).not.toContain("Strict-Transport-Security");
  });

  test("keeps its certificate from one connection to the next, and gets another with another CA", async () => {
    const serials: (string | undefined)[] = [];
    for (const next of [authority, authority, new Authority(makeAuthority("me", ["localhost"], nowMs))]) {
      authority = next;
      const socket = await open("A.LOCALHOST");
      serials.push(socket.getPeerX509Certificate()?.serialNumber);
      socket.destroy();
    }
    expect(serials[1]).toBe(serials[0]);
    expect(serials[2]).not.toBe(serials[0]);
  });

  test("is spoken to in HTTP/2 as well, and a request for another name gets 421", async () => {
    const session = connectH2(`https://a.localhost:${port}`, { ca: authority.texts.root, host: "127.0.0.1", servername: "a.localhost" });
    try {
      const status = async (host: string): Promise<unknown> => {
        const stream = session.request({ ":authority": `${host}:${port}`, ":path": "/" });
        const head = Promise.withResolvers<unknown>();
        stream.once("response", (headers) => head.resolve(headers[":status"]));
        stream.once("error", head.reject);
        stream.resume();
        return await head.promise;
      };
      expect([await status("a.localhost"), await status("b.localhost"), await status("a.localhost")]).toEqual([200, 421, 200]);
    } finally {
      session.destroy();
    }
  });

  test("in HTTP/1 too, however the name is written", async () => {
    expect(await ask(await open("a.localhost"), "b.localhost")).toStartWith("HTTP/1.1 421 ");
    expect(await ask(await open("a.localhost"), "A.localhost.")).toStartWith("HTTP/1.1 200 ");
  });

  test("is guarded as it is without TLS", async () => {
    const socket = await open("a.localhost");
    socket.write(`POST / HTTP/1.1\r\nHost: a.localhost\r\nOrigin: https://evil.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    expect(await textOf(socket)).toStartWith("HTTP/1.1 403 ");
  });

  test("is counted as it is without TLS", async () => {
    await ask(await open("a.localhost"), "a.localhost");
    expect(counters.of("p", "a.localhost").requests).toBe(1);
  });

  test("is served without TLS too, or sent on", async () => {
    expect(await (await askPlainly("a.localhost")).text()).toContain("X-Forwarded-Proto: http\r\n");
    lead({
      "a.localhost": { tls: { redirects: true, hasDefaultPort: false } },
      "b.localhost": { tls: { redirects: true, hasDefaultPort: true } },
    });
    const answers = [await askPlainly(`a.localhost:${port}`, "/x?y=1"), await askPlainly("a.localhost"), await askPlainly("b.localhost")];
    expect(answers.map(({ status }) => status)).toEqual([308, 308, 308]);
    expect(answers.map(({ headers }) => headers.get("location"))).toEqual([
      `https://a.localhost:${port}/x?y=1`,
      "https://a.localhost:80/",
      "https://b.localhost/",
    ]);
  });

  test("speaks neither TLS 1.0 nor 1.1", async () => {
    const old = { maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    const refused = await open("a.localhost", old).then(
      () => "spoke",
      () => "refused",
    );
    expect(refused).toBe("refused");
    expect((await open("a.localhost", { maxVersion: "TLSv1.2" })).getProtocol()).toBe("TLSv1.2");
  });
});

describe("no certificate of the CA", () => {
  test("is made for a name that no route serves, nor for none", async () => {
    for (const name of ["nowhere.localhost", undefined]) {
      const socket = await open(name, { rejectUnauthorized: false });
      const certificate = socket.getPeerX509Certificate() as X509Certificate;
      expect(certificate.verify(certificate.publicKey)).toBe(true);
      socket.destroy();
    }
    expect(await ask(await open(undefined, { rejectUnauthorized: false }), "a.localhost")).toContain(
      "did not say which name it wants (no SNI)",
    );
  });

  test("is made for a name that it may not sign for, and the page says what would do", async () => {
    lead({ "shop.dev.test": { tls: plain } });
    const text = await ask(await open("shop.dev.test", { rejectUnauthorized: false }), "shop.dev.test");
    expect(text).toContain('"shop.dev.test" is not among the names that kt\'s CA may sign for, those of "localhost"');
    expect(text).toContain("kt: hint: kt trust install --domain shop.dev.test");
  });

  test("is made where the CA cannot be used, and the page says why", async () => {
    problem = new KtError("authority-unusable", "others may read it");
    const text = await ask(await open("a.localhost", { rejectUnauthorized: false }), "a.localhost");
    expect(text).toStartWith("HTTP/1.1 500 ");
    expect(text).toContain("others may read it");
    expect(events.at(-1)).toMatchObject({ type: "refused", problem: { code: "authority-unusable" } });
  });
});

test("kt's own pages are there for localhost, where all names are terminated", async () => {
  lead({}, plain);
  const text = await ask(await open("localhost"), "localhost");
  expect(text).toStartWith("HTTP/1.1 200 OK");
  expect(text).toContain("no profile is attached");
});

test("an address of a route's own has a certificate for that address", async () => {
  lead({ "127.0.0.1": { tls: plain } });
  // BoringSSL, and so Bun, knows no constraints of addresses; test/tls has the verdict of OpenSSL.
  const socket = await open(undefined, { rejectUnauthorized: false });
  expect(socket.getPeerX509Certificate()?.subjectAltName).toBe("IP Address:127.0.0.1");
  expect(await ask(socket, "127.0.0.1")).toStartWith("HTTP/1.1 200 ");
});

test("a pair of one's own is shown, and a connection goes on when there is another", async () => {
  const [first, second] = [selfSigned("a.localhost", nowMs), selfSigned("a.localhost", nowMs)];
  lead({ "a.localhost": { tls: { ...plain, pair: first } } });
  const before = await open("a.localhost", { ca: first.cert });
  lead({ "a.localhost": { tls: { ...plain, pair: second } } });
  const after = await open("a.localhost", { ca: second.cert });
  expect(await ask(before, "a.localhost")).toStartWith("HTTP/1.1 200 ");
  expect(await ask(after, "a.localhost")).toStartWith("HTTP/1.1 200 ");
});

describe("a route for clients with a certificate", () => {
  beforeEach(() => lead({ "a.localhost": { tls: { ...plain, clientCa: `${known.cert}${expired.cert}` } } }));

  test("serves those, also on a resumed session", async () => {
    const socket = await open("a.localhost", { ...known, maxVersion: "TLSv1.2" });
    const session = socket.getSession();
    expect(await ask(socket, "a.localhost")).toStartWith("HTTP/1.1 200 ");
    expect(await ask(await open("a.localhost", { ...known, maxVersion: "TLSv1.2", session }), "a.localhost")).toStartWith("HTTP/1.1 200 ");
  });

  test.each([
    ["without one", {}, "it has no certificate of this authority"],
    ["with another's", selfSigned("me.localhost", nowMs), "it has no certificate of this authority"],
    ["with one that is over", expired, "its certificate has expired"],
  ])("refuses a client %s in words", async (_, pair, why) => {
    const text = await ask(await open("a.localhost", pair), "a.localhost");
    expect(text).toStartWith("HTTP/1.1 403 ");
    expect(text).toContain(why);
  });

  test("refuses a request without TLS", async () => {
    const answered = await askPlainly("a.localhost");
    expect([answered.status, answered.headers.get("x-kt-error")]).toEqual([403, "client-certificate"]);
  });
});

describe("a backend that has to prove who it is", () => {
  const inside = new Authority(makeAuthority("cluster", ["svc"], nowMs));
  const pair = inside.issue("web.shop.svc", nowMs);
  const ca = inside.texts.root;

  beforeEach(() => {
    backend.close();
    const serve = async (conn: Parameters<typeof tlsServer>[0]): Promise<void> => {
      const session = await tlsServer(conn, serverIdentity(pair), ["http/1.1"]).catch(() => undefined);
      if (session) await answer(new Recorder(session.conn));
    };
    backend = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => void serve(conn) });
  });

  test.each(["http1", "h2"])("is reached by the name that it has, in %s", async (version) => {
    lead({ "a.localhost": { scheme: "https", manner: manner({ verifies: true, ca, serverName: "web.shop.svc" }) } });
    if (version === "http1") expect((await askPlainly("a.localhost")).status).toBe(200);
    else expect(await h2Status()).toBe(200);
  });

  test("is refused under another name: the page says which was expected and seen", async () => {
    lead({ "a.localhost": { scheme: "https", manner: manner({ verifies: true, ca }) } });
    const answered = await askPlainly("a.localhost");
    expect([answered.status, answered.headers.get("x-kt-error")]).toEqual([502, "backend-certificate"]);
    const text = await answered.text();
    expect(text).toContain('the certificate of pod "a-1" is for "web.shop.svc", and "a.localhost" is expected');
    expect(text).toContain('server_name = "web.shop.svc"');
    expect(await h2Status()).toBe(502);
  });

  test("is refused where its authority is not trusted", async () => {
    lead({ "a.localhost": { scheme: "https", manner: manner({ verifies: true, serverName: "web.shop.svc" }) } });
    const answered = await askPlainly("a.localhost");
    expect(answered.headers.get("x-kt-error")).toBe("backend-certificate");
    expect(await answered.text()).toContain("cannot be verified");
  });

  test("is taken as it is where the route does not ask", async () => {
    lead({ "a.localhost": { scheme: "https" } });
    expect((await askPlainly("a.localhost")).status).toBe(200);
  });

  function manner(tls: NonNullable<NonNullable<StaticEntry["manner"]>["tls"]>): NonNullable<StaticEntry["manner"]> {
    return { forwarded: true, schemeGiven: true, tls };
  }

  async function h2Status(): Promise<unknown> {
    const session = connectH2(`http://127.0.0.1:${port}`);
    try {
      const stream = session.request({ ":authority": "a.localhost", ":path": "/" });
      const head = Promise.withResolvers<unknown>();
      stream.once("response", (headers) => head.resolve(headers[":status"]));
      stream.once("error", head.reject);
      stream.resume();
      return await head.promise;
    } finally {
      session.destroy();
    }
  }
});
