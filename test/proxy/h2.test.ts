/** The HTTP/2 front door between real peers: routing, headers, streams both ways, failures, back-pressure. */

import { afterEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { ClientHttp2Stream, ServerHttp2Stream } from "node:http2";
import type { Found } from "#route/lookup.ts";
import {
  ask,
  connectClient,
  type Front,
  readAnswer,
  routeTo,
  type StreamHandler,
  startBackend,
  startFront,
} from "#test/support/h2-peers.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

const later = <T extends { close(): void }>(opened: T): T => {
  closers.push(() => opened.close());
  return opened;
};

function clientOf(front: Front) {
  const client = connectClient(front);
  closers.push(() => client.destroy());
  return client;
}

async function setUp(handle: StreamHandler, settings: { maxConcurrentStreams?: number } = {}) {
  const backend = later(await startBackend(handle, settings));
  const front = later(startFront({ web: backend.port, gone: 1 }));
  return { backend, front, client: clientOf(front) };
}

const hello: StreamHandler = (stream) => {
  stream.respond({ ":status": 200 });
  stream.end("hello");
};

describe("requests", () => {
  test("pass with their headers, and the client's side in X-Forwarded", async () => {
    const { client } = await setUp((stream, headers) => {
      stream.respond({ ":status": 201, "x-answer": "yes", "content-type": "application/json" });
      stream.end(JSON.stringify(headers));
    });
    const answer = await ask(client, "WEB.localhost:8989", {
      ":path": "/a?b=c",
      "x-custom": "1",
      "x-forwarded-for": "10.0.0.1",
      "x-forwarded-proto": "https",
      te: "trailers",
    });
    expect(answer.headers[":status"]).toBe(201);
    expect(answer.headers["x-answer"]).toBe("yes");
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      ":method": "GET",
      ":path": "/a?b=c",
      ":scheme": "http",
      ":authority": "WEB.localhost:8989",
      "x-custom": "1",
      "x-forwarded-for": "10.0.0.1, 127.0.0.1",
      "x-forwarded-host": "WEB.localhost:8989",
      "x-forwarded-proto": "http",
      te: "trailers",
    });
  });

  test("pass as they are, with nothing of the client, where the route says so", async () => {
    const backend = later(
      await startBackend((stream, headers) => {
        stream.respond({ ":status": 200 });
        stream.end(JSON.stringify(headers));
      }),
    );
    const decide = (): Found => ({ ...routeTo("web", backend.port), manner: { forwarded: false, schemeGiven: true } });
    const client = clientOf(later(startFront({}, { router: { decide } })));
    const plain = await ask(client, "web.localhost");
    expect(plain.body.toString()).not.toContain("forwarded");
    const said = await ask(client, "web.localhost", { "x-forwarded-for": "10.0.0.1", forwarded: "for=10.0.0.1" });
    expect(JSON.parse(said.body.toString())).toMatchObject({ "x-forwarded-for": "10.0.0.1", forwarded: "for=10.0.0.1" });
  });

  test("of one connection go each to the route of its authority, over one connection per target", async () => {
    const answering =
      (text: string): StreamHandler =>
      (stream) => {
        stream.respond({ ":status": 200 });
        stream.end(text);
      };
    const one = later(await startBackend(answering("one")));
    const two = later(await startBackend(answering("two")));
    const front = later(startFront({ one: one.port, two: two.port }));
    const client = clientOf(front);
    const authorities = ["one.localhost", "two.localhost", "ONE.localhost:80", "two.localhost."];
    const answers = await Promise.all(authorities.map((authority) => ask(client, authority)));
    expect(answers.map((answer) => answer.body.toString())).toEqual(["one", "two", "one", "two"]);
    expect(front.dialed.toSorted()).toEqual(["one", "two"]);
    expect(front.counters.of("p", "one.localhost")).toMatchObject({ requests: 2, totalConnections: 1, receivedBytes: 6 });
  });

  test("pass interim responses, bodiless ones and HEAD", async () => {
    const { client } = await setUp((stream, headers) => {
      if (headers[":method"] === "HEAD") stream.respond({ ":status": 200, "content-length": "99" }, { endStream: true });
      else if (headers[":path"] === "/204") stream.respond({ ":status": 204 }, { endStream: true });
      else {
        stream.additionalHeaders({ ":status": 103, link: "</a.css>" });
        hello(stream, headers);
      }
    });
    const stream = client.request({ ":authority": "web.localhost", ":path": "/" });
    const interim = once(stream, "headers");
    expect((await readAnswer(stream)).body.toString()).toBe("hello");
    expect((await interim)[0]).toMatchObject({ ":status": 103, link: "</a.css>" });
    expect((await ask(client, "web.localhost", { ":method": "HEAD" })).headers["content-length"]).toBe("99");
    expect((await ask(client, "web.localhost", { ":path": "/204" })).headers[":status"]).toBe(204);
  });

  test("100 at once all succeed", async () => {
    const { client, front } = await setUp((stream, headers) => {
      stream.respond({ ":status": 200 });
      stream.end(String(headers[":path"]));
    });
    const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => ask(client, "web.localhost", { ":path": `/${index}` })));
    expect(answers.map((answer) => answer.body.toString())).toEqual(answers.map((_, index) => `/${index}`));
    expect(front.counters.of("p", "web.localhost").requests).toBe(100);
  });

  test("of a backend that allows 10 at once go over more connections", async () => {
    const waiting: ServerHttp2Stream[] = [];
    const all = Promise.withResolvers<void>();
    const { client, front, backend } = await setUp(
      (stream) => {
        waiting.push(stream);
        if (waiting.length === 40) all.resolve();
      },
      { maxConcurrentStreams: 10 },
    );
    const answers = Array.from({ length: 40 }, () => ask(client, "web.localhost"));
    await all.promise;
    expect(backend.sessions.size).toBe(4);
    for (const stream of waiting) {
      stream.respond({ ":status": 200 });
      stream.end("ok");
    }
    for (const answer of await Promise.all(answers)) expect(answer.body.toString()).toBe("ok");
    expect(front.dialed.length).toBe(backend.sessions.size);
  });

  test("50 MB pass both ways unchanged", async () => {
    const { client, front } = await setUp((stream) => {
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
    });
    const stream = client.request({ ":authority": "web.localhost", ":path": "/", ":method": "POST" });
    const [sum, echoed] = [createHash("sha256"), createHash("sha256")];
    stream.on("data", (chunk: Buffer) => echoed.update(chunk));
    const done = once(stream, "end");
    for (let count = 0; count < 50; count++) {
      const piece = Buffer.alloc(1 << 20, count);
      sum.update(piece);
      if (!stream.write(piece)) await once(stream, "drain");
    }
    stream.end();
    await done;
    expect(echoed.digest("hex")).toBe(sum.digest("hex"));
    expect(front.counters.of("p", "web.localhost")).toMatchObject({ openConnections: 1, receivedBytes: 50 << 20, sentBytes: 50 << 20 });
  });
});

