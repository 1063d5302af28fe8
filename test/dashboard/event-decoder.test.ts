/** Reading server-sent events in the browser: whatever the network cuts, the events are the same. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EventDecoder } from "#dashboard/hub/event-decoder.ts";

const eventText = ({ type, data, id }: { type: string; data: unknown; id: string }): string =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

const someEvent = fc.record({ type: fc.stringMatching(/^[a-z-]{1,10}$/), data: fc.json(), id: fc.stringMatching(/^[a-z0-9-]{1,8}$/) });

describe("events", () => {
  test("are the same however their text is cut", () => {
    fc.assert(
      fc.property(fc.array(someEvent), fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (events, sizes) => {
        const decoder = new EventDecoder();
        const text = events.map(eventText).join(":\n\n");
        const found = [];
        for (let at = 0; at < text.length; ) {
          const size = sizes.next().value ?? 1;
          found.push(...decoder.push(text.slice(at, at + size)));
          at += size;
        }
        expect(found).toEqual(events.map(({ type, data }) => ({ type, data: JSON.stringify(data) })));
        expect(decoder.lastId).toBe(events.at(-1)?.id ?? "");
      }),
    );
  });

  test("are read as the standard has them", () => {
    const decoder = new EventDecoder();
    expect(decoder.push("data: a\r\ndata:b\r\n\r\n")).toEqual([{ type: "message", data: "a\nb" }]);
    expect(decoder.push(": a comment\n\nevent: lonely\n\nretry: 10\nunknown\n\n")).toEqual([]);
    expect(decoder.push("data\n\n")).toEqual([{ type: "message", data: "" }]);
    expect(decoder.push("data: never ended\n")).toEqual([]);
  });
});
