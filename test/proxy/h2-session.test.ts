/** The HTTP/2 front door against scripted peers: failures, retries, windows, rules, floods. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { httpLimits } from "#http/limits.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { wireLimits } from "#wire/limits.ts";
import { type RawDoor, RawLink, rawDoor } from "#test/support/h2-raw.ts";
import {
  encodeFrame,
  encodeGoaway,
  encodePing,
  encodeReset,
  encodeSettings,
  encodeWindowUpdate,
  frameTypes,
  h2Settings,
} from "#wire/h2-frame.ts";

const ok = { ":status": "200" };

/** A door with one request under way: the client's stream 1, the backend's stream 1. */
async function underWay(door: RawDoor, more: Readonly<Record<string, string>> = {}, endStream = true) {
  door.client.request(1, more, endStream);
  const backend = await door.backend(0);
  const request = await backend.next("headers");
  return { ...door, backend, backendAt: door.backend, request };
}

describe("failures of a backend", () => {
  test.each([
    ["before its head", false],
    ["after it", true],
  ])("a reset %s reaches the client with its code", async (_, afterHead) => {
    const { client, backend } = await underWay(rawDoor());
    if (afterHead) {
      backend.headers(1, ok);
      backend.data(1, "some");
    }
    backend.send(encodeReset(1, 11));
    expect((await client.next("reset")).code).toBe(11);
    if (afterHead) expect((await client.next("data")).text).toBe("some");
  });

  test("a lost connection in mid-response resets the stream and no other", async () => {
    const { client, backend } = await underWay(rawDoor());
    client.request(3, { ":authority": "other.localhost" });
    backend.headers(1, ok);
    backend.data(1, "some");
    await client.next("data");
    backend.abort();
    expect(await client.next("reset")).toMatchObject({ streamId: 1, code: 2 });
    await client.settled();
    expect(client.events.filter((event) => event.type === "reset")).toEqual([]);
  });

  test("a connection lost in mid-response is reported to gRPC in trailers", async () => {
    const { client, backend, counters } = await underWay(rawDoor(), { "content-type": "application/grpc+proto" });
    backend.headers(1, { ...ok, "content-type": "application/grpc+proto" });
    await client.next("headers");
    backend.abort();
    const trailers = await client.next("headers");
    expect(trailers).toMatchObject({ endStream: true, headers: { "grpc-status": "14" } });
    expect(Object.keys(trailers.headers)).toEqual(["grpc-status", "grpc-message"]);
    expect(counters.of("p", "web.localhost").lastProblem).toMatchObject({ code: "connection-lost" });
  });

  test("a stream that was refused is sent again with its body, as often as the profile has it", async () => {
    const { client, backend, ...door } = await underWay(rawDoor(), { ":method": "POST" }, false);
    client.data(1, "x".repeat(16000));
    client.data(1, "tail", true);
    await backend.next("data");
    backend.send(encodeReset(1, 7));
    const second = await door.backendAt(1);
    expect((await second.next("headers")).headers[":method"]).toBe("POST");
    expect((await second.next("data")).text.length).toBe(16000);
    expect(await second.next("data")).toMatchObject({ text: "tail", endStream: true });
    second.send(encodeReset(1, 7));
    // The other connection is still good.
    expect(await backend.next("headers")).toMatchObject({ streamId: 3 });
    backend.send(encodeReset(3, 7));
    expect(await client.next("reset")).toMatchObject({ code: 7 });
    expect(door.links.length).toBe(2);
    expect(door.counters.get("p", "web.localhost")?.retries).toBe(2);
  });

  test("a body past what is kept is not sent again", async () => {
    const { client, backend, links } = await underWay(rawDoor(), { ":method": "POST" }, false);
    for (let sent = 0; sent <= proxyLimits.h2ReplayBytes; sent += 16000) client.data(1, "x".repeat(16000));
    await client.settled();
    backend.send(encodeReset(1, 7));
    expect((await client.next("reset")).code).toBe(7);
    expect(links.length).toBe(1);
  });

  test("GOAWAY sends what it did not hear elsewhere, and lets the rest end", async () => {
    const { client, backend, ...door } = await underWay(rawDoor());
    client.request(3);
    await backend.next("headers");
    backend.send(encodeGoaway(1, 0));
    const second = await door.backendAt(1);
    await second.next("headers");
    second.headers(1, { ...ok, "x-from": "second" }, true);
    expect(await client.next("headers")).toMatchObject({ streamId: 3, headers: { "x-from": "second" } });
    backend.headers(1, { ...ok, "x-from": "first" }, true);
    expect(await client.next("headers")).toMatchObject({ streamId: 1, headers: { "x-from": "first" } });
    await backend.next("end");
  });

  test.each([
    ["GET", true, 3],
    ["POST", true, 1],
    ["POST", false, 1],
  ])("a connection lost before the answer: %s, complete %p, is tried %d times", async (method, complete, tries) => {
    const { client, backend, ...door } = await underWay(rawDoor(), { ":method": method }, complete);
    backend.abort();
    for (let at = 1; at < tries; at++) (await door.backendAt(at)).abort();
    expect((await client.next("headers")).headers[":status"]).toBe("502");
    expect(door.links.length).toBe(tries);
  });

  test.each([
    ["HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP/1 only, and gRPC needs HTTP/2"],
    ["\x15\x03\x01\x00\x02\x02\x46", "TLS alert"],
  ])("one that greets with %p is named to gRPC, and has been sent nothing of the client's", async (greeting, words) => {
    const { client, ...door } = rawDoor({ backendSettings: "mute" });
    client.request(1, { "content-type": "application/grpc" });
    const backend = await door.backend(0);
    await backend.next("settings");
    backend.send(Buffer.from(greeting, "latin1"));
    const { headers } = await client.next("headers");
    expect(headers["grpc-status"]).toBe("14");
    expect(decodeURIComponent(headers["grpc-message"] ?? "")).toContain(words);
    expect(backend.events.some(({ type }) => type === "headers")).toBe(false);
  });

  test.each(["kubernetes.io/h2c", "grpc", "H2C"])("one whose service says %p is sent the request at once", async (appProtocol) => {
    const link = new RawLink("mute");
    link.appProtocol = appProtocol;
    const { client } = rawDoor({
      options: {
        async dial() {
          return link;
        },
      },
    });
    client.request(1);
    await link.peer.next("headers");
  });

  test("one that takes its time to greet is sent the request all the same", async () => {
    const { client, clock, ...door } = rawDoor({ backendSettings: "mute" });
    client.request(1);
    const backend = await door.backend(0);
    await client.settled();
    expect(backend.events.some(({ type }) => type === "headers")).toBe(false);
    await clock.advance(proxyLimits.h2GreetingMs);
    await backend.next("headers");
    backend.send(encodeSettings([]));
    backend.headers(1, ok, true);
    await client.next("headers");
  });

  test.each([
    ["no status", { "x-a": "1" }],
    ["101", { ":status": "101" }],
    ["a name in upper case", { ":status": "200", "X-A": "1" }],
    ["a request's pseudo-field", { ":status": "200", ":path": "/" }],
    ["a line break in a value", { ":status": "200", "x-a": "1\r\nx-b: 2" }],
  ])("a malformed response (%s) is a 502, and the backend's stream is reset", async (_, fields) => {
    const { client, backend } = await underWay(rawDoor());
    backend.headers(1, fields as Readonly<Record<string, string>>);
    expect((await client.next("headers")).headers[":status"]).toBe("502");
    expect((await backend.next("reset")).code).toBe(1);
  });

  test("a dial that fails gives each waiting stream its refusal", async () => {
    const { client } = rawDoor({
      options: {
        async dial() {
          throw new KtError("no-ready-pod", "service web has no ready pod: CrashLoopBackOff");
        },
      },
    });
    client.request(1);
    client.request(3, { "content-type": "application/grpc" });
    expect((await client.next("headers", 1)).headers[":status"]).toBe("503");
    expect((await client.next("headers", 3)).headers["grpc-status"]).toBe("14");
  });
});

