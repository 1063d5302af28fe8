/** gRPC through the front door: every kind of call, headers, trailers and error details, and many authorities on one port. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { goClient } from "#test/support/client.ts";
import { run } from "#test/support/cluster.ts";
import { eachName, type Front, names, startFront } from "#test/support/front.ts";

let front: Front;
beforeAll(async () => {
  front = await startFront();
});
afterAll(async () => await front?.kt.close());

const nodeClient = new URL("node/grpc.mjs", import.meta.url).pathname;

interface Calls {
  readonly pod: string;
  readonly code: string;
  readonly message: string;
}

const allCalls = {
  unary: "hello",
  serverStream: ["0 abc", "1 abc", "2 abc"],
  clientStream: "one+two+three",
  bidi: ["turn 0", "turn 1", "turn 2", "turn 3", "turn 4"],
  code: "FailedPrecondition",
  message: "failed as asked: why",
  details: 1,
  health: "SERVING",
};

test.each(eachName(names.grpc))("every kind of call over cleartext HTTP/2 by the %s name", async (_, host) => {
  const calls = await goClient<Calls>("grpc", front.http, "-host", host);
  expect(calls).toMatchObject({ ...allCalls, authority: host, trailer: calls.pod, failTrailer: expect.stringMatching(/^web-/) });
  expect(calls.pod).toStartWith("web-");
});

test.each(eachName(names.tls))("every kind of call over TLS passed through by the %s name", async (_, host) => {
  expect(await goClient<Calls>("grpc", front.http, "-host", host, "-tls")).toMatchObject({ ...allCalls, authority: host });
});

describe.each([
  ["cleartext HTTP/2", names.grpc.static, []],
  ["TLS that kt speaks", "terminated.localhost", ["-tls"]],
])("over %s", (_, host, tls) => {
  const ask = async (mode: string, ...flags: string[]): Promise<unknown> =>
    await goClient(mode, front.http, "-host", host, ...tls, ...flags);

  test("10,000 calls of every kind on one channel, 100 at once", async () => {
    expect(await ask("many", "-n", "10000", "-timeout", "150s")).toMatchObject({ calls: 10_000 });
  });

  test("100 streams of 1 MB both ways, half of which are not read until the others have ended", async () => {
    expect(await ask("flow")).toEqual({ streams: 100, bytes: 100 * 32 * 32 * 1024 });
  });

  test("@grpc/grpc-js in Node: calls of every kind, trailers, deadline, cancel, 20 MB, and 2,000 calls", async () => {
    const ca = tls.length === 0 ? "" : `${front.kt.home.path}/home/.local/share/kt/ca/root.pem`;
    const ran = await run(["node", nodeClient, `127.0.0.1:${front.http}`, host, ca, "2000"]);
    expect([ran.stderr, ran.exitCode]).toEqual(["", 0]);
    expect(JSON.parse(ran.stdout)).toEqual({
      unary: "hello",
      trailer: expect.stringMatching(/^web-/),
      fail: ["FAILED_PRECONDITION", "failed as asked: why", 1],
      serverStream: allCalls.serverStream,
      clientStream: allCalls.clientStream,
      bidi: allCalls.bidi,
      // At the same moment a server of Go, which was sent the deadline, resets the call, and Node may hear of that first.
      deadline: expect.stringMatching(/^(DEADLINE_EXCEEDED|CANCELLED)$/),
      cancelled: "CANCELLED",
      large: true,
      many: 2000,
    });
  });

  test("100 calls end by their deadline and 100 by their client, beside each other", async () => {
    expect(await ask("ends")).toEqual({ DeadlineExceeded: 100, Canceled: 100 });
  });
});

test("an unknown authority is refused with a gRPC status that says why", async () => {
  const calls = await goClient<Calls>("grpc", front.http, "-host", "nowhere.localhost");
  expect(calls.code).toBe("NotFound");
  expect(calls.message).toContain("nowhere.localhost");
});

test("a port without a listener is refused with a gRPC status that says why", async () => {
  const calls = await goClient<Calls>("grpc", front.http, "-host", "refused.localhost");
  expect(calls.code).toBe("Unavailable");
  expect(calls.message).toContain("7999");
});

test("two authorities on one connection: each gets its own backend or 421, never the other's", async () => {
  const answers = await goClient<readonly { status: number; body: string }[]>(
    "h2",
    front.http,
    "-host",
    "single.localhost",
    "-other",
    "api.localhost",
  );
  const [first, other, again] = answers;
  expect(first).toMatchObject({ status: 200, body: expect.stringContaining("pod=single host=single.localhost proto=HTTP/2.0") });
  expect(again).toMatchObject({ status: 200, body: expect.stringContaining("pod=single ") });
  expect(other?.status === 421 || other?.body.includes("pod=api-")).toBe(true);
});
