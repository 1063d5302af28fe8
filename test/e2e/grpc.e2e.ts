/** gRPC through the front door: every kind of call, headers, trailers and error details, and many authorities on one port. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { goClient } from "#test/support/client.ts";
import { eachName, type Front, names, startFront } from "#test/support/front.ts";

let front: Front;
beforeAll(async () => {
  front = await startFront();
});
afterAll(async () => await front?.kt.close());

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
