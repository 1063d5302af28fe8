/** The Conns of the net room against the contract. */

import { expect, test } from "bun:test";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { Recorder } from "#test/support/recorder.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { ConnectingConn } from "#net/connecting-conn.ts";
import { connectPinned, listenPinned } from "#net/pinned-tls.ts";
import { connectTcp, listenTcp } from "#net/tcp.ts";
import { type Identity, identityOf, makeKey } from "#tls/identity.ts";
import { serverIdentity, tlsClient, tlsServer } from "#net/tls.ts";
import { type ConnPair, connContract } from "./conn-contract.ts";

async function tcpPair(): Promise<ConnPair> {
  const accepted = Promise.withResolvers<Conn>();
  const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: accepted.resolve });
  const near = await connectTcp({ host: "127.0.0.1", port: listener.port, signal: new AbortController().signal });
  return { near, far: await accepted.promise, close: () => listener.close() };
}

const certificate = selfSigned("pair.localhost", Date.now());

async function tlsPair(): Promise<ConnPair> {
  const { near, far, close } = await tcpPair();
  const [client, server] = await Promise.all([
    tlsClient(near, { serverName: "pair.localhost", ca: certificate.cert }),
    tlsServer(far, serverIdentity(certificate), ["http/1.1"]),
  ]);
  return { near: client.conn, far: server.conn, ...(close ? { close } : {}) };
}

connContract("a TCP connection", tcpPair);
connContract("a pair in memory", async () => {
  const [near, far] = memoryPair();
  return { near, far };
});
// node:tls closes both halves together, and an abort inside TLS has no reset of its own.
connContract("TLS over a Conn", tlsPair, { halfClose: false, reset: false });

const [nearEnd, farEnd] = [makeKey(), makeKey()].map((key) => identityOf(key, Date.now()) as Identity) as [Identity, Identity];

async function pinnedPair(): Promise<ConnPair> {
  const accepted = Promise.withResolvers<Conn>();
  const place = { host: "127.0.0.1", port: 0 };
  const listener = listenPinned({ ...place, identity: farEnd, onShaking: () => () => {}, accept: accepted.resolve });
  const { signal } = new AbortController();
  const near = await connectPinned({ ...place, port: listener.port, identity: nearEnd, pin: farEnd.pin, signal });
  return { near, far: await accepted.promise, close: () => listener.close() };
}

connContract("TLS by pinned keys", pinnedPair);

/** The near end has a handler, and has been written to, before it is connected. */
async function connectingPair(): Promise<ConnPair> {
  const accepted = Promise.withResolvers<Conn>();
  const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: accepted.resolve });
  const near = new ConnectingConn({
    connect: (signal) => connectTcp({ host: "127.0.0.1", port: listener.port, signal }),
    explain: (error) => toKtError(error, "connection-lost", "connect"),
  });
  return { near, far: await accepted.promise, close: () => listener.close() };
}

connContract("a connection that was used before it was made", connectingPair);

test("a connection that cannot be made says why, unless it was given up", async () => {
  const explain = (): KtError => new KtError("target-refused", "no");
  const refused = new Recorder(new ConnectingConn({ connect: () => Promise.reject(new Error("refused")), explain }));
  refused.write("waits");
  await refused.untilClosed();
  expect(refused.error?.code).toBe("target-refused");
  const late = Promise.withResolvers<Conn>();
  const given = new Recorder(new ConnectingConn({ connect: () => late.promise, explain }));
  given.conn.abort();
  await given.untilClosed();
  expect(given.error).toBeUndefined();
  // A connection that comes all the same is not kept.
  const [near, far] = memoryPair();
  const peer = new Recorder(far);
  late.resolve(near);
  await peer.untilClosed();
});

/** Resolves after bytes have gone through another connection and back: what had arrived elsewhere has been read by then. */
async function roundTrip({ near, far }: ConnPair): Promise<void> {
  const back = Promise.withResolvers<void>();
  far.start({ onData: (bytes) => void far.write(bytes), onEnd() {}, onDrain() {}, onClose() {} });
  near.start({ onData: () => back.resolve(), onEnd() {}, onDrain() {}, onClose() {} });
  near.write(new Uint8Array(1));
  await back.promise;
  near.abort();
}

test("a TCP connection that is paused in a bulk transfer reads nothing more", async () => {
  const pair = await tcpPair();
  const sizes: number[] = [];
  const bulkRead = Promise.withResolvers<void>();
  pair.far.start({
    onData(bytes) {
      sizes.push(bytes.length);
      pair.far.pause();
      bulkRead.resolve();
    },
    onEnd() {},
    onDrain() {},
    onClose() {},
  });
  pair.near.start({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} });
  const block = new Uint8Array(32 * 1024);
  while (pair.near.write(block));
  await bulkRead.promise;
  await roundTrip(await tcpPair());
  expect(sizes).toHaveLength(1);
  expect(sizes[0]).toBeGreaterThanOrEqual(16 * 1024);
  // Only what was read during the pause is delivered before `resume` returns.
  pair.far.resume();
  expect(sizes).toHaveLength(1);
  pair.near.abort();
  pair.close?.();
});
