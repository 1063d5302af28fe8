/** The client session against a live spdystream server. Needs Go, so it runs only with KT_ORACLE=1. */

import { expect, test } from "bun:test";
import { spawn } from "bun";
import { concatBytes } from "#base/bytes.ts";
import type { SessionEvent } from "#mux/events.ts";
import { SpdySession } from "#mux/session.ts";
import { frameWorkers, SpdystreamPeer, workerOf } from "#mux/spdystream.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { pattern } from "#test/wire/pieces.ts";
import { streamHeaders } from "#wire/portforward.ts";

/** A session over the standard input and output of the recorder's echo server. */
function connectToSpdystream(dir: string) {
  const session = new SpdySession({ role: "client" });
  const peer = new SpdystreamPeer(() => session.ping());
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
      session.receive(value, (event) => {
        events.push(event);
        if (event.type === "pong") peer.pongReceived(event.id);
      });
      flush();
    }
  };
  return { session, peer, events, flush, until, kill: () => server.kill() };
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
    for (let worker = 0; worker < 5; worker++) session.ping();
    flush();
    await until(() => session.openStreams === 0 && events.filter((event) => event.type === "pong").length === 5);
    expect(events).toContainEqual({ type: "reset", stream, status: 5 });
    kill();
  },
  60_000,
);

test.if(wanted)(
  `a stream that spdystream's user does not read blocks its worker, as the model of the peer says, and no other${unlessWanted}`,
  async () => {
    await using dir = await tempDir();
    const { session, peer, events, flush, until, kill } = connectToSpdystream(dir.path);
    const pongs = (): number => events.filter((event) => event.type === "pong").length;
    /** Streams that one worker after the other handles. */
    const read = Array.from({ length: frameWorkers }, () => session.open(new Map([["port", "1"]])));
    for (const stream of read) {
      session.write(stream, pattern(10));
      session.end(stream);
      peer.doubt(stream);
    }
    peer.prove(0);
    flush();
    await until(() => !peer.isDoubted);
    const unread = session.open(new Map([["port", "unread"]]));
    session.write(unread, pattern(10));
    // The answers to a second round give the one that is missing of the first all the time that it could need.
    for (let round = 1; round <= 2; round++) {
      const before = pongs();
      peer.ping();
      flush();
      await until(() => pongs() === before + frameWorkers - 1);
    }
    const sharing = read.filter((stream) => workerOf(stream) === workerOf(unread));
    expect(read.filter((stream) => peer.isBlocked(stream))).toEqual(sharing);
    peer.doubt(unread);
    peer.prove(0);
    peer.ping();
    flush();
    const before = pongs();
    await until(() => pongs() >= before + frameWorkers - 1);
    expect(peer.isDoubted).toBe(true);
    kill();
  },
  60_000,
);