describe("streams", () => {
  test("a response that ends early lets the request go on, and its NO_ERROR reset is passed on behind it", async () => {
    const { client, backend } = await underWay(rawDoor(), { ":method": "POST" }, false);
    backend.headers(1, ok);
    backend.data(1, "enough", true);
    expect(await client.next("data")).toMatchObject({ text: "enough", endStream: true });
    client.data(1, "more");
    expect((await backend.next("data")).text).toBe("more");
    backend.send(encodeReset(1, 0));
    expect((await client.next("reset")).code).toBe(0);
  });

  test("a client that leaves while its backend is dialed leaves the connection to the next stream", async () => {
    const dialing = Promise.withResolvers<void>();
    const plain = rawDoor();
    const door = rawDoor({
      options: {
        async dial() {
          await dialing.promise;
          plain.client.request(1);
          await plain.backend(0);
          const link = plain.links[0];
          if (!link) throw new KtError("internal", "no link");
          return link;
        },
      },
    });
    door.client.request(1);
    door.client.send(encodeReset(1, 8));
    await door.client.settled();
    expect(door.connection.openStreams).toBe(0);
    dialing.resolve();
    plain.client.abort();
  });

  test("resets of the client reach the backend with their code, and the slot is free again", async () => {
    const { client, backend, connection } = await underWay(rawDoor());
    client.send(encodeReset(1, 8));
    expect(await backend.next("reset")).toMatchObject({ streamId: 1, code: 8 });
    expect(connection.openStreams).toBe(0);
  });

  test("no more than the limit at once", async () => {
    const { client } = rawDoor();
    for (let index = 0; index <= httpLimits.h2Streams; index++) client.request(1 + index * 2);
    expect(await client.next("reset")).toMatchObject({ streamId: 1 + httpLimits.h2Streams * 2, code: 7 });
    await client.settled();
    expect(client.events.filter((event) => event.type === "reset")).toEqual([]);
  });

  test("what was meant for us, and others' X-Forwarded-Host, stay behind", async () => {
    const { request } = await underWay(rawDoor({ options: { clientAddress: "2001:db8::1" } }), {
      te: "Trailers",
      "proxy-authorization": "Basic eDp5",
      "http2-settings": "AAMAAABk",
      "x-forwarded-host": "evil",
      "x-forwarded-for": "10.0.0.1",
      accept: "*/*",
    });
    expect(request.headers).toEqual({
      ":method": "GET",
      ":scheme": "http",
      ":authority": "web.localhost",
      ":path": "/",
      te: "Trailers",
      accept: "*/*",
      "x-forwarded-for": "10.0.0.1, 2001:db8::1",
      "x-forwarded-host": "web.localhost",
      "x-forwarded-proto": "http",
    });
  });

  test("Host stands in for :authority, and must not differ from it", async () => {
    const { client, backend } = await underWay(rawDoor());
    client.headers(3, { ":method": "GET", ":scheme": "http", ":path": "/", host: "web.localhost" }, true);
    expect((await backend.next("headers")).headers[":authority"]).toBe("web.localhost");
    client.request(5, { host: "other.localhost" });
    expect(await client.next("reset")).toMatchObject({ streamId: 5, code: 1 });
    client.headers(7, { ":method": "GET", ":scheme": "http", ":path": "/" }, true);
    expect(await client.next("headers", 7)).toMatchObject({ headers: { ":status": "400" } });
  });

  test.each([
    [
      "no method",
      [
        [":scheme", "http"],
        [":path", "/"],
        [":authority", "a"],
      ],
    ],
    [
      "an empty path",
      [
        [":method", "GET"],
        [":scheme", "http"],
        [":path", ""],
        [":authority", "a"],
      ],
    ],
    [
      "a pseudo-field twice",
      [
        [":method", "GET"],
        [":method", "GET"],
        [":scheme", "http"],
        [":path", "/"],
        [":authority", "a"],
      ],
    ],
    [
      "an unknown pseudo-field",
      [
        [":method", "GET"],
        [":scheme", "http"],
        [":path", "/"],
        [":status", "200"],
      ],
    ],
    [
      "a pseudo-field behind others",
      [
        [":method", "GET"],
        [":scheme", "http"],
        ["a", "b"],
        [":path", "/"],
      ],
    ],
    [
      "a name in upper case",
      [
        [":method", "GET"],
        [":scheme", "http"],
        [":path", "/"],
        [":authority", "a"],
        ["Accept", "x"],
      ],
    ],
    [
      "a NUL in a value",
      [
        [":method", "GET"],
        [":scheme", "http"],
        [":path", "/"],
        [":authority", "a"],
        ["x", "\0"],
      ],
    ],
  ])("a malformed request (%s) is reset, and the connection goes on", async (_, fields) => {
    const { client } = rawDoor();
    client.headers(1, fields as unknown as [string, string][], true);
    expect(await client.next("reset")).toMatchObject({ streamId: 1, code: 1 });
    await client.settled();
  });

  test("a header list past the limit is a 431", async () => {
    const { client, backend, request } = await underWay(rawDoor());
    const listBytes = Object.entries({ ...request.headers, "x-long": "" })
      .filter(([name]) => !name.startsWith("x-forwarded"))
      .reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    client.request(3, { "x-long": "y".repeat(wireLimits.h2HeaderListBytes - listBytes) });
    expect((await backend.next("headers")).headers["x-long"]?.length).toBe(wireLimits.h2HeaderListBytes - listBytes);
    client.request(5, { "x-long": "y".repeat(wireLimits.h2HeaderListBytes - listBytes + 1) });
    expect(await client.next("headers")).toMatchObject({ streamId: 5, headers: { ":status": "431" } });
  });
});

