/** What RFC 9113 forbids a peer, frame by frame: what each breach ends, that none is passed on, and that many end the connection. */

import { describe, expect, test } from "bun:test";
import { httpLimits } from "#http/limits.ts";
import { wireLimits } from "#wire/limits.ts";
import { type RawDoor, rawDoor } from "#test/support/h2-raw.ts";
import { encodeReset, encodeSettings, encodeWindowUpdate, h2Codes, h2Settings } from "#wire/h2-frame.ts";
import type { Header } from "#wire/http-head.ts";

const ok = { ":status": "200" };
const pseudo = { ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "web.localhost" };

/** A door whose client has had a whole answer on stream 1. */
async function answered(): Promise<RawDoor> {
  const door = rawDoor();
  door.client.request(1);
  const backend = await door.backend(0);
  await backend.next("headers");
  backend.headers(1, ok, true);
  await door.client.next("headers");
  return door;
}

/** A door with a request under way on stream 1 of both sides. */
async function underWay(more: Readonly<Record<string, string>> = {}, endStream = true) {
  const door = rawDoor();
  door.client.request(1, more, endStream);
  const backend = await door.backend(0);
  await backend.next("headers");
  return { door, client: door.client, backend };
}

describe("streams that are over", () => {
  test("DATA after END_STREAM is answered with STREAM_CLOSED", async () => {
    const { client } = await answered();
    client.data(1, "more");
    expect(await client.next("reset")).toMatchObject({ streamId: 1, code: h2Codes.streamClosed });
    await client.settled();
  });

  test("DATA after the client's own reset is answered with STREAM_CLOSED", async () => {
    const { client } = await underWay({ ":method": "POST" }, false);
    client.send(encodeReset(1, h2Codes.cancel));
    client.data(1, "more");
    expect(await client.next("reset")).toMatchObject({ streamId: 1, code: h2Codes.streamClosed });
  });

  test.each([
    ["after END_STREAM", async () => await answered()],
    [
      "after the client's own reset",
      async () => {
        const { door } = await underWay({ ":method": "POST" }, false);
        door.client.send(encodeReset(1, h2Codes.cancel));
        return door;
      },
    ],
  ])("HEADERS %s end the connection with STREAM_CLOSED", async (_, prepare) => {
    const { client } = await prepare();
    client.request(1);
    expect((await client.next("goaway")).code).toBe(h2Codes.streamClosed);
  });

  test("a stream that was passed over ends the connection with PROTOCOL_ERROR", async () => {
    const { client } = rawDoor();
    client.request(5);
    client.request(3);
    expect((await client.next("goaway")).code).toBe(h2Codes.protocolError);
  });

  test("what was on its way when kt ended a stream is not held against its sender", async () => {
    const { client } = rawDoor();
    client.request(1, { ":authority": "unknown.localhost" }, false);
    expect(await client.next("reset")).toMatchObject({ streamId: 1, code: h2Codes.noError });
    client.data(1, "late");
    client.headers(1, { "x-late": "1" }, true);
    client.send(encodeWindowUpdate(1, 1), encodeReset(1, h2Codes.cancel));
    await client.settled();
    expect(client.events.filter(({ type }) => type === "reset" || type === "goaway")).toEqual([]);
  });

  test("a backend's late frames on a stream that the client left are dropped", async () => {
    const { client, backend } = await underWay();
    client.send(encodeReset(1, h2Codes.cancel));
    await backend.next("reset");
    backend.headers(1, ok);
    backend.data(1, "late", true);
    await backend.settled();
    client.request(3);
    expect((await backend.next("headers")).streamId).toBe(3);
  });
});

describe("settings out of range end the connection", () => {
  test.each([
    ["ENABLE_PUSH of 2", h2Settings.enablePush, 2],
    ["MAX_FRAME_SIZE below 16384", h2Settings.maxFrameSize, 16383],
    ["MAX_FRAME_SIZE above 2^24-1", h2Settings.maxFrameSize, 2 ** 24],
  ])("%s", async (_, identifier, value) => {
    const { client } = rawDoor();
    client.send(encodeSettings([[identifier, value]]));
    expect((await client.next("goaway")).code).toBe(h2Codes.protocolError);
  });

  test("the ends of the ranges are taken", async () => {
    const { client } = rawDoor({
      settings: [
        [h2Settings.enablePush, 1],
        [h2Settings.maxFrameSize, 2 ** 24 - 1],
        [h2Settings.maxFrameSize, 16384],
      ],
    });
    await client.settled();
    expect(client.events.some(({ type }) => type === "goaway")).toBe(false);
  });
});

