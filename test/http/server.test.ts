/** The server side of HTTP/1.1 over a Conn in memory: bodies, order, answers that go on, upgrades, and what is refused. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Conn } from "#base/conn.ts";
import { request } from "#http/client.ts";
import { httpLimits } from "#http/limits.ts";
import { type BodyStream, type RequestHandler, serveHttp } from "#http/server.ts";
import { settle } from "#test/support/manual-clock.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { Recorder } from "#test/support/recorder.ts";

/** Says what was asked. */
const mirror: RequestHandler = ({ head, path, query, body }) => ({
  kind: "whole",
  status: 200,
  headers: [],
  body: Buffer.from(`${head.method} ${path} ${query} ${Buffer.from(body).toString()}`),
});

function served(handler: RequestHandler): Recorder {
  const [near, far] = memoryPair();
  serveHttp(far, handler);
  return new Recorder(near);
}

async function answerTo(text: string, handler: RequestHandler = mirror): Promise<string> {
  const client = served(handler);
  client.write(text);
  await settle();
  return client.text();
}

const ok = (body: string, extra = ""): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${extra}\r\n${body}`;
const get = (path: string, extra = ""): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${extra}\r\n`;

describe("a request", () => {
  test("is answered in its turn, however the bytes are split", async () => {
    const sent = `${get("/a?b=c")}POST /d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi${"PUT /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nyo\r\n0\r\n\r\n"}${get("/f")}`;
    const want = [ok("GET /a b=c "), ok("POST /d  hi"), ok("PUT /e  yo"), ok("GET /f  ")].join("");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(sent.length), { maxLength: 6 }), async (cuts) => {
        const client = served(mirror);
        let from = 0;
        for (const to of [...cuts.sort((a, b) => a - b), sent.length]) {
          client.write(sent.slice(from, to));
          from = to;
        }
        await settle();
        expect(client.text()).toBe(want);
      }),
      { numRuns: 50 },
    );
  });

  test("waits for the answer to the one before it", async () => {
    const answers: (() => void)[] = [];
    const client = served((asked) => new Promise((resolve) => answers.push(() => resolve(mirror(asked)))));
    client.write(get("/a") + get("/b"));
    await settle();
    expect(answers).toHaveLength(1);
    answers[0]?.();
    await settle();
    expect(answers).toHaveLength(2);
    expect(client.text()).toBe(ok("GET /a  "));
  });

  test("of HEAD gets a head alone, with the length of the body", async () => {
    expect(await answerTo("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")).toBe("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
  });

  test("may be the last of its connection", async () => {
    expect(await answerTo(get("/", "Connection: close\r\n") + get("/b"))).toBe(ok("GET /  ", "Connection: close\r\n"));
    expect(await answerTo("GET / HTTP/1.0\r\nHost: a\r\n\r\n")).toBe(ok("GET /  ", "Connection: close\r\n"));
  });

  test("of a client that has ended its half is answered", async () => {
    let give = (): void => {};
    const client = served((asked) => new Promise((resolve) => (give = () => resolve(mirror(asked)))));
    client.write(get("/"));
    client.conn.end();
    await settle();
    give();
    await settle();
    expect(client.text()).toBe(ok("GET /  "));
    expect(client.ended).toBe(true);
  });

  test.each<[what: string, handler: RequestHandler]>([
    [
      "throws",
      () => {
        throw new Error("broken");
      },
    ],
    ["rejects", async () => await Promise.reject(new Error("broken"))],
  ])("whose handler %s is answered by a 500, behind which nothing is read", async (_, handler) => {
    expect(await answerTo(get("/") + get("/b"), handler)).toMatch(
      /^HTTP\/1\.1 500 Internal Server Error\r\n[\s\S]*Connection: close\r\n\r\n.*broken\n$/,
    );
  });

  test.each([
    ["that is not HTTP", "nonsense\r\n\r\n", 400],
    ["with two lengths", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400],
    ["with a chunk that has no size", "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400],
  ])("%s is refused", async (_, text, status) => {
    const answer = await answerTo(text + get("/b"));
    expect(answer).toStartWith(`HTTP/1.1 ${status} `);
    expect(answer).not.toContain("GET /b");
  });

  test.each([
    ["/a/b?c=d", "/a/b c=d"],
    ["//b.test/c", "//b.test/c "],
    ["http://b.test/c?d", "/c d="],
  ])("for %s has its path, whatever the path looks like", async (target, want) => {
    expect(await answerTo(get(target))).toBe(ok(`GET ${want} `));
  });

  test("for everything has an asterisk as its path, and one for an address that is not valid is refused", async () => {
    expect(await answerTo("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")).toBe(ok("OPTIONS *  "));
    expect(await answerTo(get("http://[/"))).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  });

  test("with a body past the limit is refused, and one of the limit is not", async () => {
    const put = async (bytes: number): Promise<string> => {
      const client = served(({ body }) => ({ kind: "whole", status: 200, headers: [], body: Buffer.from(String(body.length)) }));
      client.write(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`);
      for (let left = bytes; left > 0; left -= 65_536) client.write("x".repeat(Math.min(left, 65_536)));
      await settle();
      return client.text();
    };
    expect(await put(httpLimits.serverRequestBytes)).toBe(ok(String(httpLimits.serverRequestBytes)));
    expect(await put(httpLimits.serverRequestBytes + 1)).toStartWith("HTTP/1.1 413 Content Too Large\r\n");
  });
});

describe("an answer that goes on", () => {
  function streaming(): { handler: RequestHandler; streams: BodyStream[]; left: number[] } {
    const streams: BodyStream[] = [];
    const left: number[] = [];
    const handler: RequestHandler = () => ({
      kind: "stream",
      status: 200,
      headers: [["Content-Type", "text/plain"]],
      begin(stream) {
        const at = streams.push(stream);
        return () => void left.push(at);
      },
    });
    return { handler, streams, left };
  }

  test("comes in chunks, and the connection goes on behind it", async () => {
    const { handler, streams, left } = streaming();
    const client = served(handler);
    client.write(get("/") + get("/b"));
    await settle();
    streams[0]?.write(Buffer.from("one"));
    streams[0]?.end();
    streams[0]?.write(Buffer.from("late"));
    await settle();
    expect(client.text()).toBe(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    expect(streams).toHaveLength(2);
    expect(left).toEqual([]);
  });

  test("ends with the connection for a client of HTTP/1.0", async () => {
    const { handler, streams } = streaming();
    const client = served(handler);
    client.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    await settle();
    streams[0]?.write(Buffer.from("one"));
    streams[0]?.end();
    await settle();
    expect(client.text()).toBe("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\none");
    expect(client.ended).toBe(true);
  });

  test.each<[how: string, leave: (conn: Conn) => void]>([
    ["ends its half", (conn) => conn.end()],
    ["is gone", (conn) => conn.abort()],
  ])("is over when the client %s, and is reported once", async (_, leave) => {
    const { handler, left } = streaming();
    const client = served(handler);
    client.write(get("/"));
    await settle();
    leave(client.conn);
    await settle();
    expect(left).toEqual([1]);
  });
});

test("an upgrade hands the connection on, with what came behind the request", async () => {
  let taken: Conn | undefined;
  const client = served(() => ({ kind: "upgrade", headers: [["Upgrade", "x"]], take: (conn) => (taken = conn) }));
  client.write(`${get("/", "Connection: Upgrade\r\nUpgrade: x\r\n")}more`);
  await settle();
  expect(client.text()).toBe("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n");
  const inside = new Recorder(taken as Conn);
  await settle();
  expect(inside.text()).toBe("more");
});

test("client and server understand each other", async () => {
  const [near, far] = memoryPair();
  serveHttp(far, mirror);
  const message = { method: "POST", target: "/p?q=1", headers: [["Host", "a"]], body: "said" } as const;
  const { head, body } = await request(near, message, new AbortController().signal);
  expect([head.status, body]).toEqual([200, "POST /p q=1 said"]);
});
