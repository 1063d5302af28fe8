/** Real HTTP/2 peers (node:http2) over real sockets around serveH2: a backend, a front door on a free port, a client. */

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { connectTcp, listenTcp } from "#net/tcp.ts";
import { Backends } from "#proxy/http1/backends.ts";
import type { Found } from "#route/lookup.ts";
import { CounterTable } from "#observe/counters.ts";
import type { KtEvent } from "#observe/events.ts";
import type { Target } from "#route/target.ts";
import { nameOf } from "#test/support/service-target.ts";
import { usualRetry } from "#test/support/retry.ts";
import type { Link } from "#proxy/door/dialer.ts";
import { type H2Connection, type H2Options, serveH2 } from "#proxy/h2/h2.ts";
import { SpeechMemory } from "#proxy/h2/speech-memory.ts";

export type StreamHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

export interface Backend {
  readonly port: number;
  readonly sessions: Set<ServerHttp2Session>;
  close(): void;
}

/** An HTTP/2 cleartext server. */
export async function startBackend(
  handle: StreamHandler,
  settings: { maxConcurrentStreams?: number; enableConnectProtocol?: boolean } = {},
): Promise<Backend> {
  const server = createServer({ settings });
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.on("error", () => {});
  });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on("error", () => {});
    handle(stream, headers);
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", () => listening.resolve());
  await listening.promise;
  const address = server.address();
  if (address === null || typeof address === "string") throw new KtError("internal", "no port");
  const close = (): void => {
    for (const session of sessions) session.destroy();
    server.close();
  };
  return { port: address.port, sessions, close };
}

export const routeTo = (name: string, port: number, scheme: "http" | "https" = "http"): Found => ({
  target: { kind: "service", cluster: { profile: "p", context: undefined }, namespace: undefined, name, port },
  scheme,
  kind: "found",
  via: "static",
  profile: "p",
  route: `${name}.localhost`,
});

export interface Front {
  readonly port: number;
  readonly counters: CounterTable;
  readonly events: KtEvent[];
  readonly connections: H2Connection[];
  /** Targets in the order dialed. */
  readonly dialed: string[];
  close(): void;
}

/** A front door that knows the given backends by name: `NAME.localhost`. */
export function startFront(backends: Readonly<Record<string, number>>, override: Partial<H2Options> = {}): Front {
  const counters = new CounterTable();
  const events: KtEvent[] = [];
  const connections: H2Connection[] = [];
  const dialed: string[] = [];
  const dialPort = async (target: Target, signal: AbortSignal): Promise<Link> => {
    dialed.push(nameOf(target));
    const conn = await connectTcp({ host: "127.0.0.1", port: Number(target.port), signal }).catch((cause) => {
      throw new KtError("port-refused", `connecting to ${nameOf(target)}: refused`, { cause });
    });
    return { conn, pod: `${nameOf(target)}-0`, usable: () => true, park: () => {}, unpark: () => {} };
  };
  const options = {
    router: {
      decide(authority: string): Found {
        const name = authority.toLowerCase().split(".")[0] ?? "";
        const port = backends[name];
        if (port === undefined) throw new KtError("host-unknown", `no route has the name "${authority}"`);
        return routeTo(name, port);
      },
    },
    dial: (route: Found, _authority: string, signal: AbortSignal) => dialPort(route.target as Target, signal),
    backends: new Backends({ dial: dialPort }, systemClock),
    speech: new SpeechMemory(systemClock),
    counters,
    retryOf: usualRetry,
    report: (event: KtEvent) => void events.push(event),
    clock: systemClock,
    log: silentLog,
    clientAddress: "127.0.0.1",
    scheme: "http" as const,
    ...override,
  };
  const listener = listenTcp({
    host: "127.0.0.1",
    port: 0,
    accept: (conn) => connections.push(serveH2(conn, options)),
  });
  const close = (): void => {
    listener.close();
    for (const connection of connections) connection.abort();
  };
  return { port: listener.port, counters, events, connections, dialed, close };
}

/** A client of the front door. */
export function connectClient(front: { readonly port: number }): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${front.port}`);
  session.on("error", () => {});
  return session;
}

export interface Answer {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly body: Buffer;
  /** The code of the reset that ended it; 0 when nothing did. */
  readonly rstCode: number;
}

/** Reads a stream to its end, however it ends. */
export function readAnswer(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    let headers: Readonly<Record<string, unknown>> = {};
    let trailers: IncomingHttpHeaders | undefined;
    const chunks: Buffer[] = [];
    stream.on("response", (received) => {
      headers = received;
    });
    stream.on("trailers", (received) => {
      trailers = received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => {});
    stream.on("close", () => resolve({ headers, trailers, body: Buffer.concat(chunks), rstCode: stream.rstCode ?? 0 }));
  });
}

/** A whole request and its answer. */
export function ask(client: ClientHttp2Session, authority: string, more: OutgoingHttpHeaders = {}, body?: Uint8Array): Promise<Answer> {
  const stream = client.request({ ":authority": authority, ":path": "/", ...more }, { endStream: body === undefined });
  if (body) stream.end(body);
  return readAnswer(stream);
}
