/** Clients of HTTP/2 before backends that speak HTTP/1 only: requests, bodies and trailers both ways, failures, back-pressure. */

import { afterEach, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { serve } from "bun";
import { listenTcp } from "#net/tcp.ts";
import { ask, connectClient, type Front, readAnswer, startBackend, startFront } from "#test/support/h2-peers.ts";
import { Recorder } from "#test/support/recorder.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

/** A server of HTTP/1. */
function http1(answer: (request: Request) => Response | Promise<Response>): number {
  const server = serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
  closers.push(() => void server.stop(true));
  return server.port ?? 0;
}

/** A server whose every byte the test decides; `first` is the head of what it is asked. */
function raw(answer: (conn: Recorder, first: string) => void): number {
  const accept = async (conn: Recorder): Promise<void> => {
    closers.push(() => conn.conn.abort());
    await conn.until(() => conn.closed || conn.text().includes("\r\n\r\n"));
    if (!conn.closed) answer(conn, conn.text());
  };
  const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => void accept(new Recorder(conn)) });
  closers.push(() => listener.close());
  return listener.port;
}

function writeAndEnd(conn: Recorder, bytes: string): void {
  conn.conn.write(Buffer.from(bytes, "latin1"));
  conn.conn.end();
}

const badRequest = "HTTP/1.1 400 Bad Request\r\n\r\n";

/** Answers the preface of HTTP/2 with 400, and what else comes by `answer`. */
const http1Only =
  (answer: (conn: Recorder, first: string) => void): ((conn: Recorder, first: string) => void) =>
  (conn, first) =>
    first.startsWith("PRI ") ? writeAndEnd(conn, badRequest) : answer(conn, first);

const answering = (bytes: string) => http1Only((conn) => writeAndEnd(conn, bytes));

function clientOf(backends: Readonly<Record<string, number>>): { front: Front; client: ReturnType<typeof connectClient> } {
  const front = startFront(backends);
  closers.push(() => front.close());
  const client = connectClient(front);
  closers.push(() => client.destroy());
  return { front, client };
}