describe("windows", () => {
  const window = httpLimits.h2StreamWindowBytes;

  test("of a body that is not read one window is kept, one byte more resets the stream", async () => {
    const door = rawDoor({ backendSettings: [[h2Settings.initialWindowSize, 0]] });
    const { client, backend, counters } = await underWay(door, { ":method": "POST" }, false);
    for (let sent = 0; sent < window; sent += 16384) client.data(1, new Uint8Array(16384));
    await client.settled();
    expect(counters.of("p", "web.localhost").sentBytes).toBe(window);
    expect(client.events.filter(({ type, streamId }) => type === "window" && streamId === 1)).toEqual([]);
    client.data(1, "x");
    expect(await client.next("reset")).toMatchObject({ streamId: 1, code: 3 });
    expect((await backend.next("reset")).code).toBe(3);
  });

  test("bytes are granted to the sender only once the reader took them", async () => {
    const door = rawDoor({ backendSettings: [[h2Settings.initialWindowSize, 0]] });
    const { client, backend } = await underWay(door, { ":method": "POST" }, false);
    for (let sent = 0; sent < window; sent += 16384) client.data(1, new Uint8Array(16384));
    await client.settled();
    backend.send(encodeWindowUpdate(1, window / 2 - 1));
    await backend.settled();
    await client.settled();
    expect(client.events.filter(({ type, streamId }) => type === "window" && streamId === 1)).toEqual([]);
    expect(backend.receivedBytes.get(1)).toBe(65535);
    backend.send(encodeWindowUpdate(0, 1 << 20));
    backend.send(encodeWindowUpdate(1, 1));
    expect((await client.next("window", 1)).code).toBe(window / 2);
  });

  test("the window of a stream whose reader keeps up grows", async () => {
    const door = rawDoor({ backendSettings: [[h2Settings.initialWindowSize, 1 << 30]] });
    const { client, backend } = await underWay(door, { ":method": "POST" }, false);
    backend.send(encodeWindowUpdate(0, 1 << 30));
    await backend.settled();
    let open = window;
    let widest = window;
    for (let round = 0; round < 40; round++) {
      while (open >= 16384) {
        client.data(1, new Uint8Array(16384));
        open -= 16384;
      }
      await client.settled();
      for (let at = 0; at < client.events.length; at++) {
        const event = client.events[at];
        if (event?.type !== "window" || event.streamId !== 1) continue;
        client.events.splice(at--, 1);
        open += event.code;
      }
      widest = Math.max(widest, open);
    }
    expect(widest).toBeGreaterThan(window * 8);
    expect(widest).toBeLessThanOrEqual(httpLimits.h2StreamWindowMaxBytes);
  });

  test("the client's own windows are kept, and a change of settings applies to open streams", async () => {
    const { client, backend } = await underWay(rawDoor({ settings: [[h2Settings.initialWindowSize, 10]] }));
    backend.headers(1, ok);
    backend.data(1, "0123456789abcdefghij", true);
    expect(await client.next("data")).toMatchObject({ text: "0123456789", endStream: false });
    client.send(encodeSettings([[h2Settings.initialWindowSize, 13]]));
    expect((await client.next("data")).text).toBe("abc");
    client.send(encodeWindowUpdate(1, 100));
    expect(await client.next("data")).toMatchObject({ text: "defghij", endStream: true });
  });

  test("trailers wait behind data that waits for a window", async () => {
    const { client, backend } = await underWay(rawDoor({ settings: [[h2Settings.initialWindowSize, 4]] }));
    backend.headers(1, ok);
    backend.data(1, "abcdef");
    backend.headers(1, { "grpc-status": "0" }, true);
    await client.next("headers");
    expect((await client.next("data")).text).toBe("abcd");
    await client.settled();
    expect(client.events.some(({ type }) => type === "headers")).toBe(false);
    client.send(encodeWindowUpdate(1, 2));
    expect(await client.next("headers")).toMatchObject({ endStream: true, headers: { "grpc-status": "0" } });
    expect((await client.next("data")).text).toBe("ef");
  });

  test("a stalled stream does not delay another, also when the client accepts no more bytes of it", async () => {
    const { client, backend } = await underWay(rawDoor({ settings: [[h2Settings.initialWindowSize, 0]] }));
    client.request(3);
    await backend.next("headers");
    backend.headers(1, ok);
    backend.headers(3, ok);
    for (let sent = 0; sent < window; sent += 16384) backend.data(1, new Uint8Array(16384));
    backend.data(3, "quick", true);
    client.send(encodeWindowUpdate(3, 100));
    expect(await client.next("data")).toMatchObject({ streamId: 3, text: "quick" });
  });

  test("padding is counted and given back", async () => {
    const { client, backend } = await underWay(rawDoor(), { ":method": "POST" }, false);
    const padded = Uint8Array.from([255, 65, ...new Array<number>(255).fill(0)]);
    for (let count = 0; count < 300; count++) client.send(encodeFrame(frameTypes.data, 8, 1, padded));
    expect((await client.next("window", 1)).code).toBeGreaterThan(0);
    await client.settled();
    await backend.settled();
    expect(backend.receivedBytes.get(1)).toBe(300);
  });
});

