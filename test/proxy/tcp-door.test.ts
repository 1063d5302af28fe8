/** TCP doors over real sockets whose target cannot be reached: what clients of each protocol read, and that others pass as they are. */

import { serviceTarget } from "#test/support/service-target.ts";
import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { connectTcp, listenTcp } from "#net/tcp.ts";
import { tlsClient } from "#net/tls.ts";
import { CounterTable } from "#observe/counters.ts";
import type { KtEvent } from "#observe/events.ts";
import type { Link } from "#proxy/door/dialer.ts";
import { TcpDoor } from "#proxy/tcp-door.ts";
import { ask, connectClient } from "#test/support/h2-peers.ts";
import { Recorder } from "#test/support/recorder.ts";
import { usualRetry } from "#test/support/retry.ts";

const closers: (() => void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) close();
});

const noPod = new KtError("no-ready-pod", 'no pod of service "shop/db" is ready: CrashLoopBackOff', {
  hints: ["kubectl describe pod db-0"],
});

interface Opened {
  readonly port: number;
  readonly counters: CounterTable;
  readonly events: KtEvent[];
  client(): Promise<Recorder>;
}

/** A door to a target of this port, reached by `dial`. */
function open(targetPort: number | string, dial: () => Promise<Link>, route = "15432"): Opened {
  const counters = new CounterTable();
  const events: KtEvent[] = [];
  const door = new TcpDoor({
    dialer: { dial },
    counters,
    retryOf: usualRetry,
    clock: systemClock,
    log: silentLog,
    report: (event) => events.push(event),
  });
  const target = serviceTarget("db", targetPort);
  const { port } = door.listen({ host: "127.0.0.1", port: 0 }, { profile: "p", route, target });
  closers.push(() => void door.drain(0));
  const client = async (): Promise<Recorder> => {
    const recorder = new Recorder(await connectTcp({ host: "127.0.0.1", port, signal: new AbortController().signal }));
    closers.push(() => recorder.conn.abort());
    return recorder;
  };
  return { port, counters, events, client };
}

/** What is reported of one that asks and is refused. */
const connection: KtEvent["type"][] = ["connection-opened", "refused", "connection-closed"];
const unreachable = async (): Promise<Link> => await Promise.reject(noPod);

function send(client: Recorder, hexOrText: string): void {
  client.conn.write(/^[0-9a-f ]+$/.test(hexOrText) ? Buffer.from(hexOrText.replaceAll(" ", ""), "hex") : Buffer.from(hexOrText, "latin1"));
}

const encryption = "00000008 04d2162f";
const session = "00000026 00030000 75736572 00706f73 74677265 7300";

describe("a target that cannot be reached", () => {
  test("is reported to PostgreSQL, which asks for encryption first", async () => {
    const { client, counters, events } = open(5432, unreachable);
    const one = await client();
    send(one, encryption);
    await one.until(() => one.text() === "N");
    send(one, session);
    await one.untilEnd();
    expect(one.text()).toContain(
      'SFATAL\0VFATAL\0C08006\0Mkt: no pod of service "shop/db" is ready: CrashLoopBackOff\0Hkubectl describe pod db-0\0',
    );
    expect(counters.of("p", "15432").lastProblem?.code).toBe("no-ready-pod");
    expect(events.map(({ type }) => type)).toEqual(connection);
  });

  test.each([
    [3306, "1234"],
    ["mysql", "1234"],
    [15999, "127.0.0.1:3306"],
  ])("is reported to MySQL, whose server speaks first (target port %p, route %p)", async (port, route) => {
    const { client } = open(port, unreachable, route);
    const one = await client();
    await one.untilEnd();
    expect(one.text().slice(3)).toStartWith("\0");
    expect(one.text()).toEndWith('kt: no pod of service "shop/db" is ready: CrashLoopBackOff');
  });

  test("is reported to Redis", async () => {
    const one = await open(6379, unreachable).client();
    send(one, "*1\r\n$4\r\nPING\r\n");
    await one.untilEnd();
    expect(one.text()).toBe('-ERR kt: no pod of service "shop/db" is ready: CrashLoopBackOff\r\n');
  });

  test("is reported to AMQP, after a greeting", async () => {
    const one = await open(5672, unreachable).client();
    one.conn.write(Buffer.from("AMQP\0\0\x09\x01", "latin1"));
    await one.untilText("PLAIN");
    send(one, "01 0000 00000008 000a 000b 00000000 ce");
    await one.untilText("CONNECTION_FORCED - kt: no pod of service");
    await one.untilEnd();
  });

  test("is reported to MongoDB", async () => {
    const one = await open(27017, unreachable).client();
    send(one, "3a000000 07000000 00000000 d4070000 00000000");
    await one.untilEnd();
    expect(one.text()).toContain("CrashLoopBackOff");
  });

  test("is reported to HTTP and HTTP/2, with a page or a gRPC status", async () => {
    const { client, port, events } = open(8080, unreachable);
    const one = await client();
    send(one, "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n");
    await one.untilText("CrashLoopBackOff");
    expect(one.text()).toStartWith("HTTP/1.1 503 ");
    const h2 = connectClient({ port });
    closers.push(() => h2.destroy());
    const call = await ask(h2, "localhost", { ":method": "POST", "content-type": "application/grpc" });
    expect(call.headers["grpc-message"]).toContain("CrashLoopBackOff");
    expect(events.map(({ type }) => type)).toEqual([...connection, ...connection]);
  });

  test("is reported inside TLS", async () => {
    const one = await open(8443, unreachable).client();
    const { conn } = await tlsClient(one.conn, { serverName: "localhost", insecure: true, alpn: ["http/1.1"] });
    const inside = new Recorder(conn);
    inside.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await inside.untilText("CrashLoopBackOff");
  });

  test("is a reset to what speaks none of these", async () => {
    const one = await open(22, unreachable).client();
    send(one, "SSH-2.0-OpenSSH_9.2\r\n");
    await one.until(() => one.closed);
    expect(one.text()).toBe("");
  });
});