/** A gRPC message: uncompressed, with its length. */
const message = (text: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 0, text.length]), Buffer.from(text)]);
const grpcRequest = { ":method": "POST", ":path": "/shop.Cart/Get", "content-type": "application/grpc", te: "trailers" };

function respondGrpc(stream: ServerHttp2Stream, status: number, text = ""): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(status), "grpc-message": text }));
}

const nextData = async (stream: ClientHttp2Stream): Promise<string> => String((await once(stream, "data"))[0].subarray(5));

describe("gRPC", () => {
  test("unary, with trailers", async () => {
    const { client } = await setUp((stream) => {
      respondGrpc(stream, 0, "fine");
      stream.on("data", (chunk: Buffer) => stream.write(chunk));
      stream.on("end", () => stream.end());
    });
    const answer = await ask(client, "web.localhost", grpcRequest, message("ping"));
    expect(answer.body).toEqual(message("ping"));
    expect(answer.trailers).toMatchObject({ "grpc-status": "0", "grpc-message": "fine" });
  });

  test("an error status without a message, in a head alone", async () => {
    const { client } = await setUp((stream) => {
      stream.respond(
        { ":status": 200, "content-type": "application/grpc", "grpc-status": "9", "grpc-message": "cart%20is%20empty" },
        { endStream: true },
      );
    });
    const answer = await ask(client, "web.localhost", grpcRequest, message("ping"));
    expect(answer.headers).toMatchObject({ "grpc-status": "9", "grpc-message": "cart%20is%20empty" });
  });

  test("both ways at once: each message arrives before the next is sent", async () => {
    const { client } = await setUp((stream) => {
      respondGrpc(stream, 0);
      stream.on("data", (chunk: Buffer) => stream.write(message(`re: ${chunk.subarray(5)}`)));
      stream.on("end", () => stream.end(message("bye")));
    });
    const stream = client.request({ ":authority": "web.localhost", ...grpcRequest });
    await once(stream, "response");
    for (const text of ["a", "b", "c"]) {
      const answer = nextData(stream);
      stream.write(message(text));
      expect(await answer).toBe(`re: ${text}`);
    }
    const last = nextData(stream);
    const trailers = once(stream, "trailers");
    stream.end();
    expect(await last).toBe("bye");
    expect((await trailers)[0]).toMatchObject({ "grpc-status": "0" });
  });

  test("a server's stream arrives message by message", async () => {
    const { client } = await setUp((stream) => {
      respondGrpc(stream, 0);
      stream.write(message("0"));
      // Each next message is sent only when the client has asked for it.
      stream.on("data", (chunk: Buffer) => stream.write(message(chunk.subarray(5).toString())));
      stream.on("end", () => stream.end());
    });
    const stream = client.request({ ":authority": "web.localhost", ...grpcRequest });
    expect(await nextData(stream)).toBe("0");
    const next = nextData(stream);
    stream.write(message("1"));
    expect(await next).toBe("1");
    stream.end();
    await once(stream, "trailers");
  });

  test("a client's stream is read while it is sent", async () => {
    const { client } = await setUp((stream) => {
      const texts: string[] = [];
      stream.on("data", (chunk: Buffer) => texts.push(chunk.toString("latin1")));
      stream.on("end", () => {
        respondGrpc(stream, 0);
        stream.end(message(String(texts.join("").split("\0").length)));
      });
    });
    const stream = client.request({ ":authority": "web.localhost", ...grpcRequest });
    const answer = readAnswer(stream);
    for (let count = 0; count < 100; count++) stream.write(message("x"));
    stream.end();
    expect((await answer).body.subarray(5).toString()).toBe("401");
  });

  test("a client's trailers reach the backend", async () => {
    const seen = Promise.withResolvers<unknown>();
    const { client } = await setUp((stream) => {
      stream.on("trailers", (trailers) => seen.resolve(trailers));
      stream.resume();
      hello(stream, {});
    });
    const stream = client.request({ ":authority": "web.localhost", ...grpcRequest }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "42" }));
    stream.end("body");
    stream.resume();
    expect(await seen.promise).toMatchObject({ "x-sum": "42" });
  });
});

