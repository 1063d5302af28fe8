/** Response heads that break the rules: what clients read is passed on in a form that all read alike, the rest is refused. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { decodeResponseHead, encodeHead, type ResponseHead, responseFraming } from "#wire/http-head.ts";

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

function read(text: string): ResponseHead {
  const decoded = decodeResponseHead(bytesOf(text));
  if (decoded === "short") throw new Error("short");
  return decoded.head;
}

const ok = (fields: string, version = "1.1"): string => `HTTP/${version} 200 OK\r\n${fields}\r\n\r\n`;

/** Its fields as text, and where its body ends. */
function shown(text: string): [fields: string, framing: string | number] {
  const head = read(text);
  const framing = responseFraming(head, "GET");
  return [head.headers.map((field) => field.join(": ")).join("\n"), framing.kind === "length" ? framing.bytes : framing.kind];
}

const chunked = "Transfer-Encoding: chunked\nConnection: close";
const five = "Content-Length: 5\nConnection: close";

test.each<[what: string, text: string, fields: string, framing: string | number]>([
  ["chunked in two fields", ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), chunked, "chunked"],
  ["chunked twice in one field", ok("Transfer-Encoding: chunked, Chunked"), chunked, "chunked"],
  ["chunked after identity", ok("Transfer-Encoding: identity, chunked"), chunked, "chunked"],
  ["chunked with a length", ok("Content-Length: 5\r\nX: 1\r\nTransfer-Encoding: chunked"), `X: 1\n${chunked}`, "chunked"],
  ["chunked in HTTP/1.0", ok("Transfer-Encoding: chunked", "1.0"), chunked, "chunked"],
  ["identity with a length", ok("Transfer-Encoding: identity\r\nContent-Length: 5"), five, 5],
  ["identity", ok("Transfer-Encoding: identity"), "Connection: close", "until-close"],
  ["one length twice in a field", ok("Content-Length: 5, 5"), five, 5],
  ["one length in both ways", ok("Content-Length: 5, 5\r\nContent-Length: 5"), five, 5],
  ["a length and a comma", ok("Content-Length: 5,"), five, 5],
  ["a folded field", ok("X: 1;\r\n  2\r\n\t3\r\nContent-Length: 5"), "X: 1; 2 3\nContent-Length: 5", 5],
  ["a blank before the colon", ok("X \t: 1\r\nContent-Length : 5"), "X: 1\nContent-Length: 5", 5],
  ["a name with blanks", ok("X Powered By: me\r\nContent-Length: 5"), "Content-Length: 5", 5],
  ["names that are none", ok(": 1\r\nX(A): 1\r\nX\x01: 1\r\nX-\xfc: 1\r\nContent-Length: 5"), "Content-Length: 5", 5],
  ["a lone CR in a value", ok("X: a\rb\r\nContent-Length: 5"), "X: a b\nContent-Length: 5", 5],
  ["line feeds alone, with a fold", "HTTP/1.1 200 OK\nX: 1\n 2\nContent-Length: 5\n\n", "X: 1 2\nContent-Length: 5", 5],
  ["two spaces before the status", "HTTP/1.1  200 OK\r\nContent-Length: 5\r\n\r\n", "Content-Length: 5", 5],
  ["204 with a length", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "", "none"],
  ["204 with chunks", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", "", "none"],
  ["304 with chunks", "HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "Connection: close", "none"],
])("%s is passed on as clients read it", (_, text, fields, framing) => {
  expect(shown(text)).toEqual([fields, framing]);
  expect(read(text).canonical).toBe(false);
});

test.each<[text: string, fields: string, framing: string | number]>([
  ["HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", "Content-Length: 5", 5],
  ["HTTP/1.1 200 \r\nContent-Length: 005\r\n\r\n", "Content-Length: 5", 5],
  [ok("X:\r\nY: \xfc\x01"), "X: \nY: \xfc\x01", "until-close"],
  [ok("transfer-encoding: CHUNKED"), "transfer-encoding: chunked", "chunked"],
  [ok("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), "Transfer-Encoding: gzip, chunked", "chunked"],
  ["HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", "Content-Length: 0", "none"],
  ["HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", "Content-Length: 5", "none"],
])("%j needs no mending", (text, fields, framing) => {
  expect(shown(text)).toEqual([fields, framing]);
});

test.each<[what: string, text: string, reason: string]>([
  ["two lengths", ok("Content-Length: 5\r\nContent-Length: 6"), "it has two Content-Lengths, 5 and 6"],
  ["two lengths in a field", ok("Content-Length: 5, 6"), '"5, 6" is not a valid Content-Length'],
  ["a length with a letter", ok("Content-Length: 5x"), '"5x" is not a valid Content-Length'],
  ["a signed length", ok("Content-Length: +5"), '"+5" is not a valid Content-Length'],
  ["an empty length", ok("Content-Length:"), '"" is not a valid Content-Length'],
  ["a folded length", ok("Content-Length: 5\r\n 0"), '" 0" is not a valid header line'],
  ["a folded encoding", ok("Transfer-Encoding:\r\n chunked"), '" chunked" is not a valid header line'],
  ["a field that is folded and has no name", ok(" X: 1"), '" X: 1" is not a valid header line'],
  [
    "an encoding with a blank before the colon",
    ok("Transfer-Encoding : chunked"),
    '"Transfer-Encoding : chunked" is not a valid header line',
  ],
  [
    "an encoding whose name has a control character",
    ok("Transfer\x0b-Encoding: chunked"),
    '"Transfer\\u000b-Encoding: chunked" is not a valid header line',
  ],
  ["chunked, not last", ok("Transfer-Encoding: chunked, identity"), 'Transfer-Encoding "chunked, identity" can be read in two ways'],
  [
    "an encoding after a control character",
    ok("Transfer-Encoding: \x0bchunked"),
    'Transfer-Encoding "\\u000bchunked" can be read in two ways',
  ],
  ["an encoding in quotes", ok('Transfer-Encoding: "chunked"'), 'Transfer-Encoding "\\"chunked\\"" can be read in two ways'],
  ["an encoding with a parameter", ok("Transfer-Encoding: chunked;q=1"), 'Transfer-Encoding "chunked;q=1" can be read in two ways'],
  ["an encoding that is almost chunked", ok("Transfer-Encoding: xchunked"), 'Transfer-Encoding "xchunked" can be read in two ways'],
  [
    "another encoding with a length",
    ok("Transfer-Encoding: gzip\r\nContent-Length: 5"),
    "it has both Content-Length and Transfer-Encoding",
  ],
  ["chunks with a length that is none", ok("Transfer-Encoding: chunked\r\nContent-Length: 5x"), '"5x" is not a valid Content-Length'],
  ["a line without a colon", ok("garbage\r\nContent-Length: 5"), '"garbage" is not a valid header line'],
  ["a NUL", ok("X: a\0b"), "it has a NUL or a lone CR"],
  ["a field behind a lone CR", ok("X: a\rContent-Length: 5"), "it has a NUL or a lone CR"],
  ["a tab before the status", "HTTP/1.1\t200 OK\r\n\r\n", '"HTTP/1.1\\t200 OK" is not a valid status line'],
  ["no space after the status", "HTTP/1.1 200OK\r\n\r\n", '"HTTP/1.1 200OK" is not a valid status line'],
])("%s is refused", (_, text, reason) => {
  expect(() => read(text)).toThrow(new KtError("backend-invalid", `reading the response: ${reason}`));
});

describe("whatever comes", () => {
  const name = fc.constantFrom("Content-Length", "content-length ", "Transfer-Encoding", "X", "X Y", " X", "", "X\x0b", "Connection");
  const value = fc.constantFrom("5", "5, 5", "5,6", "chunked", "chunked, chunked", "identity", "gzip", "a\rb", "", "\xa0chunked", "close");
  const end = fc.constantFrom("\r\n", "\n", "\r\n ", "\r\n\t");
  const fields = fc.array(fc.tuple(name, value, end), { maxLength: 5 });
  const text = fields.map((all) => `HTTP/1.1 200 OK\r\n${all.map(([key, said, line]) => `${key}:${said}${line}`).join("")}\r\n\r\n`);

  test("is refused, or written so that it is read again as the same, without mending", () => {
    fc.assert(
      fc.property(text, (sent) => {
        let head: ResponseHead;
        try {
          head = read(sent);
        } catch (error) {
          expect(error).toBeInstanceOf(KtError);
          return;
        }
        const again = read(Buffer.from(encodeHead(`HTTP/1.1 ${head.status} ${head.reason}`, head.headers)).toString("latin1"));
        expect(again).toMatchObject({ headers: head.headers, contentLength: head.contentLength, chunked: head.chunked });
        expect(again.canonical).toBe(true);
        const count = (wanted: string): number => head.headers.filter(([key]) => key.toLowerCase() === wanted).length;
        expect(count("content-length") + count("transfer-encoding")).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2000 },
    );
  });
});
