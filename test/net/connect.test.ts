/** Attempts to connect that are given up: they end, and leave no socket behind. */

import { describe, expect, test } from "bun:test";
import { connect, ConnectError } from "#net/connect.ts";
import { type Listener, listenTcp } from "#net/tcp.ts";
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