describe("backends", () => {
  test("an idle one is parked, taken again, and closed when its time is up", async () => {
    const { client, backend, links, clock, ...door } = await underWay(rawDoor());
    backend.headers(1, ok, true);
    await client.next("headers");
    expect(links[0]?.parked).toBe(true);
    client.request(3);
    await backend.next("headers");
    expect(links[0]?.parked).toBe(false);
    await clock.advance(proxyLimits.parkedLinkMs * 2);
    backend.headers(3, ok, true);
    await client.next("headers");
    await clock.advance(proxyLimits.parkedLinkMs);
    await backend.next("goaway");
    await backend.next("end");
    client.request(5);
    await (await door.backendAt(1)).next("headers");
  });

  test("one whose pod is gone gets no new stream, and is closed when its last one ends", async () => {
    const { client, backend, links, ...door } = await underWay(rawDoor());
    const [link] = links;
    if (link) link.isUsable = false;
    client.request(3);
    await (await door.backendAt(1)).next("headers");
    backend.headers(1, ok, true);
    await client.next("headers");
    await backend.next("end");
  });

  test("one whose pod is gone as soon as it is dialed still serves who waited, and is not dialed again for them", async () => {
    const link = new RawLink([]);
    link.isUsable = false;
    let dials = 0;
    const { client } = rawDoor({
      options: {
        async dial() {
          dials++;
          return link;
        },
      },
    });
    client.request(1);
    await link.peer.next("headers");
    link.peer.headers(1, ok, true);
    await client.next("headers");
    await link.peer.next("end");
    expect(dials).toBe(1);
  });

  test("streams that wait share one start", async () => {
    const { client, links, ...door } = rawDoor();
    for (const id of [1, 3, 5, 7]) client.request(id);
    const backend = await door.backend(0);
    for (let count = 0; count < 4; count++) await backend.next("headers");
    expect(links.length).toBe(1);
  });

  test("past ten streams, a new backend's settings are waited for", async () => {
    const { client, links, clock, ...door } = rawDoor({ backendSettings: "mute" });
    for (let index = 0; index < 12; index++) client.request(1 + index * 2);
    const backend = await door.backend(0);
    await client.settled();
    await clock.advance(proxyLimits.h2GreetingMs);
    for (let count = 0; count < 10; count++) await backend.next("headers");
    await client.settled();
    expect(backend.events.some(({ type }) => type === "headers")).toBe(false);
    backend.send(encodeSettings([[h2Settings.maxConcurrentStreams, 11]]));
    await backend.next("headers");
    await (await door.backend(1)).next("headers");
    expect(links.length).toBe(2);
  });

  test("MAX_CONCURRENT_STREAMS opens another connection", async () => {
    const { client, backend, links, ...door } = await underWay(rawDoor({ backendSettings: [[h2Settings.maxConcurrentStreams, 2]] }));
    await backend.settled();
    for (const id of [3, 5]) client.request(id);
    await (await door.backendAt(1)).next("headers");
    expect(links.length).toBe(2);
    expect((await backend.next("headers")).streamId).toBe(3);
  });
});

