/** What passes a tunnel that is watched: everything but requests of pages, whatever pieces it comes in. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { concatBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";
import { PageWatch } from "#proxy/clients/page-watch.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { settle } from "#test/support/manual-clock.ts";
import { headerValue } from "#wire/http-head.ts";

interface Passed {
  readonly passed: string;
  readonly refused: boolean;
}

/** Sends the text in pieces of these lengths, over and over. */
async function watched(text: string, lengths: readonly number[]): Promise<Passed> {
  const [client, far] = memoryPair();
  const passed: Uint8Array[] = [];
  let refused = false;
  const check = ({ headers }: { headers: readonly (readonly [string, string])[] }) =>
    headerValue(headers, "origin") === "evil" ? new KtError("origin-refused", "no") : undefined;
  const watch = new PageWatch(far, check, () => {
    refused = true;
  });
  watch.start({ onData: (bytes) => void passed.push(bytes.slice()), onEnd() {}, onDrain() {}, onClose() {} });
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    client.write(Uint8Array.from(bytes.subarray(at, at + length)));
    at += length;
    await settle();
  }
  return { passed: Buffer.from(concatBytes([new Uint8Array(0), ...passed])).toString("latin1"), refused };
}

const pieces = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });
const body = fc.string({ unit: fc.constantFrom(..."GET / Origin: evil\r\n".split("")), maxLength: 60 });
const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const request = fc.oneof(
  fc.constant("GET /a HTTP/1.1\r\nHost: w\r\n\r\n"),
  body.map((text) => `POST /b HTTP/1.1\r\nHost: w\r\nContent-Length: ${text.length}\r\n\r\n${text}`),
  body.map((text) => `PUT /c HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n${text === "" ? "0\r\n\r\n" : chunked(text)}`),
);
const evil = "POST /evil HTTP/1.1\r\nHost: w\r\nOrigin: evil\r\nContent-Length: 0\r\n\r\n";

test("requests of programs pass as they are, and of the first of a page never the end of its head", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 4 }), pieces, async (requests, lengths) => {
      const good = requests.join("");
      expect(await watched(good, lengths)).toEqual({ passed: good, refused: false });
      const { passed, refused } = await watched(good + evil, lengths);
      expect(refused).toBe(true);
      expect(passed.length).toBeLessThan(good.length + evil.length);
      expect((good + evil).startsWith(passed)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("bytes of any other protocol pass, whatever they are", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 8, maxLength: 200 }), pieces, async (noise, lengths) => {
      const text = Buffer.from(noise).toString("latin1");
      expect(await watched(text, lengths)).toEqual({ passed: text, refused: false });
    }),
    { numRuns: 60 },
  );
});