/** A backend that says nothing and ends with this error once it has been written to. */
class Refusing implements Conn {
  readonly remoteAddress = undefined;
  #handler: ConnHandler | undefined;
  #closed = false;
  readonly #error: KtError;

  constructor(error: KtError) {
    this.#error = error;
  }
  start(handler: ConnHandler): void {
    this.#handler = handler;
    if (this.#closed) queueMicrotask(() => handler.onClose(this.#error));
  }
  write(): boolean {
    this.#closed = true;
    queueMicrotask(() => this.#handler?.onClose(this.#error));
    return true;
  }
  unread(): void {}
  end(): void {}
  abort(): void {}
  pause(): void {}
  resume(): void {}
}

const linkOf = (conn: Conn): Link => ({ conn, pod: "db-0", usable: () => true, park() {}, unpark() {} });

describe("a connection that fails before the pod's first byte", () => {
  test("is reported in the client's protocol, recognised by what it had sent", async () => {
    const refused = new KtError("port-refused", "nothing listens on port 5432 of the pod");
    const { client, events, counters } = open(5432, async () => linkOf(new Refusing(refused)));
    const one = await client();
    send(one, session);
    await one.untilEnd();
    expect(one.text()).toContain("Mkt: nothing listens on port 5432 of the pod\0");
    expect(events.map(({ type }) => type)).toEqual(connection);
    expect(counters.of("p", "15432")).toMatchObject({ openConnections: 0, lastProblem: { code: "port-refused" } });
  });

  test("is a reset when it was lost without a reason", async () => {
    const { client } = open(5432, async () => linkOf(new Refusing(new KtError("connection-lost", "lost"))));
    const one = await client();
    send(one, session);
    await one.until(() => one.closed);
    expect(one.text()).toBe("");
  });
});

describe("a target that is there", () => {
  /** A door to a server whose connections `serve` gets. */
  function openTo(serve: (conn: Recorder) => void): Opened {
    const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => serve(new Recorder(conn)) });
    closers.push(() => listener.close());
    return open(5432, async () =>
      linkOf(await connectTcp({ host: "127.0.0.1", port: listener.port, signal: new AbortController().signal })),
    );
  }

  test("may speak first", async () => {
    const one = await openTo((conn) => conn.write("220 hello\r\n")).client();
    await one.untilText("220 hello");
  });

  test("may end first, and go on reading", async () => {
    const heard = Promise.withResolvers<string>();
    const { client } = openTo((conn) => {
      conn.conn.end();
      void conn.untilEnd().then(() => heard.resolve(conn.text()));
    });
    const one = await client();
    await one.until(() => one.ended);
    one.write("still here");
    one.conn.end();
    expect(await heard.promise).toBe("still here");
  });

  test("answers a client that has ended its half", async () => {
    const { client } = openTo(async (conn) => {
      await conn.untilEnd();
      conn.write(`${conn.length} bytes`);
      conn.conn.end();
    });
    const one = await client();
    one.conn.write(new Uint8Array(300_000));
    one.conn.end();
    await one.untilEnd();
    expect(one.text()).toBe("300000 bytes");
  });
});