const requests: readonly (readonly [string, readonly Header[]])[] = [
  ...["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"].map((name): readonly [string, readonly Header[]] => [
    `the field ${name}`,
    [[name, "close"]],
  ]),
  ["te with gzip", [["te", "gzip"]]],
  ["te with trailers and more", [["te", "trailers, deflate"]]],
  [
    "two content-lengths",
    [
      ["content-length", "0"],
      ["content-length", "0"],
    ],
  ],
  ["a content-length list", [["content-length", "0, 0"]]],
  ["a signed content-length", [["content-length", "+0"]]],
  ["an upper-case name", [["X-A", "1"]]],
  ["a name with a blank", [["x a", "1"]]],
  ["a name with a colon", [["x:a", "1"]]],
  ["a name with CR LF", [["x-a\r\nx-b", "1"]]],
  ["an empty name", [["", "1"]]],
  ["CR LF in a value", [["x-a", "1\r\nx-b: 2"]]],
  ["LF in a value", [["x-a", "1\n2"]]],
  ["NUL in a value", [["x-a", "1\u00002"]]],
  ["a control character in a value", [["x-a", "1\u00082"]]],
  ["a blank before a value", [["x-a", " 1"]]],
  ["a tab behind a value", [["x-a", "1\t"]]],
];

describe("malformed requests are reset, and no backend hears of them", () => {
  const withPseudo: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["a blank in :method", { ":method": "GET /x" }],
    ["a line break in :method", { ":method": "GET\r\nx: y" }],
    ["a blank in :path", { ":path": "/ HTTP/1.1" }],
    ["a line break in :path", { ":path": "/\r\nx: y" }],
    ["a tab in :path", { ":path": "/\tx" }],
    ["DEL in :path", { ":path": "/\u007f" }],
    ["a :path without its slash", { ":path": "x" }],
    ["an absolute :path", { ":path": "http://other.localhost/" }],
    ["a :path of * for GET", { ":path": "*" }],
    ["a blank in :scheme", { ":scheme": "ht tp" }],
    ["an empty :scheme", { ":scheme": "" }],
    ["a line break in :authority", { ":authority": "web.localhost\r\nx: y" }],
    ["a blank in :authority", { ":authority": "web.localhost x" }],
    ["a user in :authority", { ":authority": "other@web.localhost" }],
    ["a path in :authority", { ":authority": "web.localhost/x" }],
    ["a body announced and not sent", { "content-length": "1" }],
  ];
  const all: readonly (readonly [string, readonly Header[]])[] = [
    ...requests.map(([what, fields]) => [what, [...Object.entries(pseudo), ...fields]] as const),
    ...withPseudo.map(([what, fields]) => [what, Object.entries({ ...pseudo, ...fields })] as const),
  ];
  test.each(all)("%s", async (_, fields) => {
    const { client, links, events } = rawDoor();
    client.headers(1, fields, true);
    expect(await client.next("reset")).toMatchObject({ streamId: 1, code: h2Codes.protocolError });
    await client.settled();
    expect(links).toEqual([]);
    expect(events).toMatchObject([{ type: "refused", problem: { code: "request-invalid" } }]);
  });

  test("OPTIONS of *, te: trailers and a query pass", async () => {
    const { client, links, ...door } = rawDoor();
    client.request(1, { ":method": "OPTIONS", ":path": "*", te: "trailers" });
    client.request(3, { ":path": "/?q=%20&\u00e9" });
    const backend = await door.backend(0);
    expect((await backend.next("headers")).headers[":path"]).toBe("*");
    expect((await backend.next("headers")).headers[":path"]).toBe("/?q=%20&\u00e9");
  });

  test("CONNECT is refused in words", async () => {
    const { client } = rawDoor();
    client.headers(1, { ":method": "CONNECT", ":authority": "web.localhost:80" }, true);
    expect((await client.next("headers")).headers[":status"]).toBe("400");
    expect((await client.next("data")).text).toContain("CONNECT is not supported: kt is not a forward proxy");
  });
});

describe("bodies of another length than announced", () => {
  test.each([
    ["more in one frame", ["12345"], false],
    ["more in two frames", ["123", "45"], false],
    ["less", ["12"], true],
  ])("a request with %s is reset on both sides, and its end is not passed on", async (_, pieces, ends) => {
    const { client, backend } = await underWay({ ":method": "POST", "content-length": "4" }, false);
    for (const [index, piece] of pieces.entries()) client.data(1, piece, ends && index === pieces.length - 1);
    expect(await client.next("reset")).toMatchObject({ streamId: 1, code: h2Codes.protocolError });
    expect((await backend.next("reset")).code).toBe(h2Codes.protocolError);
    expect(backend.events.some(({ endStream }) => endStream)).toBe(false);
  });

  test("trailers that end a request too early reset it", async () => {
    const { client, backend } = await underWay({ ":method": "POST", "content-length": "4" }, false);
    client.headers(1, { "x-sum": "1" }, true);
    expect((await client.next("reset")).code).toBe(h2Codes.protocolError);
    expect((await backend.next("reset")).code).toBe(h2Codes.protocolError);
  });

  test.each([
    ["more", ["12345"]],
    ["less", ["12"]],
  ])("a response with %s is broken off", async (_, pieces) => {
    const { client, backend } = await underWay();
    backend.headers(1, { ...ok, "content-length": "4" });
    for (const piece of pieces) backend.data(1, piece, true);
    expect((await backend.next("reset")).code).toBe(h2Codes.protocolError);
    expect((await client.next("reset")).code).toBe(h2Codes.internalError);
    expect(client.events.some(({ endStream }) => endStream)).toBe(false);
  });

  test("a head that ends what it announces is a 502", async () => {
    const { client, backend } = await underWay();
    backend.headers(1, { ...ok, "content-length": "4" }, true);
    expect((await client.next("headers")).headers[":status"]).toBe("502");
  });

  test.each([
    ["HEAD", { ":method": "HEAD" }, ok],
    ["304", {}, { ":status": "304" }],
  ])("%s announces a length that it does not have", async (_, request, status) => {
    const { client, backend } = await underWay(request);
    backend.headers(1, { ...status, "content-length": "4" }, true);
    expect(await client.next("headers")).toMatchObject({ endStream: true, headers: { "content-length": "4" } });
  });
});

