/** The client session against a live spdystream server. Needs Go, so it runs only with KT_ORACLE=1. */

import { expect, test } from "bun:test";
import { spawn } from "bun";
import { concatBytes } from "#base/bytes.ts";
import type { SessionEvent } from "#mux/events.ts";
import { farWorkerOf, farWorkers, SpdySession } from "#mux/session.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { pattern } from "#test/wire/pieces.ts";
import { streamHeaders } from "#wire/portforward.ts";

/** A session over the standard input and output of the recorder's echo server. */
function connectToSpdystream(dir: string) {
  const session = new SpdySession({ role: "client" });
  // Not by "go run", whose child would outlive it: with a worker blocked it does not even end with its input.
  const build = 'go build -o "$0" . && exec "$0" echo';
  const server = spawn(["sh", "-c", build, `${dir}/spdystream`], {
    cwd: `${import.meta.dir}/../vectors/capture`,
    stdin: "pipe",
    stdout: "pipe",
  });
  const reader = server.stdout.getReader();
  const flush = (): void => {
    for (const chunk of session.take()) server.stdin.write(chunk);
    server.stdin.flush();
  };
  const events: SessionEvent[] = [];
  /** Receives until the condition holds; fails when the server ends before. */
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) {
      const { value } = await reader.read();
      if (!value) throw new Error("the spdystream server ended");
      session.receive(value, performance.now(), (event) => events.push(event));
      flush();
    }
  };
  return { session, events, flush, until, kill: () => server.kill() };
}

const wanted = process.env["KT_ORACLE"] !== undefined;
const unlessWanted = wanted ? "" : " (skipped: needs Go, set KT_ORACLE=1)";

test.if(wanted)(
  `spdystream echoes 100 streams, 1 MB each, resets one, and answers pings${unlessWanted}`,
  async () => {
    await using dir = await tempDir();
    const { session, events, flush, until, kill } = connectToSpdystream(dir.path);
    const megabyte = pattern(1_000_000);
    for (let port = 1; port <= 100; port++) {
      const stream = session.open(streamHeaders("data", port, String(port)));
      for (let at = 0; at < megabyte.length; at += 123_456) session.write(stream, megabyte.subarray(at, at + 123_456));
      session.end(stream);
      flush();
      await until(() => session.openStreams === 0);
      const echoed = concatBytes(events.flatMap((event) => (event.type === "data" ? [event.bytes] : [])));
      expect(Buffer.compare(echoed, concatBytes([Buffer.from(String(port)), megabyte]))).toBe(0);
      events.length = 0;
    }
    const stream = session.open(new Map([["port", "reset"]]));
    for (let worker = 0; worker < 5; worker++) session.ping(performance.now());
    flush();
    await until(() => session.openStreams === 0 && events.filter((event) => event.type === "pong").length === 5);
    expect(events).toContainEqual({ type: "reset", stream, status: 5 });
    kill();
  },
  60_000,
);

test.if(wanted)(
  `a stream that spdystream's user does not read holds up the pings to its worker, and no others${unlessWanted}`,
  async () => {
    await using dir = await tempDir();
    const { session, events, flush, until, kill } = connectToSpdystream(dir.path);
    const pongs = (): number[] => events.flatMap((event) => (event.type === "pong" ? [event.id] : []));
    for (let round = 0; round < farWorkers; round++) {
      const read = session.open(new Map([["port", "1"]]));
      session.write(read, pattern(10));
      const ping = session.pingWorker(farWorkerOf(read), 0);
      flush();
      await until(() => pongs().includes(ping));
      session.end(read);
    }
    const unread = session.open(new Map([["port", "unread"]]));
    session.write(unread, pattern(10));
    const pings = Array.from({ length: farWorkers }, (_, at) => session.pingWorker((farWorkerOf(unread) + at) % farWorkers, 0));
    flush();
    const [heldUp, ...others] = pings;
    await until(() => others.every((ping) => pongs().includes(ping)));
    // A second round of answers gives the first one all the time that it could need.
    const again = others.map((_, at) => session.pingWorker((farWorkerOf(unread) + 1 + at) % farWorkers, 0));
    flush();
    await until(() => again.every((ping) => pongs().includes(ping)));
    expect(pongs()).not.toContain(heldUp);
    kill();
  },
  60_000,
);