describe("requests", () => {
  test("pass with their headers and answers, and only the first asks for HTTP/2", async () => {
    const port = http1((request) => {
      const seen = {
        line: `${request.method} ${new URL(request.url).pathname}${new URL(request.url).search}`,
        ...request.headers.toJSON(),
      };
      return new Response(JSON.stringify(seen), { headers: { "X-Answer": "yes" } });
    });
    const { client, front } = clientOf({ web: port });
    const first = await ask(client, "web.localhost:8989", { ":path": "/a?b=c", cookie: ["a=1", "b=2"], te: "trailers", "x-custom": "1" });
    expect(first.headers).toMatchObject({ ":status": 200, "x-answer": "yes", "content-length": String(first.body.length) });
    expect(Object.keys(first.headers)).not.toContain("connection");
    expect(JSON.parse(first.body.toString())).toMatchObject({
      line: "GET /a?b=c",
      host: "web.localhost:8989",
      cookie: "a=1; b=2",
      "x-custom": "1",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": "web.localhost:8989",
      "x-forwarded-proto": "http",
    });
    const second = await ask(client, "web.localhost:8989");
    expect(front.dialed.length).toBe(2);
    expect(front.counters.of("p", "web.localhost")).toMatchObject({ requests: 2, lastProblem: undefined });
    expect(front.counters.of("p", "web.localhost").receivedBytes).toBe(first.body.length + second.body.length);
  });

  test.each([
    ["with a length", { "content-length": "5" }, ["content-length: 5", "\r\n\r\n12345"]],
    ["without one", {}, ["transfer-encoding: chunked", "\r\n\r\n5\r\n12345\r\n0\r\n\r\n"]],
  ])("a body %s", async (_, more, wanted) => {
    const port = raw(
      http1Only(async (conn) => {
        await conn.untilText("12345");
        if (!("content-length" in more)) await conn.untilText("\r\n0\r\n\r\n");
        const text = JSON.stringify(conn.text());
        writeAndEnd(conn, `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
      }),
    );
    const { client } = clientOf({ web: port });
    const answer = await ask(client, "web.localhost", { ":method": "POST", ...more }, Buffer.from("12345"));
    const sent: string = JSON.parse(answer.body.toString());
    expect(sent).toStartWith("POST / HTTP/1.1\r\nHost: web.localhost\r\n");
    for (const piece of wanted) expect(sent).toContain(piece);
  });

  test("a POST without a body says so", async () => {
    const port = http1((request) => new Response(request.headers.get("content-length") ?? "nothing"));
    const { client } = clientOf({ web: port });
    expect((await ask(client, "web.localhost", { ":method": "POST" })).body.toString()).toBe("0");
  });

  test.each([
    ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200],
    ["GET", "HTTP/1.1 204 No Content\r\n\r\n", 204],
    ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n", 304],
  ])("the answer to %s %p has no body", async (method, bytes, status) => {
    const { client } = clientOf({ web: raw(answering(bytes)) });
    const answer = await ask(client, "web.localhost", { ":method": method });
    expect(answer).toMatchObject({ headers: { ":status": status }, rstCode: 0 });
    expect(answer.body.length).toBe(0);
  });

  test("many at once beside a backend of HTTP/2 on one connection", async () => {
    const port = http1((request) => new Response(`one ${new URL(request.url).pathname}`));
    const other = await startBackend((stream, headers) => {
      stream.respond({ ":status": 200 });
      stream.end(`two ${headers[":path"]}`);
    });
    closers.push(() => other.close());
    const { client } = clientOf({ one: port, two: other.port });
    const names = Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? "one" : "two"));
    const answers = await Promise.all(names.map((name, index) => ask(client, `${name}.localhost`, { ":path": `/${index}` })));
    expect(answers.map(({ body }) => body.toString())).toEqual(names.map((name, index) => `${name} /${index}`));
  });
});

describe("responses", () => {
  test.each([
    [
      "chunked, with trailers",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n",
      { "x-sum": "5" },
    ],
    ["chunked, without", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", undefined],
    ["until the end", "HTTP/1.0 200 OK\r\nKeep-Alive: 5\r\n\r\nabcde", undefined],
    [
      "behind an interim head",
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
      undefined,
    ],
    ["with a control character in a value", "HTTP/1.1 200 OK\r\nX-A: a\x08b\r\nContent-Length: 5\r\n\r\nabcde", undefined],
  ])("%s", async (_, bytes, trailers) => {
    const { client } = clientOf({ web: raw(answering(bytes)) });
    const answer = await ask(client, "web.localhost");
    expect(answer).toMatchObject({ headers: { ":status": 200 }, rstCode: 0 });
    expect(answer.body.toString()).toBe("abcde");
    if (trailers) expect({ ...answer.trailers }).toMatchObject(trailers);
    for (const name of ["connection", "keep-alive", "transfer-encoding"]) expect(Object.keys(answer.headers)).not.toContain(name);
  });

  test("the interim 100 comes before the body is sent", async () => {
    const port = raw(
      http1Only(async (conn) => {
        conn.write("HTTP/1.1 100 Continue\r\n\r\n");
        await conn.untilText("now");
        writeAndEnd(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nseen");
      }),
    );
    const { client } = clientOf({ web: port });
    const stream = client.request({ ":authority": "web.localhost", ":path": "/", ":method": "POST", expect: "100-continue" });
    const answer = readAnswer(stream);
    await once(stream, "continue");
    stream.end("now");
    expect((await answer).body.toString()).toBe("seen");
  });

  test("20 MB both ways unchanged, chunked both ways", async () => {
    const port = http1((request) => new Response(request.body));
    const { client } = clientOf({ web: port });
    const body = randomBytes(20 * 1024 * 1024);
    const answer = await ask(client, "web.localhost", { ":method": "POST" }, body);
    expect(createHash("sha256").update(answer.body).digest("hex")).toBe(createHash("sha256").update(body).digest("hex"));
  });

  test("trailers of the request arrive", async () => {
    const port = raw(
      http1Only(async (conn) => {
        await conn.untilText("\r\n0\r\nx-sum: 3\r\n\r\n");
        writeAndEnd(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nseen");
      }),
    );
    const { client } = clientOf({ web: port });
    const stream = client.request({ ":authority": "web.localhost", ":path": "/", ":method": "POST" }, { waitForTrailers: true } as object);
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "3" }));
    const answer = readAnswer(stream);
    stream.end("abc");
    expect((await answer).body.toString()).toBe("seen");
  });

  test("one that is not read stops its backend", async () => {
    let written = 0;
    const piece = Buffer.alloc(64 * 1024);
    const port = raw(
      http1Only(async (conn) => {
        conn.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        while (!conn.closed) {
          const drains = conn.events.filter((event) => event === "drain").length;
          written += piece.length;
          if (!conn.conn.write(piece))
            await conn.until(() => conn.closed || conn.events.filter((event) => event === "drain").length > drains);
        }
      }),
    );
    const { client } = clientOf({ web: port });
    const stream = client.request({ ":authority": "web.localhost", ":path": "/" });
    stream.on("error", () => {});
    stream.pause();
    await once(stream, "response");
    // Others go on, so as long as they take nothing more than buffers may have been written.
    let before = -1;
    for (; before !== written; await ask(client, "nowhere.localhost")) before = written;
    expect(written).toBeLessThan(64 * 1024 * 1024);
    stream.close();
  });
});

describe("failures", () => {
  test("a backend that closes when it is asked for HTTP/2 is asked in HTTP/1", async () => {
    const port = raw((conn, first) => {
      if (first.startsWith("PRI ")) conn.conn.abort();
      else writeAndEnd(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    const { client } = clientOf({ web: port });
    expect((await ask(client, "web.localhost")).body.toString()).toBe("ok");
  });

  test("what is not HTTP at all is named", async () => {
    const port = raw((conn) => void conn.write("SSH-2.0-OpenSSH_9.2\r\n"));
    const { client } = clientOf({ web: port });
    const answer = await ask(client, "web.localhost");
    expect(answer.headers[":status"]).toBe(502);
    expect(answer.body.toString()).toContain("SSH-2.0-OpenSSH_9.2");
  });

  test("gRPC gets a status that says why, gRPC-Web is passed on", async () => {
    const port = http1(() => new Response("web"));
    const { client } = clientOf({ web: port });
    const call = await ask(client, "web.localhost", { ":method": "POST", "content-type": "application/grpc" }, Buffer.alloc(5));
    expect(call.headers).toMatchObject({ ":status": 200, "grpc-status": "14" });
    expect(call.headers["grpc-message"]).toContain("speaks HTTP/1 only");
    const web = await ask(client, "web.localhost", { ":method": "POST", "content-type": "application/grpc-web+proto" }, Buffer.alloc(5));
    expect(web.body.toString()).toBe("web");
  });

  test("a response that breaks off is reset, not ended", async () => {
    const { client } = clientOf({ web: raw(answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")) });
    expect(await ask(client, "web.localhost")).toMatchObject({ rstCode: 2 });
  });

  test("an answer before the request has ended, and the client hears that no more of it is read", async () => {
    const port = raw(answering("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"));
    const { client } = clientOf({ web: port });
    const stream = client.request({ ":authority": "web.localhost", ":path": "/", ":method": "POST" });
    const answer = await readAnswer(stream);
    expect(answer).toMatchObject({ headers: { ":status": 413 }, rstCode: 0 });
    expect(answer.body.toString()).toBe("no");
  });

  test("a client that leaves takes its request along", async () => {
    const asked = Promise.withResolvers<Recorder>();
    const { client } = clientOf({ web: raw(http1Only((conn) => asked.resolve(conn))) });
    const stream = client.request({ ":authority": "web.localhost", ":path": "/" });
    stream.on("error", () => {});
    const backend = await asked.promise;
    stream.close(8);
    await backend.until(() => backend.closed);
  });

  test("a refused port is a 502", async () => {
    const { client } = clientOf({ gone: 1 });
    expect((await ask(client, "gone.localhost")).headers[":status"]).toBe(502);
  });
});
