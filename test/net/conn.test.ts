/** The Conns of the net room against the contract. */

import type { Conn } from "#base/conn.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { connectTcp, listenTcp } from "#net/tcp.ts";
import { tlsClient, tlsServer } from "#net/tls.ts";
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
    tlsServer(far, { ...certificate, alpn: ["http/1.1"] }),
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
