/** Attempts to connect that are given up: they end, and leave no socket behind. */

import { describe, expect, test } from "bun:test";
import { connect, ConnectError } from "#net/connect.ts";
import { connectTcp, type Listener, listenTcp } from "#net/tcp.ts";
import { Recorder } from "#test/support/recorder.ts";

/** A server that accepts and says nothing by itself. */
async function withSilentServer(run: (listener: Listener, accepted: Promise<Recorder>) => Promise<void>): Promise<void> {
  const accepted = Promise.withResolvers<Recorder>();
  const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => accepted.resolve(new Recorder(conn)) });
  try {
    await run(listener, accepted.promise);
  } finally {
    (await accepted.promise).conn.abort();
    listener.close();
  }
}

const tls = { serverName: "server.localhost" };

describe("an attempt that is given up during the TLS handshake", () => {
  test("closes its socket", () =>
    withSilentServer(async ({ port }, accepted) => {
      const giveUp = new AbortController();
      const connected = connect({ host: "127.0.0.1", port, tls, signal: giveUp.signal }).catch(String);
      const far = await accepted;
      await far.until(() => far.length > 0);
      giveUp.abort(new Error("enough"));
      expect(await connected).toContain("enough");
      await far.untilEnd();
    }));

  test("ends, also through a proxy", () =>
    withSilentServer(async ({ port }, accepted) => {
      const giveUp = new AbortController();
      const proxy = { host: "127.0.0.1", port, tls: false, authorization: undefined };
      const connected = connect({ host: "api.example", port: 443, proxy, tls, signal: giveUp.signal }).catch(String);
      const far = await accepted;
      await far.untilText("\r\n\r\n");
      const headBytes = far.length;
      far.write("HTTP/1.1 200 OK\r\n\r\n");
      await far.until(() => far.length > headBytes);
      giveUp.abort(new Error("enough"));
      expect(await connected).toContain("enough");
      await far.untilEnd();
    }));
});

test("why there is no connection can be had without what was connected to", async () => {
  const error: unknown = await connect({ host: "127.0.0.1", port: 1, signal: new AbortController().signal }).catch(
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConnectError);
  expect(error).toMatchObject({
    code: "cluster-unreachable",
    message: "connect to 127.0.0.1:1: connection refused",
    reason: "connection refused",
    cause: { code: "ECONNREFUSED" },
  });
});

test("the system's attempt is reported over once: made, refused, and after it was given up", async () => {
  const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => conn.abort() });
  const { port } = listener;
  const attempt = async (signal?: AbortSignal): Promise<number> => {
    let over = 0;
    const { promise: first, resolve } = Promise.withResolvers<void>();
    const onOver = (): void => {
      over += 1;
      resolve();
    };
    const connecting = connectTcp({ host: "127.0.0.1", port, ...(signal ? { signal } : {}), onOver });
    await connecting.then(
      (conn) => conn.abort(),
      () => {},
    );
    await first;
    return over;
  };
  const giveUp = new AbortController();
  const givenUp = attempt(giveUp.signal);
  giveUp.abort(new Error("enough"));
  expect([await attempt(), await givenUp, await attempt(AbortSignal.abort())]).toEqual([1, 1, 1]);
  listener.close();
  expect(await attempt()).toBe(1);
});
