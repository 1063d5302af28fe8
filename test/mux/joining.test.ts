/** Joining the data of one read, and what is known of bytes that may not be read. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DataJoiner } from "#mux/data-joiner.ts";
import { UnreadBytes } from "#mux/unread-bytes.ts";

const header = 8;

/** A chunk of frames, each with its payload behind a header; the bytes of a payload count on from those of the last. */
function framesOf(frames: readonly { readonly stream: number; readonly length: number }[]) {
  const chunk = new Uint8Array(frames.reduce((sum, { length }) => sum + header + length, 0)).fill(255);
  let at = 0;
  let next = 0;
  const views = frames.map(({ stream, length }) => {
    const bytes = chunk.subarray(at + header, at + header + length);
    for (let index = 0; index < length; index++) bytes[index] = next++ % 251;
    at += header + length;
    return { stream, bytes };
  });
  return { chunk, views };
}

test("data of one read is delivered whole and in order, once for all that follows each other on one stream", () => {
  const frame = fc.record({ stream: fc.integer({ min: 1, max: 3 }), length: fc.integer({ min: 1, max: 50 }) });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), (frames) => {
      const heard: { stream: number; bytes: number[] }[] = [];
      const joiner = new DataJoiner((stream, bytes) => heard.push({ stream, bytes: [...bytes] }));
      const { chunk, views } = framesOf(frames);
      const sent = views.flatMap(({ stream, bytes }) => Array.from(bytes, (byte) => `${stream}:${byte}`));
      joiner.begin(chunk);
      for (const { stream, bytes } of views) joiner.add(stream, bytes);
      joiner.finish();
      expect(heard.flatMap(({ stream, bytes }) => bytes.map((byte) => `${stream}:${byte}`))).toEqual(sent);
      expect(heard.length).toBe(frames.filter(({ stream }, at) => stream !== frames[at - 1]?.stream).length);
    }),
  );
});

describe("bytes that were sent", () => {
  test("may block a worker until the other side has answered what fits a socket", () => {
    const unread = new UnreadBytes();
    expect([unread.hasSent, unread.mayBlock]).toEqual([false, false]);
    unread.sent(16 * 1024);
    expect([unread.hasSent, unread.mayBlock]).toEqual([true, true]);
    unread.answered();
    expect(unread.mayBlock).toBe(false);
    unread.sent(16 * 1024 + 1);
    unread.answered();
    expect(unread.mayBlock).toBe(true);
  });

  test("may block it for good once the other side has failed, unless nothing was sent", () => {
    const silent = new UnreadBytes();
    silent.doubt();
    expect(silent.mayBlock).toBe(false);
    const unread = new UnreadBytes();
    unread.sent(1);
    unread.doubt();
    unread.answered();
    expect(unread.mayBlock).toBe(true);
  });
});
