/** Tests a WebSocket as a Conn: payloads both ways, pause, close, ping, and what breaks it. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { KtError } from "#base/errors.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { WsConn } from "#http/ws-conn.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { encodeWsClose, encodeWsFrame, wsOpcodes } from "#wire/ws-frame.ts";
import { settle } from "#test/support/manual-clock.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (piece: Uint8Array): string => new TextDecoder().decode(piece);

/** A WsConn, what it reports, and its peer with what it was sent. */
function pair() {
  const [near, far] = memoryPair();
  const conn = new WsConn(near, "client");
  const heard: string[] = [];
  const sent: string[] = [];
  const decoder = new WsDecoder("server", {
    onMessage: (kind, piece) => sent.push(`${kind} ${text(piece)}`),
    onPing: (payload) => sent.push(`ping ${text(payload)}`),
    onPong: (payload) => sent.push(`pong ${text(payload)}`),
    onClose: (code) => sent.push(`close ${code}`),
  });
  far.start({
    onData: (piece) => decoder.decode(piece),
    onEnd: () => sent.push("end"),
    onDrain() {},
    onClose: () => sent.push("closed"),
  });
  const handler = {
    onData: (piece: Uint8Array) => void heard.push(text(piece)),
    onEnd: () => void heard.push("<end>"),
    onDrain: () => void heard.push("<drain>"),
    onClose: (error: KtError | undefined) => void heard.push(error ? `<${error.code}: ${error.message}>` : "<close>"),
  };
  return { conn, far, heard, sent, handler };
}

const binary = (payload: string): Uint8Array => encodeWsFrame(wsOpcodes.binary, [bytes(payload)]);

describe("WsConn", () => {
  test("carries bytes both ways and answers pings", async () => {
    const { conn, far, heard, sent, handler } = pair();
    conn.start(handler);
    expect(conn.write(bytes("hello"))).toBe(true);
    far.write(binary("one"));
    far.write(encodeWsFrame(wsOpcodes.ping, [bytes("p")]));
    far.write(binary("two"));
    await settle();
    expect(heard).toEqual(["one", "two"]);
    expect(sent).toEqual(["binary hello", "pong p"]);
  });

  test("delivers nothing before start or while paused, and no more from the same read", async () => {
    const { conn, far, heard, handler } = pair();
    far.write(Buffer.concat([binary("a"), binary("b"), binary("c")]));
    await settle();
    expect(heard).toEqual([]);
    conn.start({
      ...handler,
      onData(piece) {
        handler.onData(piece);
        if (text(piece) === "a") conn.pause();
      },
    });
    await settle();
    expect(heard).toEqual(["a"]);
    conn.unread(bytes("again"));
    conn.start(handler);
    await settle();
    expect(heard).toEqual(["a", "again", "b", "c"]);
  });

  test("the peer's close is its end, answered and orderly", async () => {
    const { conn, far, heard, sent, handler } = pair();
    conn.start(handler);
    far.write(Buffer.concat([binary("last"), encodeWsClose(1000, "")]));
    await settle();
    far.end();
    await settle();
    expect(heard).toEqual(["last", "<end>", "<close>"]);
    expect(sent.slice(0, 2)).toEqual(["close 1000", "end"]);
    expect(conn.write(bytes("late"))).toBe(true);
  });

  test("a close with a reason is reported", async () => {
    const { conn, far, heard, handler } = pair();
    conn.start(handler);
    far.write(encodeWsClose(1011, "kubelet gone"));
    far.end();
    await settle();
    expect(heard).toEqual(["<end>", "<connection-lost: the peer closed the WebSocket with code 1011: kubelet gone>"]);
  });

  test("our end asks the peer to close, and its bytes still come", async () => {
    const { conn, far, heard, sent, handler } = pair();
    conn.start(handler);
    conn.write(bytes("x"));
    conn.end();
    conn.end();
    conn.write(bytes("never"));
    await settle();
    far.write(binary("rest"));
    far.write(encodeWsClose(1000, ""));
    far.end();
    await settle();
    expect(sent.slice(0, 2)).toEqual(["binary x", "close 1000"]);
    expect(heard).toEqual(["rest", "<end>", "<close>"]);
  });

  test("an end without a close is a loss", async () => {
    const { conn, far, heard, handler } = pair();
    conn.start(handler);
    far.end();
    await settle();
    expect(heard).toEqual(["<end>", "<connection-lost: the connection was closed without a WebSocket close>"]);
  });

  test.each([
    ["text", encodeWsFrame(wsOpcodes.text, [bytes("hi")]), "<protocol: the peer sent text over a WebSocket that carries bytes>"],
    [
      "a masked frame",
      encodeWsFrame(wsOpcodes.binary, [bytes("hi")], { mask: 5 }),
      "<protocol: the peer sent a WebSocket frame with the wrong masking>",
    ],
  ])("%s breaks it", async (_, frame, want) => {
    const { conn, far, heard, handler } = pair();
    conn.start(handler);
    far.write(frame);
    await settle();
    expect(heard).toEqual([want]);
    const late: string[] = [];
    conn.start({ ...handler, onClose: (error) => void late.push(error?.code ?? "") });
    await settle();
    expect(late).toEqual(["protocol"]);
  });

  test("passes on back-pressure", async () => {
    const [near, far] = memoryPair({ highWaterBytes: 1000 });
    const conn = new WsConn(near, "client");
    const drained = Promise.withResolvers<void>();
    conn.start({ onData() {}, onEnd() {}, onDrain: () => drained.resolve(), onClose() {} });
    expect(conn.write(new Uint8Array(5000))).toBe(false);
    far.start({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} });
    await drained.promise;
  });

  test("a client and a server read each other, however much they send, and close in order", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 }), async (pieces) => {
        const [near, far] = memoryPair();
        const client = new WsConn(near, "client");
        const server = new WsConn(far, "server");
        const got: number[] = [];
        const ends: string[] = [];
        client.start({
          onData: (piece) => void got.push(...piece),
          onEnd: () => void ends.push("client end"),
          onDrain() {},
          onClose: (error) => void ends.push(`client ${error?.code}`),
        });
        server.start({
          onData: (piece) => void server.write(piece),
          onEnd() {},
          onDrain() {},
          onClose: (error) => void ends.push(`server ${error?.code}`),
        });
        for (const piece of pieces) client.write(piece.slice());
        await settle();
        server.end();
        await settle();
        expect(got).toEqual(pieces.flatMap((piece) => [...piece]));
        expect(ends.sort()).toEqual(["client end", "client undefined", "server undefined"]);
      }),
      { numRuns: 30 },
    ));
});
