/** Sends a TLS client's hello on and waits for the backend's first bytes: what answers it in another protocol has no TLS. */

import { emptyBytes } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { proxyLimits } from "#proxy/limits.ts";
import type { SpliceCount } from "#net/splice.ts";
import { quoteBytes } from "#wire/foreign-protocol.ts";
import type { Link } from "./dialer.ts";

/** The client went away before the backend had answered: no error is sent. */
export const clientLeft = new KtError("connection-lost", "the client left before the backend had answered");

/** TLS records begin with one of these (RFC 8446 §5.1): a hello in answer, or an alert. */
const recordTypes = new Set([0x15, 0x16]);

export interface ExpectOptions {
  /** The client's, paused and still holding its hello. */
  readonly client: Conn;
  readonly link: Link;
  readonly count: SpliceCount;
  readonly route: string;
  /** Where the client would reach the route without TLS. */
  readonly plainUrl: string;
  readonly clock: Clock;
  /** Opens another connection to the same target, to ask one that says nothing whether it speaks HTTP. */
  readonly dialAgain: () => Promise<Link>;
}

/**
 * Resolves once the backend answers in TLS; both Conns are paused then. Rejects with `clientLeft`,
 * or with the KtError to show inside a handshake of kt's own: the client still holds its hello then, and the backend is let go.
 */
export async function expectTls(options: ExpectOptions): Promise<void> {
  const { client, link, clock, count } = options;
  const outcome = Promise.withResolvers<void>();
  const cancelProbe = clock.after(proxyLimits.tlsSilenceMs, () => void askForHttp(options, outcome.reject));
  let hello: Uint8Array | undefined;
  client.start({
    onData(bytes) {
      client.pause();
      hello = bytes;
      count.add("sent", bytes.length);
      link.conn.write(bytes);
    },
    onEnd() {},
    onDrain() {},
    onClose: () => outcome.reject(clientLeft),
  });
  const settle = (bytes: Uint8Array, error: KtError | undefined): void => {
    const problem = problemWith(options, bytes, error);
    if (problem) outcome.reject(problem);
    else outcome.resolve();
  };
  link.conn.start(new FirstBytes(link.conn, settle));
  try {
    await outcome.promise;
  } catch (error) {
    link.conn.abort();
    if (hello && error !== clientLeft) client.unread(hello);
    throw error;
  } finally {
    cancelProbe();
  }
}

/** Why a backend that answers a hello like this has no TLS; undefined when it has. */
function problemWith(options: ExpectOptions, bytes: Uint8Array, error: KtError | undefined): KtError | undefined {
  const [first] = bytes;
  if (first !== undefined) return recordTypes.has(first) ? undefined : notTls(options, bytes);
  return error === undefined || error.code === "connection-lost" ? closedOnHello(options) : error;
}

type Heard = (bytes: Uint8Array, error: KtError | undefined) => void;

/** Hears one side until it says something, or closes without: no bytes then. The Conn is paused, and holds what came. */
class FirstBytes implements ConnHandler {
  readonly #conn: Conn;
  readonly #tell: Heard;

  constructor(conn: Conn, tell: Heard) {
    this.#conn = conn;
    this.#tell = tell;
  }

  onData(bytes: Uint8Array): void {
    this.#conn.pause();
    this.#conn.unread(bytes);
    this.#tell(bytes, undefined);
  }

  /** Why comes with the close. */
  onEnd(): void {
    this.#conn.end();
  }

  onDrain(): void {}

  onClose(error: KtError | undefined): void {
    this.#tell(emptyBytes, error);
  }
}

/** Not a request that means anything: `OPTIONS *` asks of the server itself (RFC 9110 §9.3.7). */
const question = Buffer.from("OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "latin1");

/** Many servers of HTTP wait for the end of a line that never comes; asked in HTTP they answer. */
async function askForHttp(options: ExpectOptions, reject: (error: KtError) => void): Promise<void> {
  const link = await options.dialAgain().catch(() => undefined);
  link?.conn.start(
    new FirstBytes(link.conn, (bytes) => {
      link.conn.abort();
      if (isHttp(bytes)) reject(plainHttp(options));
    }),
  );
  link?.conn.write(question);
}

function isHttp(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 5)).toString("latin1") === "HTTP/";
}

function notTls(options: ExpectOptions, bytes: Uint8Array): KtError {
  if (isHttp(bytes)) return plainHttp(options);
  return new KtError("backend-invalid", `the backend of "${options.route}" answers in something else than TLS: ${quoteBytes(bytes)}`, {
    hints: [`without TLS it may be ${options.plainUrl}`],
  });
}

function plainHttp({ route, plainUrl }: ExpectOptions): KtError {
  return new KtError("plain-http", `"${route}" speaks plain HTTP, without TLS: ${plainUrl}`, { hints: [`open ${plainUrl}`] });
}

function closedOnHello({ route, plainUrl }: ExpectOptions): KtError {
  return new KtError("connection-lost", `the backend of "${route}" closed the connection when it was asked for TLS`, {
    hints: [`if it speaks plain HTTP, open ${plainUrl}`],
  });
}
