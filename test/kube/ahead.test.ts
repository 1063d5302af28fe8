/** Tests the connection that is opened ahead of an upgrade: who uses it, and what becomes of it otherwise. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { listen, type Socket, type TCPSocketListener } from "bun";
import type { Conn } from "#base/conn.ts";
import { Ahead } from "#kube/api/ahead.ts";
import { kubeLimits } from "#kube/limits.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { eventually } from "#test/support/wait.ts";
import { Harness, webService, webSlice } from "./scripted-api.ts";

interface State {
  /** The first line of its request; "" until there is one. */
  line: string;
  closed: boolean;
}

let server: TCPSocketListener<State>;
let sockets: Socket<State>[] = [];
/** What still waits for its request. */
const idle = (): Socket<State>[] => sockets.filter(({ data }) => data.line === "" && !data.closed);
const lines = (): string[] => sockets.map(({ data }) => data.line.split(" ")[0] ?? "");

const json = (value: object): string => {
  const body = JSON.stringify(value);
  return `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
};

const spdyAnswer =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n";

function answer(socket: Socket<State>, bytes: Uint8Array): void {
  // A ping comes back as it is.
  if (socket.data.line !== "") return void socket.write(bytes);
  const text = Buffer.from(bytes).toString("latin1");
  socket.data.line = text.slice(0, text.indexOf("\r\n"));
  if (socket.data.line.startsWith("POST")) socket.write(spdyAnswer);
  else if (socket.data.line.includes("/services/")) socket.write(json(webService));
  else if (!socket.data.line.includes("watch=1")) socket.write(json({ metadata: { resourceVersion: "1" }, items: [webSlice(["a"])] }));
}

beforeEach(() => {
  sockets = [];
  server = listen<State>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      binaryType: "uint8array",
      open(socket) {
        socket.data = { line: "", closed: false };
        sockets.push(socket);
      },
      data: answer,
      close(socket) {
        socket.data.closed = true;
      },
      error() {},
    },
  });
});
afterEach(() => server.stop(true));

const open = (clock = new ManualClock()): Promise<Harness> => Harness.open(undefined, { clock, server: `http://127.0.0.1:${server.port}` });
const forward = (harness: Harness): Promise<Conn> => harness.cluster.portForward("shop", "a", new AbortController().signal);

describe("a connection that is opened ahead", () => {
  test("carries the first upgrade, so that no handshake follows the answer that names the pod", async () => {
    await using harness = await open();
    await harness.follow().changes.next();
    await eventually("it to be opened", () => idle().length === 1);
    expect(lines().sort()).toEqual(["", "GET", "GET"]);
    (await forward(harness)).abort();
    expect(lines().sort()).toEqual(["GET", "GET", "POST"]);
    (await forward(harness)).abort();
    expect(lines().sort()).toEqual(["GET", "GET", "POST", "POST"]);
  });

  test("that the server has closed by then is replaced by another", async () => {
    await using harness = await open();
    await harness.follow().changes.next();
    await eventually("it to be opened", () => idle().length === 1);
    for (const socket of idle()) socket.end();
    (await forward(harness)).abort();
    expect(lines().filter((line) => line !== "GET")).toEqual(["", "POST"]);
  });

  test("is closed where nothing is forwarded soon, and by the end of the cluster", async () => {
    const clock = new ManualClock();
    const harness = await open(clock);
    await harness.follow().changes.next();
    await eventually("it to be opened", () => idle().length === 1);
    await clock.advance(kubeLimits.aheadMs);
    await eventually("it to be closed", () => idle().length === 0);
    harness.follow({ name: "api" });
    await eventually("another to be opened", () => idle().length === 1);
    await harness[Symbol.asyncDispose]();
    await eventually("that to be closed", () => idle().length === 0);
  });

  test("is given up as soon as its caller is gone, and left alone by one that was gone before", async () => {
    const identity = { authorization: undefined, cert: undefined, key: undefined };
    let given: AbortSignal | undefined;
    const silent = {
      identity: () => Promise.resolve(identity),
      open: (_: unknown, signal: AbortSignal) => {
        given = signal;
        return new Promise<Conn>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    };
    const ahead = new Ahead(new ManualClock());
    ahead.begin(silent);
    expect(await ahead.take(silent, identity, AbortSignal.abort())).toBeUndefined();
    expect(given?.aborted).toBe(false);
    const caller = new AbortController();
    const taken = ahead.take(silent, identity, caller.signal);
    caller.abort();
    expect(await taken).toBeUndefined();
    expect(given?.aborted).toBe(true);
  });

  test("is not opened for a name that is guessed", async () => {
    await using harness = await open();
    await harness.follow({ isGuess: true }).changes.next();
    expect(idle().length).toBe(0);
  });
});
