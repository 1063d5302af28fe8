/** Requests to backends that close their connections without a word, whose end reaches us a second late as through a node. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Clock } from "#base/clock.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { KeepAlive } from "#proxy/http1/keep-alive.ts";
import type { PodConnection, PodServer } from "#test/support/fake-cluster.ts";
import { settle } from "#test/support/manual-clock.ts";
import { onRequest, PodFront, requestText, say } from "#test/support/pod-front.ts";

/** What container runtimes hold a pod's end back for. */
const lateMs = 1000;

interface Closer {
  /** Closes after this many answers, */
  readonly answers: number;
  /** and when nothing has come for this long. */
  readonly idleMs: number;
}

/** A backend that notes each request it reads. What comes after it has closed is lost. */
function closer(clock: () => Clock, { answers, idleMs }: Closer, read: string[]): PodServer {
  return (connection) => {
    let isClosed = false;
    let cancelIdle = (): void => {};
    const close = (): void => {
      isClosed = true;
      clock().after(lateMs, () => connection.end());
    };
    onRequest((_, request, nth) => {
      if (isClosed) return;
      cancelIdle();
      read.push(request.slice(0, request.indexOf(" ")));
      say(connection, `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${String(nth).padStart(2, "0")}`);
      if (nth >= answers) close();
      else cancelIdle = clock().after(idleMs, () => !isClosed && close());
    })(connection);
  };
}

function rig(kind: Closer) {
  const read: string[] = [];
  const front: PodFront = new PodFront(closer(() => front.clock, kind, read));
  const send = (method: string): Promise<string> =>
    front.answer(requestText(method, method === "POST" || method === "PUT" ? "x=1" : ""), 3000);
  return { read, front, send };
}

const statusOf = (answer: string): string => answer.slice(9, 12);
const never = Number.POSITIVE_INFINITY;

describe("a backend that closes after each answer without saying so", () => {
  test("gets each POST once, and answers it", async () => {
    const { read, front, send } = rig({ answers: 1, idleMs: never });
    for (let nth = 0; nth < 30; nth++) {
      expect(statusOf(await send("POST"))).toBe("200");
      await front.clock.advance(50);
    }
    expect(read).toHaveLength(30);
  });

  test("keeps a GET waiting once, not each time", async () => {
    const { front, send } = rig({ answers: 1, idleMs: never });
    let slow = 0;
    for (let nth = 0; nth < 100; nth++) {
      const startedMs = front.clock.now();
      expect(statusOf(await send("GET"))).toBe("200");
      if (front.clock.now() > startedMs) slow += 1;
      await front.clock.advance(50);
    }
    expect(slow).toBe(1);
  });

  test("answers a PUT whose body was sent to a connection that had closed", async () => {
    const { read, front, send } = rig({ answers: 1, idleMs: never });
    expect(statusOf(await send("GET"))).toBe("200");
    await front.clock.advance(50);
    expect(statusOf(await send("PUT"))).toBe("200");
    expect(read).toEqual(["GET", "PUT"]);
  });

  test("and is rolled out anew to keep them: its connections are used again", async () => {
    let kind: Closer = { answers: 1, idleMs: never };
    const front: PodFront = new PodFront((connection) => closer(() => front.clock, kind, [])(connection));
    const send = (): Promise<string> => front.answer(requestText(), 3000);
    for (let nth = 0; nth < 3; nth++) await send();
    kind = { answers: never, idleMs: never };
    await send();
    await front.clock.advance(proxyLimits.lateEndMs + 1000);
    await send();
    expect((await send()).slice(-2)).toBe("03");
  });
});

test("a backend that keeps its connections serves POSTs over one, once it has been seen to", async () => {
  const { front, send } = rig({ answers: never, idleMs: never });
  for (let nth = 0; nth < proxyLimits.keepAliveProvenAnswers + 2; nth++) {
    await send("GET");
    await front.clock.advance(20);
  }
  const before = front.sessions;
  const answers: string[] = [];
  for (let nth = 0; nth < 20; nth++) {
    answers.push((await send("POST")).slice(-2));
    await front.clock.advance(5);
  }
  expect(answers.at(-1)).toBe("20");
  expect(front.sessions).toBeLessThanOrEqual(before + 1);
});

test("POSTs alone teach it too, and leave no more connections behind than are watched", async () => {
  const { front, send } = rig({ answers: never, idleMs: never });
  let reused = 0;
  for (let nth = 0; nth < 400; nth++) {
    if ((await send("POST")).slice(-2) !== "01") reused += 1;
    await front.clock.advance(50);
  }
  expect(reused).toBeGreaterThan(250);
  expect(front.sessions).toBeLessThan(20);
});