describe("refusals", () => {
  test("an unknown host: a page, and NOT_FOUND for gRPC; the connection goes on", async () => {
    const { client, front } = await setUp(hello);
    const page = await ask(client, "nowhere.localhost", { accept: "text/html" });
    expect(page.headers[":status"]).toBe(404);
    expect(page.body.toString()).toContain("nowhere.localhost");
    const rpc = await ask(client, "nowhere.localhost", grpcRequest, message("ping"));
    expect(rpc.headers).toMatchObject({ ":status": 200, "content-type": "application/grpc", "grpc-status": "5" });
    expect(rpc.headers["grpc-message"]).toContain("nowhere.localhost");
    expect((await ask(client, "web.localhost")).body.toString()).toBe("hello");
    expect(front.events.filter((event) => event.type === "refused").length).toBe(2);
  });

  test("a refused port: 502, and UNAVAILABLE for gRPC", async () => {
    const { client, front } = await setUp(hello);
    expect((await ask(client, "gone.localhost")).headers[":status"]).toBe(502);
    expect((await ask(client, "gone.localhost", grpcRequest, message("x"))).headers["grpc-status"]).toBe("14");
    expect(front.counters.of("p", "gone.localhost").lastProblem).toMatchObject({ code: "port-refused" });
  });

  test("to a HEAD request has no body", async () => {
    const { client } = await setUp(hello);
    const answer = await ask(client, "nowhere.localhost", { ":method": "HEAD" });
    expect(answer.headers[":status"]).toBe(404);
    expect(answer.body.length).toBe(0);
  });
});