describe("the connection", () => {
  test("answers pings and settings", async () => {
    const { client } = rawDoor();
    client.send(encodePing(Buffer.from("12345678"), false));
    expect(await client.next("ping")).toMatchObject({ text: "12345678", code: 1 });
    await client.next("settings");
    await client.next("settings-ack");
  });

  test.each([
    ["another preface", (door: RawDoor) => door.client.send(Buffer.from("GET / HTTP/1.1\r\n\r\n")), 6],
    ["a frame on a stream that was never opened", (door: RawDoor) => door.client.data(5, "x"), 1],
    ["an even stream", (door: RawDoor) => door.client.request(2), 1],
    ["a push", (door: RawDoor) => door.client.send(encodeFrame(5, 4, 1, new Uint8Array(4))), 1],
    ["a header block that is none", (door: RawDoor) => door.client.send(encodeFrame(1, 5, 1, Uint8Array.of(0x80))), 9],
    ["a window update of 0", (door: RawDoor) => door.client.send(encodeWindowUpdate(0, 0)), 1],
    ["a window past 2^31-1", (door: RawDoor) => door.client.send(encodeWindowUpdate(0, 2 ** 31 - 1)), 3],
    ["an initial window past 2^31-1", (door: RawDoor) => door.client.send(encodeSettings([[h2Settings.initialWindowSize, 2 ** 31]])), 3],
  ])("ends with GOAWAY for %s", async (_, misbehave, code) => {
    const door = rawDoor();
    misbehave(door);
    expect((await door.client.next("goaway")).code).toBe(code);
    await door.connection.closed;
    await door.clock.advance(httpLimits.h2LingerMs);
    await door.client.next("closed");
  });

  test.each([
    [
      "resets",
      (door: RawDoor, count: number) => {
        door.client.request(1 + count * 2);
        door.client.send(encodeReset(1 + count * 2, 8));
      },
    ],
    ["settings", (door: RawDoor) => door.client.send(encodeSettings([]))],
    ["empty frames", (door: RawDoor) => door.client.send(encodeFrame(frameTypes.priority, 0, 1, new Uint8Array(5)))],
  ] as const)("a flood of %s is stopped at the limit", async (_, send) => {
    const door = rawDoor();
    for (let count = 0; count < httpLimits.h2CostlyFrames - 2; count++) send(door, count);
    await door.client.settled();
    expect(door.client.events.some(({ type }) => type === "goaway")).toBe(false);
    for (let count = 0; count < 3; count++) send(door, httpLimits.h2CostlyFrames + count);
    expect((await door.client.next("goaway")).code).toBe(11);
  });

  test("requests and responses that end with an empty frame, as those of Go do, may come in any number", async () => {
    const door = rawDoor();
    for (let count = 0; count <= httpLimits.h2CostlyFrames; count++) {
      const streamId = 1 + count * 2;
      door.client.request(streamId, { ":method": "POST" }, false);
      door.client.data(streamId, "", true);
      const backend = await door.backend(0);
      const asked = await backend.next("headers");
      backend.headers(asked.streamId, ok);
      backend.data(asked.streamId, "", true);
      expect(await door.client.next("data", streamId)).toMatchObject({ endStream: true });
    }
    await door.client.settled();
    expect(door.client.events.some(({ type }) => type === "goaway")).toBe(false);
    expect(door.links.length).toBe(1);
  });

  test("the same frames over a longer time are none", async () => {
    const door = rawDoor();
    for (let count = 0; count < httpLimits.h2CostlyFrames * 3; count++) {
      door.client.send(encodeSettings([]));
      if (count % 100 !== 0) continue;
      await door.client.settled();
      await door.clock.advance(110);
    }
    await door.client.settled();
    expect(door.client.events.some(({ type }) => type === "goaway")).toBe(false);
  });

  test("drain says GOAWAY, lets the open stream end and closes", async () => {
    const { client, backend, connection } = await underWay(rawDoor());
    connection.drain();
    expect(await client.next("goaway")).toMatchObject({ streamId: 1, code: 0 });
    client.request(3);
    await client.settled();
    expect(connection.openStreams).toBe(1);
    backend.headers(1, ok, true);
    await client.next("headers");
    await client.next("end");
    client.end();
    await connection.closed;
  });

  test("abort ends both sides", async () => {
    const { client, backend, connection } = await underWay(rawDoor());
    connection.abort();
    await connection.closed;
    await client.next("closed");
    expect((await backend.next("reset")).code).toBe(8);
  });

  test("a client that is gone cancels its streams and closes its backends", async () => {
    const { client, backend, connection, counters, events } = await underWay(rawDoor());
    client.abort();
    await connection.closed;
    expect((await backend.next("reset")).code).toBe(8);
    await backend.next("goaway");
    await backend.next("end");
    expect(counters.of("p", "web.localhost").openConnections).toBe(0);
    expect(events.map(({ type }) => type)).toEqual(["connection-opened", "connection-closed"]);
  });

  test("a client that closed its half still gets the answer", async () => {
    const { client, backend, connection } = await underWay(rawDoor());
    client.end();
    backend.headers(1, ok);
    backend.data(1, "late", true);
    expect((await client.next("data")).text).toBe("late");
    await connection.closed;
  });
});
