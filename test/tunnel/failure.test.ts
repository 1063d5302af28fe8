/** Which failures of a connection a pod or its node speaks of, and which are those of a session that was lost. */

import { describe, expect, test } from "bun:test";
import { KtError, withHints } from "#base/errors.ts";
import { describeForwardFailure } from "#tunnel/forward/failure.ts";
import { describeJumpEnd } from "#tunnel/jump/failure.ts";

const jumpEnd = (end: Partial<Parameters<typeof describeJumpEnd>[0]>): KtError | undefined =>
  describeJumpEnd({
    pod: "p",
    address: { host: "db", port: 80 },
    exit: { kind: "exited", code: 1 },
    stderr: "",
    received: false,
    ...end,
  })?.error;

describe("a pod's node", () => {
  test.each([
    "failed to connect to localhost:80 inside namespace x, IPv4: dial tcp4 127.0.0.1:80: connect: connection refused",
    "network namespace for sandbox x is closed",
    "too many open files",
    "something that no kubelet has said yet",
    "",
  ])("speaks of the pod: %s", (text) => {
    expect(describeForwardFailure(text, "web-1", 80).error.detail).toBe("said-by-pod");
  });
});

describe("a jump host's process", () => {
  test.each(["Connection refused", "Name or service not known", "No route to host", "reset by peer", ""])(
    "speaks of the pod: %p",
    (stderr) => {
      expect(jumpEnd({ stderr })?.detail).toBe("said-by-pod");
    },
  );

  test("that did not start is the pod's answer too", () => {
    expect(jumpEnd({ exit: { kind: "failed", text: "exec: not found" } })?.detail).toBe("said-by-pod");
    expect(jumpEnd({ exit: { kind: "exited", code: 127 } })?.detail).toBe("said-by-pod");
  });

  test("whose session was lost says nothing about the pod", () => {
    const error = new KtError("connection-lost", "the session was lost", { cause: "words of its own" });
    expect(jumpEnd({ exit: { kind: "lost", error } })?.detail).toBeUndefined();
  });
});

test("other hints leave the rest of an error as it is", () => {
  const { error } = describeForwardFailure("x", "web-1", 80);
  const hinted = withHints(error, ["kt doctor"]);
  expect({ ...hinted, hints: error.hints, message: hinted.message }).toMatchObject({ ...error, message: error.message });
  expect([hinted.detail, hinted.hints, hinted.cause]).toEqual(["said-by-pod", ["kt doctor"], error]);
});