describe("failures", () => {
  test("a client's reset reaches the backend as it is", async () => {
    const opened = Promise.withResolvers<ServerHttp2Stream>();
    const { client } = await setUp((stream) => {
      stream.respond({ ":status": 200 });
      stream.write("x");
      opened.resolve(stream);
    });
    const stream = client.request({ ":authority": "web.localhost", ":path": "/" });
    stream.on("error", () => {});
    await once(stream, "response");
    const far = await opened.promise;
    const closed = once(far, "close");
    stream.close(8);
    await closed;
    expect(far.rstCode).toBe(8);
  });

  test("a backend that says GOAWAY gets no new stream; the open one goes on", async () => {
    const streams: ServerHttp2Stream[] = [];
    const { client, front, backend } = await setUp((stream, headers) => {
      streams.push(stream);
      if (headers[":path"] === "/slow") {
        stream.respond({ ":status": 200 });
        stream.write("first ");
      } else hello(stream, headers);
    });
    const slow = client.request({ ":authority": "web.localhost", ":path": "/slow" });
    const slowAnswer = readAnswer(slow);
    await once(slow, "data");
    for (const session of backend.sessions) session.goaway(0, 2 ** 31 - 1);
    const answers: string[] = [];
    while (front.dialed.length < 2) answers.push((await ask(client, "web.localhost")).body.toString());
    expect(new Set(answers)).toEqual(new Set(["hello"]));
    streams[0]?.end("second");
    expect((await slowAnswer).body.toString()).toBe("first second");
  });
});

describe("back-pressure", () => {
  test("a stream that is not read stops its backend, keeps little, and does not delay another", async () => {
    let pushed = 0;
    const stalled = Promise.withResolvers<void>();
    const { client } = await setUp((stream, headers) => {
      if (headers[":path"] !== "/flood") return hello(stream, headers);
      stream.respond({ ":status": 200 });
      const piece = Buffer.alloc(1 << 16);
      const push = (): void => {
        while (pushed < 1 << 28) {
          pushed += piece.length;
          if (!stream.write(piece)) {
            stream.once("drain", push);
            break;
          }
        }
        if (pushed >= 1 << 17) stalled.resolve();
      };
      push();
    });
    const flood = client.request({ ":authority": "web.localhost", ":path": "/flood" });
    flood.on("error", () => {});
    await once(flood, "response");
    flood.pause();
    await stalled.promise;
    for (let count = 0; count < 50; count++) expect((await ask(client, "web.localhost")).body.toString()).toBe("hello");
    const before = pushed;
    for (let count = 0; count < 50; count++) expect((await ask(client, "web.localhost")).body.toString()).toBe("hello");
    expect(pushed).toBe(before);
    expect(pushed).toBeLessThan(8 << 20);
    // It goes on when it is read.
    let read = 0;
    const more = Promise.withResolvers<void>();
    flood.on("data", (chunk: Buffer) => {
      read += chunk.length;
      if (read > 32 << 20) more.resolve();
    });
    flood.resume();
    await more.promise;
    flood.close(8);
  });
});

describe("ending", () => {
  test("drain lets an open stream end, refuses new ones, then closes", async () => {
    const streams: ServerHttp2Stream[] = [];
    const { client, front } = await setUp((stream) => {
      streams.push(stream);
      stream.respond({ ":status": 200 });
      stream.write("a");
    });
    const stream = client.request({ ":authority": "web.localhost", ":path": "/" });
    const answer = readAnswer(stream);
    await once(stream, "response");
    const goaway = once(client, "goaway");
    front.connections[0]?.drain();
    await goaway;
    streams[0]?.end("b");
    expect((await answer).body.toString()).toBe("ab");
    await front.connections[0]?.closed;
    expect(front.counters.of("p", "web.localhost").openConnections).toBe(0);
    expect(front.events.at(-1)).toMatchObject({ type: "connection-closed", route: "web.localhost", receivedBytes: 2 });
  });
});