test("whatever it closes after, every request is answered, and none that acts is read twice", async () => {
  const kind = fc.record({ answers: fc.constantFrom(1, 2, 3, 5, 7, never), idleMs: fc.constantFrom(0, 30, 200, 700, 1200, 5000, never) });
  const step = fc.tuple(fc.constantFrom("GET", "POST", "PUT", "DELETE", "PATCH"), fc.constantFrom(0, 1, 10, 50, 150, 400, 900, 1500, 3000));
  await fc.assert(
    fc.asyncProperty(kind, fc.array(step, { minLength: 5, maxLength: 30 }), async (closes, steps) => {
      const { read, front, send } = rig(closes);
      for (const [method, pauseMs] of steps) {
        expect(statusOf(await send(method))).toBe("200");
        await front.clock.advance(pauseMs);
      }
      const acting = (methods: readonly string[]): string[] => methods.filter((method) => method === "POST" || method === "PATCH");
      expect(acting(read)).toEqual(acting(steps.map(([method]) => method)));
    }),
    { numRuns: 60 },
  );
});

test("a POST is not sent again when its new connection is lost", async () => {
  const read: string[] = [];
  const front = new PodFront(
    onRequest((connection, request) => {
      read.push(request);
      connection.end();
    }),
  );
  expect(statusOf(await front.answer(requestText("POST", "x=1")))).toBe("502");
  expect(read).toHaveLength(1);
});

test.each([
  ["closes", (connection: PodConnection) => connection.end()],
  [
    "is killed",
    (connection: PodConnection) => connection.fail("an error occurred forwarding 8080 -> 8080: read: connection reset by peer"),
  ],
])("a GET at which the pod %s is tried twice, not on one pod after the other", async (_, end) => {
  let read = 0;
  const front = new PodFront(
    onRequest((connection) => {
      read += 1;
      end(connection);
    }),
  );
  expect(statusOf(await front.answer(requestText(), 3000))).toBe("502");
  expect(read).toBe(2);
});

test("a connection that closes between being chosen and being used gets nothing of a POST, which is sent on another", async () => {
  const { read, front, send } = rig({ answers: never, idleMs: never });
  for (let nth = 0; nth < 4; nth++) await send("GET");
  for (const { far } of front.cluster.sessions) far.abort();
  expect(statusOf(await send("POST"))).toBe("200");
  await settle();
  expect(read.filter((method) => method === "POST")).toHaveLength(1);
});

describe("what is known of a backend", () => {
  test("lets nothing that acts use a connection of which nothing is known", () => {
    const keepAlive = new KeepAlive();
    expect(keepAlive.mayUse({ answers: 1, idleMs: 0 }, false)).toBe(false);
    expect(keepAlive.mayUse({ answers: 1, idleMs: 0 }, true)).toBe(true);
    expect(keepAlive.mayUse({ answers: 0, idleMs: 0 }, false)).toBe(true);
  });

  test("counts an open connection only when the news of its end would be here", () => {
    const keepAlive = new KeepAlive();
    keepAlive.stillOpen({ answers: 1, idleMs: proxyLimits.lateEndMs });
    expect(keepAlive.mayUse({ answers: 1, idleMs: 0 }, false)).toBe(false);
    keepAlive.stillOpen({ answers: 1, idleMs: proxyLimits.lateEndMs + 100 });
    expect(keepAlive.mayUse({ answers: 1, idleMs: 50 }, false)).toBe(true);
    expect(keepAlive.mayUse({ answers: 1, idleMs: 51 }, false)).toBe(false);
    expect(keepAlive.mayUse({ answers: 2, idleMs: 0 }, false)).toBe(false);
  });

  test("is not used for long pauses, whatever has been seen", () => {
    const keepAlive = new KeepAlive();
    keepAlive.answeredAgain({ answers: 99, idleMs: 60_000 });
    expect(keepAlive.mayUse({ answers: 1, idleMs: proxyLimits.parkedLinkForUnsafeMs - 1 }, false)).toBe(true);
    expect(keepAlive.mayUse({ answers: 1, idleMs: proxyLimits.parkedLinkForUnsafeMs }, false)).toBe(false);
  });

  test("keeps also what may be sent again from connections that idle for too long", () => {
    const keepAlive = new KeepAlive();
    keepAlive.closed({ answers: 5, idleMs: proxyLimits.lateEndMs + 5000 });
    expect(keepAlive.mayUse({ answers: 1, idleMs: 4999 }, true)).toBe(true);
    expect(keepAlive.mayUse({ answers: 1, idleMs: 5000 }, true)).toBe(false);
    keepAlive.answeredAgain({ answers: 1, idleMs: 6000 });
    expect(keepAlive.mayUse({ answers: 1, idleMs: 6000 }, true)).toBe(true);
  });
});
