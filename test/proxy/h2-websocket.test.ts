/** WebSockets over HTTP/2 (RFC 8441): extended CONNECT before backends of HTTP/1, of HTTP/2 with and without it, and what is refused. */

import { afterEach, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import fc from "fast-check";
import type { Conn } from "#base/conn.ts";
import { connectTcp, listenTcp } from "#net/tcp.ts";
import type { Link } from "#proxy/door/dialer.ts";
import { ask, connectClient, type Front, readAnswer, startBackend, startFront } from "#test/support/h2-peers.ts";
import { type RawPeer, rawDoor } from "#test/support/h2-raw.ts";
import { Recorder } from "#test/support/recorder.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

const plainLink = (conn: Conn): Link => ({ conn, pod: "web-0", usable: () => true, park: () => {}, unpark: () => {} });

const acceptFor = (head: string): string => {
  const key = /^sec-websocket-key: (\S+)\r$/im.exec(head)?.[1] ?? "";
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
};
const switching = (head: string, more = ""): string =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptFor(head)}\r\n${more}\r\n`;

/** A server of HTTP/1 whose every byte the test decides; `heads`: the requests that are none of HTTP/2. */
function http1(answer: (conn: Recorder, head: string) => void): { readonly port: number; readonly heads: string[] } {
  const heads: string[] = [];
  const accept = async (conn: Recorder): Promise<void> => {
    closers.push(() => conn.conn.abort());
    await conn.until(() => conn.closed || conn.text().includes("\r\n\r\n"));
    if (conn.closed) return;
    const head = conn.text();
    if (head.startsWith("PRI ")) {
      conn.write("HTTP/1.1 400 Bad Request\r\n\r\n");
      conn.conn.end();
      return;
    }
    heads.push(head);
    answer(conn, head);
  };
  const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => void accept(new Recorder(conn)) });
  closers.push(() => listener.close());
  return { port: listener.port, heads };
}

/** Sends back what follows the handshake, its end too. */
function echo(conn: Recorder, head: string): void {
  conn.write(switching(head, "Sec-WebSocket-Protocol: chat\r\n"));
  conn.conn.start({
    onData: (bytes) => {
      if (!conn.conn.write(bytes)) conn.conn.pause();
    },
    onDrain: () => conn.conn.resume(),
    onEnd: () => conn.conn.end(),
    onClose: () => conn.onClose(undefined),
  });
}

async function clientOf(backends: Readonly<Record<string, number>>): Promise<{ front: Front; client: ClientHttp2Session }> {
  const front = startFront(backends);
  closers.push(() => front.close());
  const client = connectClient(front);
  closers.push(() => client.destroy());
  const [settings] = (await once(client, "remoteSettings")) as [{ readonly enableConnectProtocol?: boolean }];
  expect(settings.enableConnectProtocol).toBe(true);
  return { front, client };
}

const handshake = {
  ":method": "CONNECT",
  ":protocol": "websocket",
  ":scheme": "http",
  ":path": "/ws?a=b",
  ":authority": "web.localhost",
  "sec-websocket-version": "13",
  "sec-websocket-protocol": "chat",
  "sec-websocket-extensions": "permessage-deflate",
};

function dial(client: ClientHttp2Session, more: Readonly<Record<string, string>> = {}): ClientHttp2Stream {
  const stream = client.request({ ...handshake, ...more }, { endStream: false });
  stream.on("error", () => {});
  return stream;
}

async function open(client: ClientHttp2Session): Promise<{ stream: ClientHttp2Stream; headers: Readonly<Record<string, unknown>> }> {
  const stream = dial(client);
  const [headers] = (await once(stream, "response")) as [Readonly<Record<string, unknown>>];
  return { stream, headers };
}

describe("before a backend of HTTP/1", () => {
  test("it is an upgrade, with a key of kt's own, and the answer has none of HTTP/1's fields", async () => {
    const { port, heads } = http1(echo);
    const { client, front } = await clientOf({ web: port });
    const { stream, headers } = await open(client);
    expect(headers).toMatchObject({ ":status": 200, "sec-websocket-protocol": "chat" });
    for (const name of ["connection", "upgrade", "sec-websocket-accept"]) expect(Object.keys(headers)).not.toContain(name);
    const [head = ""] = heads;
    expect(head).toStartWith("GET /ws?a=b HTTP/1.1\r\nHost: web.localhost\r\n");
    for (const line of ["Connection: Upgrade", "Upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-protocol: chat"])
      expect(head).toContain(`\r\n${line}\r\n`);
    expect(head).toContain("\r\nsec-websocket-extensions: permessage-deflate\r\n");
    expect(head).toContain("\r\nX-Forwarded-Host: web.localhost\r\n");
    expect(head).toMatch(/\r\nSec-WebSocket-Key: [A-Za-z0-9+/]{22}==\r\n/);
    expect(head).not.toMatch(/content-length|transfer-encoding/i);
    const answer = readAnswer(stream);
    stream.end("hello");
    expect((await answer).body.toString()).toBe("hello");
    expect(front.counters.of("p", "web.localhost")).toMatchObject({ requests: 1, sentBytes: 5, receivedBytes: 5, lastProblem: undefined });
  });

  test("each has a key of its own", async () => {
    const { port, heads } = http1(echo);
    const { client } = await clientOf({ web: port });
    for (let nth = 0; nth < 3; nth++) (await open(client)).stream.close();
    expect(new Set(heads.map(acceptFor)).size).toBe(3);
  });

  test("20 MB both ways unchanged", async () => {
    const { client } = await clientOf({ web: http1(echo).port });
    const { stream } = await open(client);
    const answer = readAnswer(stream);
    const body = randomBytes(20 * 1024 * 1024);
    stream.end(body);
    expect((await answer).body.equals(body)).toBe(true);
  });

  test("one that is not read stops its backend", async () => {
    let written = 0;
    const piece = Buffer.alloc(64 * 1024);
    const { port } = http1(async (conn, head) => {
      conn.write(switching(head));
      while (!conn.closed) {
        const drains = conn.events.filter((event) => event === "drain").length;
        written += piece.length;
        if (!conn.conn.write(piece))
          await conn.until(() => conn.closed || conn.events.filter((event) => event === "drain").length > drains);
      }
    });
    const { client } = await clientOf({ web: port });
    const stream = dial(client);
    stream.pause();
    await once(stream, "response");
    let before = -1;
    for (; before !== written; await ask(client, "nowhere.localhost")) before = written;
    expect(written).toBeLessThan(64 * 1024 * 1024);
    stream.close();
  });

  test("what the client sends before the backend has agreed is not lost", async () => {
    const agreed = Promise.withResolvers<void>();
    const { port } = http1(async (conn, head) => {
      await agreed.promise;
      echo(conn, head);
    });
    const { client } = await clientOf({ web: port });
    const stream = dial(client);
    const answer = readAnswer(stream);
    stream.end("early");
    await ask(client, "nowhere.localhost");
    agreed.resolve();
    expect((await answer).body.toString()).toBe("early");
  });

  test.each([
    ["401", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 5\r\n\r\nlogin", "login"],
    ["307", "HTTP/1.1 307 Temporary Redirect\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", ""],
    [
      "426",
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 426 Upgrade Required\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
      "no",
    ],
  ])("a refusal by %s is passed on whole, and the stream ends", async (status, response, body) => {
    const { client } = await clientOf({ web: http1((conn) => void conn.write(response)).port });
    const answer = await readAnswer(dial(client));
    expect(answer.headers[":status"]).toBe(Number(status));
    expect(answer.body.toString()).toBe(body);
    expect(answer.rstCode).toBe(0);
  });

  test.each([
    ["200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "answered 200 where it was asked to switch to WebSocket"],
    ["204", "HTTP/1.1 204 No Content\r\n\r\n", "answered 204"],
    ["a 101 for another key", switching("Sec-WebSocket-Key: other\r\n"), "wrong Sec-WebSocket-Accept"],
    ["a 101 without a word", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "wrong Sec-WebSocket-Accept"],
    ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2"],
  ])("%s is a 502: a success would say that the WebSocket is open", async (_, response, words) => {
    const { client } = await clientOf({ web: http1((conn) => void conn.write(response)).port });
    const answer = await readAnswer(dial(client));
    expect(answer.headers[":status"]).toBe(502);
    expect(answer.body.toString()).toContain(words);
  });

  test("a client that leaves takes the backend's connection along, before and after it was opened", async () => {
    const asked: Recorder[] = [];
    const arrived = Promise.withResolvers<void>();
    const { port } = http1((conn, head) => {
      asked.push(conn);
      if (asked.length === 1) echo(conn, head);
      else arrived.resolve();
    });
    const { client } = await clientOf({ web: port });
    (await open(client)).stream.close(8);
    await asked[0]?.until(() => asked[0]?.closed === true);
    const waiting = dial(client);
    await arrived.promise;
    waiting.close(8);
    await asked[1]?.until(() => asked[1]?.closed === true);
  });

  test("a pod that goes resets the stream, and is not counted as a problem of the route", async () => {
    const opened = Promise.withResolvers<Recorder>();
    const { port } = http1((conn, head) => {
      conn.write(switching(head));
      opened.resolve(conn);
    });
    const { client, front } = await clientOf({ web: port });
    const { stream } = await open(client);
    const answer = readAnswer(stream);
    (await opened.promise).conn.abort();
    await answer;
    expect(front.counters.of("p", "web.localhost")).toMatchObject({ requests: 1, lastProblem: undefined });
  });

  test("any bytes in any pieces, many at once", async () => {
    const { client } = await clientOf({ web: http1(echo).port });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.uint8Array({ maxLength: 70_000 }), { maxLength: 6 }), { minLength: 1, maxLength: 5 }),
        async (sockets) => {
          const echoed = await Promise.all(
            sockets.map(async (pieces) => {
              const { stream } = await open(client);
              const answer = readAnswer(stream);
              for (const piece of pieces) stream.write(piece);
              stream.end();
              return (await answer).body;
            }),
          );
          expect(echoed.map(String)).toEqual(sockets.map((pieces) => String(Buffer.concat(pieces))));
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe("before a backend of HTTP/2", () => {
  test("that offers it: it is passed on as it is, beside requests on one connection", async () => {
    const seen: unknown[] = [];
    const backend = await startBackend(
      (stream, headers) => {
        seen.push(headers);
        stream.respond({ ":status": 200, ...(headers[":protocol"] && { "sec-websocket-protocol": "chat" }) });
        stream.pipe(stream);
      },
      { enableConnectProtocol: true },
    );
    closers.push(() => backend.close());
    const { client, front } = await clientOf({ web: backend.port });
    const { stream, headers } = await open(client);
    expect(headers).toMatchObject({ ":status": 200, "sec-websocket-protocol": "chat" });
    const answer = readAnswer(stream);
    stream.write("hel");
    await ask(client, "web.localhost");
    stream.end("lo");
    expect((await answer).body.toString()).toBe("hello");
    expect(seen[0]).toMatchObject({
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":scheme": "http",
      ":path": "/ws?a=b",
      ":authority": "web.localhost",
    });
    expect(front.dialed.length).toBe(1);
    expect(backend.sessions.size).toBe(1);
  });

  test("that does not: it is asked in HTTP/1, and is remembered as one of HTTP/2", async () => {
    const sockets = http1(echo);
    const backend = await startBackend((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("h2");
    });
    closers.push(() => backend.close());
    const front = startFront(
      { web: sockets.port },
      { dial: async (_, __, signal) => plainLink(await connectTcp({ host: "127.0.0.1", port: backend.port, signal })) },
    );
    closers.push(() => front.close());
    const client = connectClient(front);
    closers.push(() => client.destroy());
    for (let nth = 0; nth < 2; nth++) {
      const { stream } = await open(client);
      const answer = readAnswer(stream);
      stream.end("hello");
      expect((await answer).body.toString()).toBe("hello");
      expect((await ask(client, "web.localhost")).body.toString()).toBe("h2");
    }
    expect([sockets.heads.length, backend.sessions.size]).toEqual([2, 1]);
  });

  /** A door whose backends are scripted, and a client that has asked for a WebSocket. */
  function scripted(settings: Parameters<typeof rawDoor>[0]): ReturnType<typeof rawDoor> {
    const door = rawDoor(settings);
    connectOn(door.client, 1);
    return door;
  }
  const connectOn = (client: RawPeer, streamId: number): void =>
    client.request(streamId, { ":method": "CONNECT", ":protocol": "websocket" }, false);

  test("is not asked before it has said that it offers it", async () => {
    const door = scripted({ backendSettings: "mute" });
    const backend = await door.backend(0);
    await backend.next("settings");
    await door.client.settled();
    expect(backend.events.filter(({ type }) => type === "headers")).toEqual([]);
  });

  test("an end of either half is one, and a reset is one", async () => {
    const door = scripted({ backendSettings: [[8, 1]] });
    const backend = await door.backend(0);
    const { streamId, headers } = await backend.next("headers");
    expect(headers).toMatchObject({ ":method": "CONNECT", ":protocol": "websocket", ":path": "/" });
    backend.headers(streamId, { ":status": "200", "content-length": "3" });
    await door.client.next("headers");
    backend.data(streamId, "more than three", true);
    expect(await door.client.next("data")).toMatchObject({ text: "more than three", endStream: true });
    door.client.data(1, "last", true);
    expect(await backend.next("data")).toMatchObject({ text: "last", endStream: true });
    connectOn(door.client, 3);
    const second = await backend.next("headers");
    backend.headers(second.streamId, { ":status": "200" });
    await door.client.next("headers", 3);
    backend.send(Uint8Array.of(0, 0, 4, 3, 0, 0, 0, 0, second.streamId, 0, 0, 0, 8));
    expect(await door.client.next("reset", 3)).toMatchObject({ code: 8 });
  });
});

describe("what is refused", () => {
  test.each([
    ["a protocol with GET", { ":method": "GET" }, 1],
    ["no path", { ":path": "" }, 1],
    ["a path that begins elsewhere", { ":path": "ws" }, 1],
    ["a length", { "content-length": "5" }, 1],
    ["a length of 0", { "content-length": "0" }, 1],
    ["a protocol with a blank in it", { ":protocol": "web socket" }, 1],
    ["no scheme", { ":scheme": "" }, 1],
  ])("%s is malformed", async (_, more, code) => {
    const { client, links } = rawDoor();
    client.request(1, { ":method": "CONNECT", ":protocol": "websocket", ...more }, false);
    expect(await client.next("reset", 1)).toMatchObject({ code });
    expect(links.length).toBe(0);
  });

  test("other protocols get a 400 that names what is passed on", async () => {
    const { client, links } = rawDoor();
    client.request(1, { ":method": "CONNECT", ":protocol": "connect-udp" }, false);
    expect((await client.next("headers", 1)).headers[":status"]).toBe("400");
    expect((await client.next("data", 1)).text).toContain('CONNECT for "connect-udp" is not supported: kt passes on "websocket" only');
    expect(links.length).toBe(0);
  });
});