describe("malformed responses and trailers", () => {
  test.each(requests)("a response with %s is a 502", async (_, fields) => {
    const { client, backend } = await underWay();
    backend.headers(1, [...Object.entries(ok), ...fields]);
    expect((await client.next("headers")).headers[":status"]).toBe("502");
    expect((await client.next("data")).text).toContain("malformed HTTP/2");
    expect((await backend.next("reset")).code).toBe(h2Codes.protocolError);
  });

  const inTrailers = requests.filter(([what]) => !what.includes("content-length"));
  test.each(inTrailers)("a response's trailers with %s are not passed on", async (_, fields) => {
    const { client, backend } = await underWay();
    backend.headers(1, ok);
    backend.headers(1, fields, true);
    expect((await client.next("headers")).headers).toEqual(ok);
    expect((await client.next("reset")).code).toBe(h2Codes.internalError);
    expect((await backend.next("reset")).code).toBe(h2Codes.protocolError);
  });

  test.each([...inTrailers, ["a pseudo-field", [[":path", "/"]]] as const])("a request's trailers with %s reset it", async (_, fields) => {
    const { client, backend } = await underWay({ ":method": "POST" }, false);
    client.headers(1, fields, true);
    expect((await client.next("reset")).code).toBe(h2Codes.protocolError);
    expect((await backend.next("reset")).code).toBe(h2Codes.protocolError);
    expect(backend.events.some(({ type }) => type === "headers")).toBe(false);
  });

  test("what a trailer can say no more stays behind", async () => {
    const { client, backend } = await underWay({ ":method": "POST" }, false);
    client.headers(1, { "content-length": "3", host: "other", "x-sum": "1" }, true);
    expect(await backend.next("headers")).toMatchObject({ headers: { "x-sum": "1" }, endStream: true });
  });
});

describe("floods of frames that break a stream end the connection", () => {
  const floods: readonly (readonly [string, (door: RawDoor, count: number) => void])[] = [
    ["malformed requests", ({ client }, count) => client.request(3 + count * 2, { connection: "close" })],
    [
      "window updates of 0",
      ({ client }, count) => {
        client.request(3 + count * 2);
        client.send(encodeWindowUpdate(3 + count * 2, 0));
      },
    ],
    [
      "windows that overflow",
      ({ client }, count) => {
        client.request(3 + count * 2);
        client.send(encodeWindowUpdate(3 + count * 2, 2 ** 31 - 1));
      },
    ],
    [
      "DATA on streams that were ended",
      ({ client }, count) => {
        client.request(3 + count * 2);
        client.data(3 + count * 2, "x");
      },
    ],
    [
      "trailers on streams that were ended",
      ({ client }, count) => {
        client.request(3 + count * 2);
        client.headers(3 + count * 2, { "x-a": "1" }, true);
      },
    ],
    ["DATA on a stream that is over", ({ client }) => client.data(1, "x")],
  ];
  test.each(floods)("%s", async (_, send) => {
    const door = await answered();
    // The first settings and their acknowledgement have been counted.
    for (let count = 0; count < httpLimits.h2CostlyFrames - 2; count++) send(door, count);
    await door.client.settled();
    expect(door.client.events.some(({ type }) => type === "goaway")).toBe(false);
    for (let count = 0; count < 3; count++) send(door, httpLimits.h2CostlyFrames + count);
    expect((await door.client.next("goaway")).code).toBe(h2Codes.enhanceYourCalm);
  });

  test("oversized header lists", async () => {
    const { client } = rawDoor();
    const most = Math.floor(httpLimits.h2CostlyFrames / httpLimits.h2OversizedListCost) - 1;
    const fields: Header[] = [...Object.entries(pseudo), ...Array.from({ length: wireLimits.h2HeaderFields }, (): Header => ["a", "b"])];
    for (let count = 0; count < most; count++) client.headers(1 + count * 2, fields, true);
    await client.settled();
    expect(client.events.some(({ type }) => type === "goaway")).toBe(false);
    for (let count = most; count < most + 2; count++) client.headers(1 + count * 2, fields, true);
    expect((await client.next("goaway")).code).toBe(h2Codes.enhanceYourCalm);
  });
});
