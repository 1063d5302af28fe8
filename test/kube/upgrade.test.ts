/** Tests port-forward upgrades: both ways, falling back, what is remembered, and what refusals mean. */

import { describe, expect, test } from "bun:test";
import { CryptoHasher } from "bun";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { encodeWsFrame, wsAccept, wsOpcodes } from "#wire/ws-frame.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { headerOf, type RawConnection, rawServer } from "./raw-server.ts";
import { Harness, type HarnessOptions } from "./scripted-api.ts";

const signal = new AbortController().signal;
const sha1 = (text: string): Uint8Array => new CryptoHasher("sha1").update(text).digest();
const isWebSocket = ({ head }: RawConnection): boolean => headerOf(head, "upgrade") === "websocket";

const spdyAnswer =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n";

/** Agrees to SPDY and answers every ping, which is to send it back. */
function serveSpdy(connection: RawConnection): void {
  connection.socket.write(spdyAnswer);
  connection.onData = (bytes) => void connection.socket.write(bytes);
}

function webSocketAnswer(head: string, protocol = "SPDY/3.1+portforward.k8s.io"): string {
  const accept = wsAccept(headerOf(head, "sec-websocket-key") ?? "", sha1);
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`;
}

/** Agrees to a WebSocket and answers every ping of the SPDY in it, which is to send it back. */
function serveWebSocket(connection: RawConnection, head = webSocketAnswer(connection.head)): void {
  const { socket } = connection;
  const decoder = new WsDecoder("server", {
    onMessage: (_, bytes) => void socket.write(encodeWsFrame(wsOpcodes.binary, [bytes], {})),
    onPing() {},
    onPong() {},
    onClose() {},
  });
  socket.write(head);
  connection.onData = (bytes) => decoder.decode(bytes);
}

function refuse({ socket }: RawConnection, code: number, message: string | undefined): void {
  const body = message === undefined ? "<html>no</html>" : JSON.stringify({ kind: "Status", message, code });
  socket.end(`HTTP/1.1 ${code} Whatever\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** Opens with a server that answers as told; `lines` are the requests that it took. */
async function opening(answer: (connection: RawConnection) => void, times = 1, options: HarnessOptions = {}) {
  using server = rawServer(answer);
  await using harness = await Harness.open(undefined, { ...options, server: `http://127.0.0.1:${server.port}` });
  const results: (Conn | KtError)[] = [];
  for (let time = 0; time < times; time++) {
    results.push(
      await harness.cluster
        .portForward("shop", "web-1", signal)
        .catch((error: unknown) => (error instanceof KtError ? error : new KtError("internal", String(error)))),
    );
  }
  for (const result of results) if (!(result instanceof KtError)) result.abort();
  return { results, lines: server.lines, harness };
}

const outcome = (result: Conn | KtError | undefined): string => (result instanceof KtError ? `${result.code}: ${result.message}` : "open");

/** The first bytes that arrive. */
const firstBytes = (conn: Conn): Promise<string> =>
  new Promise((resolve, reject) => {
    conn.start({
      onData: (bytes) => resolve(Buffer.from(bytes).toString("latin1")),
      onEnd() {},
      onDrain() {},
      onClose: (error) => reject(error ?? new KtError("connection-lost", "closed")),
    });
  });

describe("SPDY", () => {
  test("is asked for first, and bytes right after the head are not lost", async () => {
    let head = "";
    using server = rawServer((connection) => {
      head = connection.head;
      connection.socket.write(Buffer.from(`${spdyAnswer}\x80\x03early`, "latin1"));
    });
    await using harness = await Harness.open(undefined, { server: `http://127.0.0.1:${server.port}/k8s/prod/`, user: { token: "t" } });
    const conn = await harness.cluster.portForward("shop", "web-1", signal);
    expect(await firstBytes(conn)).toBe("\x80\x03early");
    conn.abort();
    expect(head.split("\r\n")[0]).toBe("POST /k8s/prod/api/v1/namespaces/shop/pods/web-1/portforward HTTP/1.1");
    expect(
      ["upgrade", "connection", "x-stream-protocol-version", "authorization", "content-length", "host"].map((name) => headerOf(head, name)),
    ).toEqual(["SPDY/3.1", "Upgrade", "portforward.k8s.io", undefined, "0", `127.0.0.1:${server.port}`]);
  });
});

describe("falling back", () => {
  const spdyOnly = (connection: RawConnection): void => {
    if (isWebSocket(connection)) refuse(connection, 400, undefined);
    else serveSpdy(connection);
  };

  test.each([
    ["a proxy says 400", (connection: RawConnection) => refuse(connection, 400, undefined)],
    ["a gateway says 403 without a Status", (connection: RawConnection) => refuse(connection, 403, undefined)],
    ["a gateway says 502", (connection: RawConnection) => refuse(connection, 502, undefined)],
    ["something says 200", (connection: RawConnection) => refuse(connection, 200, undefined)],
    ["the connection is closed", (connection: RawConnection) => void connection.socket.end()],
    [
      "the upgrade is to something else",
      (connection: RawConnection) => void connection.socket.write("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
    ],
    ["create is forbidden and get is not", (connection: RawConnection) => refuse(connection, 403, "cannot create pods/portforward")],
  ])("to WebSocket when %s, and from then on", async (_, refusal) => {
    const { results, lines } = await opening((connection) => {
      if (isWebSocket(connection)) serveWebSocket(connection);
      else refusal(connection);
    }, 2);
    expect(results.map(outcome)).toEqual(["open", "open"]);
    expect(lines.map((line) => line.split(" ")[0])).toEqual(["POST", "GET", "GET"]);
  });

  test("back to SPDY when the WebSocket stops working", async () => {
    let webSocketWorks = true;
    const { results, lines } = await opening((connection) => {
      if (isWebSocket(connection) && webSocketWorks) {
        webSocketWorks = false;
        serveWebSocket(connection);
      } else if (isWebSocket(connection)) refuse(connection, 500, "broken");
      else if (webSocketWorks) refuse(connection, 500, "broken");
      else serveSpdy(connection);
    }, 2);
    expect(results.map(outcome)).toEqual(["open", "open"]);
    expect(lines.map((line) => line.split(" ")[0])).toEqual(["POST", "GET", "GET", "POST"]);
  });

  test("a WebSocket of another protocol is none", async () => {
    const { results } = await opening((connection) => {
      if (isWebSocket(connection)) connection.socket.write(webSocketAnswer(connection.head, "v4.channel.k8s.io"));
      else refuse(connection, 500, "no SPDY here");
    });
    expect(outcome(results[0])).toContain("no SPDY here");
  });

  test("SPDY alone is enough", async () => {
    const { results, lines } = await opening(spdyOnly, 2);
    expect([results.map(outcome), lines.length]).toEqual([["open", "open"], 2]);
  });
});

describe("a way that is agreed to and then passes nothing on", () => {
  /** How long what a server has just not done is waited for. */
  let waitMs = 0;
  const swallows = (connection: RawConnection): void => {
    connection.socket.write(spdyAnswer);
    connection.onData = () => {
      waitMs = kubeLimits.upgradeProofMs;
    };
  };
  const closes = (connection: RawConnection): void => void connection.socket.end(spdyAnswer);
  const resets = (connection: RawConnection): void => {
    connection.socket.write(spdyAnswer);
    connection.onData = () => connection.socket.terminate();
  };
  const saysMore = (connection: RawConnection): void => void connection.socket.write(`${spdyAnswer}HTTP/1.1 400 Bad Request\r\n\r\n`);
  const stalls = (connection: RawConnection): void => {
    waitMs = isWebSocket(connection) ? kubeLimits.upgradeAnyAnswerMs : kubeLimits.upgradeAnswerMs;
  };
  const webSocket = (connection: RawConnection): void => serveWebSocket(connection);
  const webSocketSwallows = ({ head, socket }: RawConnection): void => {
    socket.write(webSocketAnswer(head));
    waitMs = kubeLimits.upgradeAnyAnswerMs;
  };

  /** Opens one after the other, each so long after the one before; time passes only where something was swallowed. */
  async function openings(
    spdy: (connection: RawConnection) => void,
    other: (connection: RawConnection) => void,
    betweenMs: readonly number[],
  ) {
    const clock = new ManualClock();
    using server = rawServer((connection) => (isWebSocket(connection) ? other(connection) : spdy(connection)));
    await using harness = await Harness.open(undefined, { clock, server: `http://127.0.0.1:${server.port}` });
    const outcomes: string[] = [];
    const tookMs: number[] = [];
    for (const ms of [0, ...betweenMs]) {
      await clock.advance(ms);
      const startedMs = clock.now();
      let opened: Conn | KtError | undefined;
      void harness.cluster.portForward("shop", "web-1", signal).then(
        (conn) => {
          opened = conn;
        },
        (error: KtError) => {
          opened = error;
        },
      );
      while (opened === undefined) {
        await new Promise((resolve) => setImmediate(resolve));
        const ms = waitMs;
        waitMs = 0;
        if (ms > 0) await clock.advance(ms);
      }
      tookMs.push(clock.now() - startedMs);
      outcomes.push(outcome(opened));
      if (!(opened instanceof KtError)) opened.abort();
    }
    return { outcomes, tookMs, methods: server.lines.map((line) => line.split(" ")[0]), logged: harness.logged };
  }

  test.each([
    ["swallows all", swallows],
    ["closes", closes],
    ["is reset at the first bytes", resets],
    ["goes on in HTTP", saysMore],
    ["is not answered", stalls],
  ])("SPDY that %s is left for WebSockets, which are remembered and then forgotten", async (_, spdy) => {
    const { outcomes, tookMs, methods, logged } = await openings(spdy, webSocket, [0, 0, kubeLimits.upgradeWayMs]);
    expect(outcomes).toEqual(["open", "open", "open", "open"]);
    expect(methods).toEqual(["POST", "GET", "GET", "GET", "POST", "GET"]);
    expect(Math.max(...tookMs)).toBeLessThan(2000);
    expect(logged.find((line) => line.startsWith("upgrade-fallback"))).toMatch(/agreed to SPDY and then|did not answer within 1.5 s/);
  });

  test("SPDY that is slow to answer is waited for beside WebSockets that fail or are slow as well, and alone from then on", async () => {
    for (const other of [() => {}, (connection: RawConnection) => refuse(connection, 502, undefined)]) {
      let slow: RawConnection | undefined;
      const spdy = (connection: RawConnection): void => {
        if (slow) serveSpdy(connection);
        else waitMs = kubeLimits.upgradeAnswerMs;
        slow ??= connection;
      };
      const beside = (connection: RawConnection): void => {
        other(connection);
        if (slow) serveSpdy(slow);
      };
      const { outcomes, methods, tookMs } = await openings(spdy, beside, [0, kubeLimits.upgradeProvenMs]);
      expect(outcomes).toEqual(["open", "open", "open"]);
      expect(methods).toEqual(["POST", "GET", "POST", "POST"]);
      expect(tookMs).toEqual([kubeLimits.upgradeAnswerMs, 0, 0]);
    }
  });

  const blocked: readonly (readonly [string, typeof swallows, typeof swallows])[] = [
    ["answers no upgrade", stalls, stalls],
    ["agrees to both and passes nothing on", swallows, webSocketSwallows],
    ["agrees to SPDY, passes nothing on and answers no WebSocket", swallows, stalls],
    ["answers no SPDY, agrees to a WebSocket and passes nothing on", stalls, webSocketSwallows],
  ];

  test.each(blocked)("a front that %s is reported within 8 s", async (_, spdy, other) => {
    const { outcomes, tookMs } = await openings(spdy, other, []);
    expect(outcomes).toEqual([
      expect.stringMatching(
        /^cluster-unreachable: \S+ did not open a connection to the pod within 8 s, by SPDY or by WebSocket: does a proxy in between block both\?$/,
      ),
    ]);
    // What was waited for before is counted from the first request.
    expect(tookMs[0]).toBeLessThan(10_000);
  });

  test("a WebSocket that answers is asked for a sign of life once in a while only", async () => {
    let asked = 0;
    const counted = (connection: RawConnection): void => {
      serveWebSocket(connection);
      const { onData } = connection;
      connection.onData = (bytes) => {
        asked += 1;
        onData(bytes);
      };
    };
    const refused = (connection: RawConnection): void => refuse(connection, 400, undefined);
    const { methods } = await openings(refused, counted, [0, kubeLimits.upgradeProvenMs]);
    expect([methods, asked]).toEqual([["POST", "GET", "GET", "GET"], 2]);
  });

  test("SPDY that is silent is taken all the same where WebSockets are refused", async () => {
    const { outcomes, methods } = await openings(swallows, (connection) => refuse(connection, 400, undefined), [
      0,
      kubeLimits.upgradeProvenMs,
    ]);
    expect(outcomes).toEqual(["open", "open", "open"]);
    // It is not waited for each time.
    expect(methods).toEqual(["POST", "GET", "POST", "POST", "GET"]);
  });

  test("SPDY that closes is reported where WebSockets are refused", async () => {
    const { outcomes } = await openings(closes, (connection) => refuse(connection, 400, undefined), []);
    expect(outcomes).toEqual([expect.stringMatching(/^cluster-unreachable: \S+ agreed to SPDY and then closed the connection$/)]);
  });

  test("SPDY that answers is asked for a sign of life once in a while only", async () => {
    let asked = 0;
    const spdy = (connection: RawConnection): void => {
      connection.socket.write(spdyAnswer);
      connection.onData = (bytes) => {
        asked += 1;
        connection.socket.write(bytes);
      };
    };
    const { methods } = await openings(spdy, webSocket, [0, 0, kubeLimits.upgradeProvenMs]);
    expect([methods, asked]).toEqual([["POST", "POST", "POST", "POST"], 2]);
  });
});

describe("refusals", () => {
  test("both verbs are named when both are forbidden", async () => {
    const { results, lines } = await opening((connection) => refuse(connection, 403, 'pods "web-1" is forbidden: no'));
    expect(outcome(results[0])).toBe(
      'forbidden: not allowed to create pods/portforward or get pods/portforward in namespace "shop": pods "web-1" is forbidden: no',
    );
    expect(results[0] instanceof KtError && results[0].hints).toEqual([
      "kubectl auth can-i create pods --subresource=portforward -n shop --context test",
      "kubectl auth can-i get pods --subresource=portforward -n shop --context test",
    ]);
    expect(lines.length).toBe(2);
  });

  test("only create is named when the WebSocket was refused for want of it too", async () => {
    const { results } = await opening((connection) => refuse(connection, 403, 'User "u" cannot create resource "pods/portforward"'));
    expect(outcome(results[0])).toBe(
      'forbidden: not allowed to create pods/portforward in namespace "shop": user "u" cannot create resource "pods/portforward"',
    );
  });

  test.each([
    [404, 'pods "web-1" not found', 'pod-not-found: there is no pod "web-1" in namespace "shop"', 1],
    [401, "Unauthorized", "refused a request without credentials: unauthorized", 1],
    [400, 'pod "web-1" does not have a host assigned', 'no-ready-pod: pod "shop/web-1" is waiting for a node', 1],
    [500, "the kubelet is away", "answered 500: the kubelet is away", 2],
    [503, "leader changed", "cluster-unreachable: ", 2],
  ])("%p %p", async (code, message, want, requests) => {
    const { results, lines } = await opening((connection) => refuse(connection, code, message));
    expect(outcome(results[0])).toContain(want);
    expect(lines.length).toBe(requests);
  });

  test("a redirect is reported with where it leads, without its query", async () => {
    const location = "https://sso.test/login?state=secret";
    const { results } = await opening(({ socket }) => void socket.end(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\n\r\n`));
    expect(outcome(results[0])).toMatch(/^cluster-error: \S+ answered 302 Found and leads to "https:\/\/sso.test\/login": /);
  });

  test("a server of TLS that was asked without says so", async () => {
    const body = "Client sent an HTTP request to an HTTPS server.\n";
    const { results } = await opening(({ socket }) => void socket.end(`HTTP/1.0 400 Bad Request\r\n\r\n${body}`));
    expect(outcome(results[0])).toMatch(/^cluster-error: http:\S+ speaks TLS, and was asked without$/);
  });

  test("a server that does not listen", async () => {
    await using harness = await Harness.open(undefined, { server: "http://127.0.0.1:1" });
    await expect(harness.cluster.portForward("shop", "web-1", signal)).rejects.toMatchObject({ code: "cluster-unreachable" });
    expect((await harness.reached.next()).problem?.message).toContain("connection refused");
  });

  test("giving up is the caller's own reason, and says nothing about the cluster", async () => {
    const giveUp = new AbortController();
    using server = rawServer(() => giveUp.abort(new KtError("shutting-down", "enough")));
    await using harness = await Harness.open(undefined, { server: `http://127.0.0.1:${server.port}` });
    await expect(harness.cluster.portForward("shop", "web-1", giveUp.signal)).rejects.toMatchObject({
      code: "shutting-down",
      message: "enough",
    });
    expect(server.lines.length).toBe(1);
  });
});
