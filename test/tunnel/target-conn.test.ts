/** A connection to a target whose pods fail when the test says so: what another pod is sent, and what is reported. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { Recorder } from "#test/support/recorder.ts";
import type { Pipe, PipeListener } from "#tunnel/pipe/pipe.ts";
import type { Slot } from "#tunnel/pipe/slot.ts";
import { TargetConn } from "#tunnel/pipe/target-conn.ts";

/** A pipe that notes what is asked of it. */
class FakePipe implements Pipe {
  readonly halfCloses = true;
  readonly calls: string[] = [];
  readonly listener: PipeListener;
  hasSent = false;

  constructor(listener: PipeListener) {
    this.listener = listener;
  }

  write(bytes: Uint8Array): boolean {
    this.hasSent = true;
    this.calls.push(`write ${bytes.length}`);
    return true;
  }
  end(): void {
    this.calls.push("end");
  }
  abort(): void {
    this.calls.push("abort");
  }
  pause(): void {
    this.calls.push("pause");
  }
  resume(): void {
    this.calls.push("resume");
  }
}

const lost = new KtError("connection-lost", "the session was lost");

function rig() {
  const pipes: FakePipe[] = [];
  const dropped: string[] = [];
  const retries: PromiseWithResolvers<Slot>[] = [];
  const slot = (pod: string): Slot => ({
    pod,
    port: 80,
    open: (listener) => {
      const pipe = new FakePipe(listener);
      pipes.push(pipe);
      return pipe;
    },
    drop: () => dropped.push(pod),
  });
  const conn = new TargetConn(slot("web-1"), {
    clock: new ManualClock(),
    retry: () => {
      const retry = Promise.withResolvers<Slot>();
      retries.push(retry);
      return retry.promise;
    },
    answered() {},
    closed() {},
  });
  const recorder = new Recorder(conn);
  /** The next retry finds this pod. */
  const found = async (pod: string): Promise<void> => {
    retries.at(-1)?.resolve(slot(pod));
    await settle();
  };
  return { conn, recorder, pipes, dropped, retries, found };
}

describe("a connection whose pod fails before its first byte", () => {
  test("goes to another pod, which is sent everything in order, and the end", async () => {
    const { conn, pipes, found } = rig();
    conn.write(new Uint8Array(1));
    pipes[0]?.listener.pipeFailed(lost, "always");
    expect(conn.write(new Uint8Array(2))).toBe(false);
    conn.end();
    await found("web-2");
    expect(conn.pod).toBe("web-2");
    expect(pipes[1]?.calls).toEqual(["write 1", "write 2", "end"]);
  });

  test("is tried again once, however often its pipe fails", () => {
    const { pipes, retries } = rig();
    pipes[0]?.listener.pipeFailed(lost, "always");
    pipes[0]?.listener.pipeFailed(lost, "always");
    expect(retries).toHaveLength(1);
  });

  test("gives the other pod up when its client has gone meanwhile", async () => {
    const { conn, pipes, dropped, found } = rig();
    pipes[0]?.listener.pipeFailed(lost, "always");
    conn.abort();
    await found("web-2");
    expect([dropped, pipes.length]).toEqual([["web-2"], 1]);
  });

  test("pauses at the other pod too", async () => {
    const { conn, pipes, found } = rig();
    conn.pause();
    pipes[0]?.listener.pipeFailed(lost, "always");
    await found("web-2");
    conn.resume();
    expect(pipes[1]?.calls).toEqual(["pause", "resume"]);
  });
});

describe("a connection fails with its pod", () => {
  test("once something came back", async () => {
    const { recorder, pipes, retries } = rig();
    pipes[0]?.listener.pipeData(Uint8Array.of(1));
    pipes[0]?.listener.pipeFailed(lost, "always");
    await recorder.untilClosed();
    expect([recorder.error, retries.length]).toEqual([lost, 0]);
  });

  test.each(["if-nothing-sent", "never"] as const)("when the pod may have read what was sent: %s", async (again) => {
    const { conn, recorder, pipes, retries } = rig();
    conn.write(new Uint8Array(1));
    pipes[0]?.listener.pipeFailed(lost, again);
    await recorder.untilClosed();
    expect([recorder.error, retries.length]).toEqual([lost, 0]);
  });

  test.each([
    [sharedLimits.replayBytes, 1],
    [sharedLimits.replayBytes + 1, 0],
  ])("when more was sent than is kept: after %d bytes there are %d more tries", (lengthBytes, tries) => {
    const { conn, pipes, retries } = rig();
    conn.write(new Uint8Array(lengthBytes));
    pipes[0]?.listener.pipeFailed(lost, "always");
    expect(retries).toHaveLength(tries);
  });
});
