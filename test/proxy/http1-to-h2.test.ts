/** Clients of HTTP/1 before backends that speak HTTP/2 without TLS: heads, bodies, trailers, back-pressure, failures, upgrades. */

import { afterEach, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import type { OutgoingHttpHeaders } from "node:http2";
import fc from "fast-check";
import { systemClock } from "#base/clock.ts";
import { connectTcp, listenTcp } from "#net/tcp.ts";
import { Http1OverH2 } from "#proxy/h2/http1-over-h2.ts";
import { startBackend, type StreamHandler } from "#test/support/h2-peers.ts";
import { Recorder } from "#test/support/recorder.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

/** A connection of HTTP/1 to a real server of HTTP/2. */
async function connection(handle: StreamHandler): Promise<{ conn: Http1OverH2; answers: Recorder; sessions: () => number }> {
  const backend = await startBackend(handle);
  closers.push(() => backend.close());
  return { ...(await connectionTo(backend.port)), sessions: () => backend.sessions.size };
}

async function connectionTo(port: number): Promise<{ conn: Http1OverH2; answers: Recorder }> {
  const conn = new Http1OverH2(await connectTcp({ host: "127.0.0.1", port, signal: AbortSignal.timeout(5000) }), systemClock);
  closers.push(() => conn.abort());
  return { conn, answers: new Recorder(conn) };
}

const answering =
  (body: string | Buffer, more: OutgoingHttpHeaders = {}): StreamHandler =>
  (stream) => {
    stream.respond({ ":status": 200, ...more });
    stream.end(body);
  };

const get = (more = "", line = "GET /a?b HTTP/1.1"): string => `${line}\r\nHost: web.localhost:8989\r\n${more}\r\n`;

describe("a request", () => {
  test("has pseudo-fields for its line and its host, and no field of one connection", async () => {
    const seen = Promise.withResolvers<unknown>();
    const { answers } = await connection((stream, headers) => {
      seen.resolve(headers);
      stream.respond({ ":status": 204 });
      stream.end();
    });
    answers.write(
      get(
        "X-Custom: 1\r\nConnection: TE, keep-alive\r\nKeep-Alive: 5\r\nTE: trailers, deflate\r\nHTTP2-Settings: AAA\r\nCookie: a=1; b=2\r\n",
      ),
    );
    const headers = (await seen.promise) as Record<string, unknown>;
    expect(headers).toMatchObject({ ":method": "GET", ":path": "/a?b", ":scheme": "http", ":authority": "web.localhost:8989" });
    expect(headers).toMatchObject({ "x-custom": "1", te: "trailers", cookie: "a=1; b=2" });
    for (const name of ["connection", "keep-alive", "http2-settings", "host", "upgrade"]) expect(Object.keys(headers)).not.toContain(name);
    await answers.untilText("HTTP/1.1 204 No Content\r\n");
  });

  test.each([
    ["with a length", "Content-Length: 5\r\n", "hello", { "content-length": "5" }],
    ["in chunks, with trailers", "Transfer-Encoding: chunked\r\n", "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Sum: 5\r\n\r\n", {}],
  ])("a body %s arrives whole, in whatever pieces it comes", async (_, more, body, wanted) => {
    const { answers } = await connection(async (stream, headers) => {
      let trailers = {};
      stream.on("trailers", (received) => (trailers = { ...received }));
      const chunks = await Array.fromAsync(stream);
      stream.respond({ ":status": 200 });
      stream.end(JSON.stringify({ headers: { ...headers }, body: Buffer.concat(chunks).toString(), trailers }));
    });
    answers.write(get(more, "POST / HTTP/1.1"));
    for (const byte of body) answers.write(byte);
    await answers.untilText("\r\n0\r\n\r\n");
    const text = answers.text();
    const seen = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
    expect(seen).toMatchObject({ body: "hello", headers: wanted });
    expect(seen.headers["transfer-encoding"]).toBeUndefined();
    if (more.startsWith("Transfer")) expect(seen.trailers).toMatchObject({ "x-sum": "5" });
  });

  test("the next goes on the same connection", async () => {
    const { answers, sessions } = await connection((stream, headers) => {
      stream.respond({ ":status": 200, "content-length": 2 });
      stream.end(String(headers[":path"]));
    });
    for (const path of ["/1", "/2", "/3"]) {
      answers.write(get("", `GET ${path} HTTP/1.1`));
      await answers.untilText(`\r\n\r\n${path}`);
    }
    expect(sessions()).toBe(1);
  });
});

describe("a response", () => {
  const answer = async (handle: StreamHandler, request: string, until: string): Promise<string> => {
    const { answers } = await connection(handle);
    answers.write(request);
    await answers.untilText(until);
    return answers.text();
  };

  test("with a length keeps it, and without one is chunked, with its trailers", async () => {
    const known = await answer(answering("hello", { "content-length": 5 }), get(), "hello");
    expect(known).toContain("\r\ncontent-length: 5\r\n");
    expect(known).not.toMatch(/transfer-encoding/);
    const chunked = await answer(
      (stream) => {
        stream.respond({ ":status": 200 }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "5" }));
        stream.end("hello");
      },
      get(),
      "x-sum: 5\r\n\r\n",
    );
    expect(chunked).toContain("\r\ntransfer-encoding: chunked\r\n");
    expect(chunked).toEndWith("5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n");
  });

  test("without a body has a length of 0, and to HEAD its own", async () => {
    const empty = await answer((stream) => stream.respond({ ":status": 404 }, { endStream: true }), get(), "\r\n\r\n");
    expect(empty).toStartWith("HTTP/1.1 404 Not Found\r\n");
    expect(empty).toContain("\r\ncontent-length: 0\r\n");
    const head = (stream: Parameters<StreamHandler>[0]): void =>
      stream.respond({ ":status": 200, "content-length": 1000 }, { endStream: true });
    expect(await answer(head, get("", "HEAD / HTTP/1.1"), "\r\n\r\n")).toContain("\r\ncontent-length: 1000\r\n");
  });

  test("to HTTP/1.0 lasts until the end", async () => {
    const { answers } = await connection(answering("hello"));
    answers.write(get("", "GET / HTTP/1.0"));
    await answers.untilEnd();
    expect(answers.text()).toEndWith("\r\n\r\nhello");
    expect(answers.text()).not.toMatch(/transfer-encoding/);
  });

  test("has its early heads before it", async () => {
    const text = await answer(
      (stream) => {
        stream.additionalHeaders({ ":status": 103, link: "</a>" });
        stream.respond({ ":status": 200, "content-length": 2 });
        stream.end("ok");
      },
      get(),
      "ok",
    );
    expect(text).toStartWith("HTTP/1.1 103 \r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n");
  });

  test("of 20 MB comes unchanged to a reader that pauses", async () => {
    const body = randomBytes(20 * 1024 * 1024);
    const { conn, answers } = await connection(answering(body, { "content-length": body.length }));
    const paused = answers.onData.bind(answers);
    answers.onData = (bytes) => {
      paused(bytes);
      conn.pause();
      queueMicrotask(() => conn.resume());
    };
    answers.write(get());
    await answers.until(() => answers.length > body.length);
    const got = answers.bytes().subarray(answers.length - body.length);
    expect(createHash("sha256").update(got).digest("hex")).toBe(createHash("sha256").update(body).digest("hex"));
  });

  test("any bytes both ways", async () => {
    const { answers } = await connection((stream) => {
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40_000 }), { maxLength: 5 }), async (pieces) => {
        const before = answers.length;
        const bytes = Buffer.concat(pieces);
        answers.write(get(`Content-Length: ${bytes.length}\r\n`, "POST / HTTP/1.1"));
        for (const piece of pieces) answers.conn.write(piece);
        const fresh = (): Buffer => Buffer.from(answers.bytes().subarray(before));
        await answers.until(
          () =>
            fresh().toString("latin1").endsWith("\r\n0\r\n\r\n") ||
            /content-length: 0\r\n[\s\S]*\r\n\r\n$/.test(fresh().toString("latin1")),
        );
        expect(dechunked(fresh()).equals(bytes)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  function dechunked(message: Buffer): Buffer {
    let at = message.indexOf("\r\n\r\n") + 4;
    const parts: Buffer[] = [];
    if (!message.subarray(0, at).includes("chunked")) return message.subarray(at);
    for (;;) {
      const line = message.indexOf("\r\n", at);
      const size = Number.parseInt(message.subarray(at, line).toString(), 16);
      if (size === 0) return Buffer.concat(parts);
      parts.push(message.subarray(line + 2, line + 2 + size));
      at = line + 2 + size + 2;
    }
  }
});

describe("failures", () => {
  test("a reset ends the connection with its code", async () => {
    const { answers } = await connection((stream) => {
      stream.respond({ ":status": 200 });
      stream.once("data", () => stream.close(2));
    });
    answers.write(get("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1"));
    await answers.untilText("200 OK");
    answers.write("1\r\nx\r\n");
    await answers.until(() => answers.closed);
    expect(answers.error).toMatchObject({ code: "connection-lost" });
    expect(answers.error?.message).toContain("HTTP/2 error 2");
  });

  test("a backend that answers in HTTP/1 is named as one", async () => {
    const listener = listenTcp({
      host: "127.0.0.1",
      port: 0,
      accept: (conn) => void new Recorder(conn).write("HTTP/1.1 400 Bad Request\r\n\r\n"),
    });
    closers.push(() => listener.close());
    const { answers } = await connectionTo(listener.port);
    answers.write(get());
    await answers.until(() => answers.closed);
    expect(answers.error?.message).toContain("the backend does not speak HTTP/2");
  });

  test("a body that is longer or shorter than announced never passes for the next response", async () => {
    for (const body of ["too long", "no"]) {
      const { answers } = await connection((stream) => {
        stream.respond({ ":status": 200, "content-length": 5 });
        stream.end(body);
      });
      answers.write(get());
      await answers.until(() => answers.closed);
      expect(answers.text()).not.toContain("too long");
      expect(answers.error).toBeDefined();
    }
  });

  test("a client that leaves takes its stream along", async () => {
    const gone = Promise.withResolvers<void>();
    const { conn, answers } = await connection((stream) => {
      stream.respond({ ":status": 200 });
      stream.on("close", () => gone.resolve());
    });
    answers.write(get());
    await answers.untilText("200 OK");
    conn.abort();
    await gone.promise;
  });
});

describe("an upgrade", () => {
  test("leaves the connection one of HTTP/1", async () => {
    const heads: Recorder[] = [];
    const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => heads.push(new Recorder(conn)) });
    closers.push(() => listener.close());
    const { conn, answers } = await connectionTo(listener.port);
    answers.write(get("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    answers.write("frames");
    await answers.until(() => heads.length === 1);
    await heads[0]?.untilText("frames");
    expect(heads[0]?.text()).toStartWith("GET /a?b HTTP/1.1\r\n");
    heads[0]?.write("back");
    await answers.untilText("back");
    expect(conn.isH2).toBe(false);
  });
});
