/** What a real spdystream connection sent, each way, replayed into kt's session and into the pod that tests use. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { concatBytes } from "#base/bytes.ts";
import type { SessionEvent } from "#mux/events.ts";
import { SpdySession } from "#mux/session.ts";
import { FakeCluster, type PodConnection } from "#test/support/fake-cluster.ts";
import { settle } from "#test/support/manual-clock.ts";
import { loadHex, loadJson } from "#test/vectors/load.ts";
import { cut } from "#test/wire/pieces.ts";

interface RecordedFrame {
  readonly type: "syn-stream" | "syn-reply" | "headers" | "data" | "rst-stream" | "ping" | "go-away";
  readonly stream: number;
  readonly id: number;
  readonly status: number;
  readonly fin: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** In hex. */
  readonly data: string;
}

const [clientBytes, serverBytes] = [await loadHex("spdy-client"), await loadHex("spdy-server")];
const [clientFrames, serverFrames] = [await loadJson<RecordedFrame[]>("spdy-client"), await loadJson<RecordedFrame[]>("spdy-server")];

/** What a session reports for a frame, if anything. */
function reported(frame: RecordedFrame, role: "client" | "server"): SessionEvent[] {
  const { type, stream, id, fin, status } = frame;
  if (type === "syn-stream") return [{ type: "opened", stream, headers: new Map(Object.entries(frame.headers)) }];
  if (type === "syn-reply") return [{ type: "replied", stream }];
  if (type === "data") return [{ type: "data", stream, bytes: new Uint8Array(Buffer.from(frame.data, "hex")), fin }];
  if (type === "rst-stream") return [{ type: "reset", stream, status }];
  if (type === "ping") return [{ type: (id % 2 === 1) === (role === "client") ? "pong" : "pinged", id }];
  return type === "go-away" ? [{ type: "going-away", lastGoodStream: stream }] : [];
}

test("a server's session reports what spdystream's client sent", () => {
  const session = new SpdySession({ role: "server" });
  const events: SessionEvent[] = [];
  session.receive(clientBytes, (event) => events.push(event));
  expect(events).toEqual(clientFrames.flatMap((frame) => reported(frame, "server")));
});

test("a client's session reports what spdystream's server answered", () => {
  const session = new SpdySession({ role: "client" });
  for (const frame of clientFrames) {
    if (frame.type === "syn-stream") expect(session.open(new Map(Object.entries(frame.headers)))).toBe(frame.stream);
  }
  const events: SessionEvent[] = [];
  session.receive(serverBytes, (event) => events.push(event));
  expect(events).toEqual(serverFrames.flatMap((frame) => reported(frame, "client")));
});

test("the pod of the tests serves spdystream's client as a node does, wherever the bytes are cut", async () => {
  const sent = concatBytes(
    clientFrames.filter(({ type, stream }) => type === "data" && stream === 3).map(({ data }) => Buffer.from(data, "hex")),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(), { maxLength: 6 }), async (cuts) => {
      const heard: string[] = [];
      const cluster = new FakeCluster();
      cluster.setPod("web-1", (connection: PodConnection) => {
        const name = heard.push(`port ${connection.port}`);
        connection.onData = (bytes) => connection.write(bytes);
        connection.onEnd = () => connection.end();
        connection.onReset = () => heard.push(`reset ${name}`);
      });
      const conn = await cluster.portForward("default", "web-1");
      const client = new SpdySession({ role: "client" });
      for (const { type, headers } of clientFrames) if (type === "syn-stream") client.open(new Map(Object.entries(headers)));
      const events: SessionEvent[] = [];
      conn.start({ onData: (bytes) => client.receive(bytes, (event) => events.push(event)), onEnd() {}, onDrain() {}, onClose() {} });
      for (const piece of cut(clientBytes, cuts)) conn.write(piece);
      await settle();
      expect(heard).toEqual(["port 8080", "port 8080", "port 8080", "reset 3"]);
      expect(concatBytes(events.flatMap((event) => (event.type === "data" && event.stream === 3 ? [event.bytes] : [])))).toEqual(sent);
      const ended = events.flatMap((event) => (event.type === "data" && event.fin ? [event.stream] : []));
      expect(ended.toSorted()).toEqual([1, 3]);
      expect(events.flatMap((event) => (event.type === "pong" ? [event.id] : []))).toEqual([1, 3]);
    }),
    { numRuns: 30 },
  );
});
