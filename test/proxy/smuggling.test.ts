/** Requests that two readers may read differently: each is refused, or passed on in a form that leaves one reading. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { ForwardedFields, requestForBackend, requestUnchanged } from "#proxy/http1/heads.ts";
import { readLeniently, readStrictly } from "#test/support/http-readers.ts";
import { BodyCursor } from "#wire/http-body.ts";
import { decodeRequestHead, requestFraming } from "#wire/http-head.ts";

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

const told = new ForwardedFields({ address: "127.0.0.1", scheme: "http" });

/** The first request as a backend gets it, or why there is none. */
function passedOn(sent: string): { readonly text: string; readonly host: string } | { readonly refused: string } {
  try {
    const bytes = bytesOf(sent);
    const decoded = decodeRequestHead(bytes);
    if (decoded === "short") return { refused: "short" };
    const { head, next } = decoded;
    if (head.method === "CONNECT") return { refused: "request-invalid" };
    const cursor = new BodyCursor(requestFraming(head), "request-invalid");
    const count = cursor.advance(bytes, next);
    if (!cursor.done) return { refused: "short" };
    const start = requestUnchanged(head, bytes.subarray(0, next), told) ?? requestForBackend(head, told.client);
    return { text: textOf(start) + textOf(bytes.subarray(next, next + count)), host: head.host };
  } catch (error) {
    return { refused: error instanceof KtError ? error.code : String(error) };
  }
}

const hidden = "GET /hidden HTTP/1.1\r\nHost: b.localhost\r\n\r\n";
const withFields = (...fields: readonly string[]): string =>
  `POST / HTTP/1.1\r\nHost: a.localhost\r\n${fields.map((each) => `${each}\r\n`).join("")}\r\n`;
const smuggledChunk = `0\r\n\r\n${hidden}`;
const te = (value: string, body = smuggledChunk): string => withFields(`Transfer-Encoding:${value}`) + body;
const cl = (...values: readonly string[]): string => withFields(...values.map((value) => `Content-Length:${value}`)) + hidden;
const line = (text: string): string => `${text}\r\nHost: a.localhost\r\n\r\n`;

const refused: Readonly<Record<string, readonly string[]>> = {
  "a Transfer-Encoding that is not chunked alone": [
    ...["\x0bchunked", " \x0bchunked", " \x0cchunked", " chunked\x0b", " chunked\x0c", " \xa0chunked", " chunked\xa0", " \x85chunked"].map(
      (v) => te(v),
    ),
    ...[" \x1cchunked", " \x1fchunked", " \x7fchunked", " \x01chunked", " chunked\x00", " \x00chunked", " \u00adchunked"].map((v) => te(v)),
    ...[" ,chunked", " chunked,", " ,chunked,", " , chunked", " chunked, chunked", " chunked,chunked", " gzip, chunked"].map((v) => te(v)),
    ...[" chunked, gzip", " chunked, identity", " identity, chunked", " identity", " gzip", " xchunked", " chunkedx", ' "chunked"'].map(
      (v) => te(v),
    ),
    ...[" 'chunked'", " chunked;q=1", " chunked; x", " chun ked", " chunk", "", " ", " chunked chunked", " [chunked]"].map((v) => te(v)),
    withFields("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + smuggledChunk,
    withFields("Transfer-Encoding: chunked", "Transfer-Encoding: identity") + smuggledChunk,
    withFields("Transfer-Encoding: identity", "Transfer-Encoding: chunked") + smuggledChunk,
    withFields("Transfer-Encoding: x", "Transfer-Encoding: chunked") + smuggledChunk,
    withFields("Transfer-Encoding:", "Transfer-Encoding: chunked") + smuggledChunk,
    withFields("Transfer-Encoding: chunked", "transfer-encoding: cow") + smuggledChunk,
  ],
  "a Transfer-Encoding beside a length, or in HTTP/1.0": [
    withFields("Transfer-Encoding: chunked", "Content-Length: 4") + smuggledChunk,
    withFields("Content-Length: 4", "Transfer-Encoding: chunked") + smuggledChunk,
    withFields("Content-Length: 0", "Transfer-Encoding: chunked") + smuggledChunk,
    `POST / HTTP/1.0\r\nHost: a.localhost\r\nTransfer-Encoding: chunked\r\n\r\n${smuggledChunk}`,
  ],
  "a Transfer-Encoding by another name": [
    ...[
      "Transfer_Encoding",
      "transfer_encoding",
      "Transfer-Encoding ",
      "Transfer-Encoding\t",
      " Transfer-Encoding",
      "\tTransfer-Encoding",
    ].map((name) => withFields(`${name}: chunked`) + smuggledChunk),
    ...[
      "Transfer-Encoding\x0b",
      "\x0bTransfer-Encoding",
      "Transfer-Encoding\x00",
      "\xa0Transfer-Encoding",
      "Transfer\x20Encoding",
      "Transfer-Encoding\x7f",
    ].map((name) => withFields(`${name}: chunked`) + smuggledChunk),
    withFields("X: 1\r\n Transfer-Encoding: chunked") + smuggledChunk,
    withFields("Transfer-Encoding:\r\n chunked") + smuggledChunk,
    withFields("Transfer-Encoding\r\n : chunked") + smuggledChunk,
    withFields("Transfer-Encoding") + smuggledChunk,
    withFields("X: 1\rTransfer-Encoding: chunked") + smuggledChunk,
    withFields("X: 1\r\r\nTransfer-Encoding: chunked") + smuggledChunk,
  ],
  "a Content-Length that is not a plain number, or two": [
    ...[
      " +5",
      " -5",
      " 0x5",
      " 5x",
      " 5 5",
      " 5,5",
      " 5, 5",
      " 5;x",
      " 5.0",
      " 5e0",
      " 1_0",
      " ５",
      " 0b1",
      " 0o5",
      ' "5"',
      " '5'",
      "",
      " ",
      " five",
    ].map((v) => cl(v)),
    ...[
      " \x0b5",
      " 5\x0b",
      " \xa05",
      " 5\xa0",
      " 5\x0c",
      " 5\x00",
      " 9999999999999999",
      " 18446744073709551621",
      " 4294967296000000000000",
    ].map((v) => cl(v)),
    cl(" 5", " 6"),
    cl(" 5", " 05x"),
    cl(" 0", " 44"),
    cl(" 5", ""),
    ...["Content_Length", "content_length", "Content-Length ", "Content-Length\t", " Content-Length", "Content\x20Length"].map(
      (name) => withFields(`${name}: 44`) + hidden,
    ),
    withFields("Content-Length:\r\n 44") + hidden,
    withFields("X: y\r\n\tContent-Length: 44") + hidden,
  ],
  "more than one Host, or one that is not a valid field": [
    `GET / HTTP/1.1\r\nHost: a.localhost\r\nHost: b.localhost\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a.localhost\r\nhost: a.localhost\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost : a.localhost\r\n\r\n`,
    `GET / HTTP/1.1\r\n Host: a.localhost\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a.localhost\r\n b.localhost\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a.localhost\x0b\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a.localhost\x00.b.localhost\r\n\r\n`,
    `GET / HTTP/1.1\r\nX: 1\rHost: b.localhost\r\nHost: a.localhost\r\n\r\n`,
  ],
  "a request line that is none": [
    ...[
      "GET /",
      "GET / ",
      "GET",
      "GET /  HTTP/1.1",
      "GET  / HTTP/1.1",
      "GET\t/ HTTP/1.1",
      "GET /\tHTTP/1.1",
      " GET / HTTP/1.1",
      "GET / HTTP/1.1 ",
    ].map(line),
    ...[
      "GET / HTTP/2.0",
      "GET / HTTP/0.9",
      "GET / HTTP/1",
      "GET / HTTP/1.10",
      "GET / http/1.1",
      "GET / HTTP /1.1",
      "GET / HTTP/1.1x",
      "GET / XTTP/1.1",
    ].map(line),
    ...[
      "GET /a b HTTP/1.1",
      "GET /\x00 HTTP/1.1",
      "GET /\x0b HTTP/1.1",
      "G ET / HTTP/1.1",
      "G\x00ET / HTTP/1.1",
      "GET / HTTP/1.1\rX: y",
      "(GET) / HTTP/1.1",
    ].map(line),
    ...[
      "GET a.localhost HTTP/1.1",
      "GET * HTTP/1.1",
      "GET ?x HTTP/1.1",
      "GET ../x HTTP/1.1",
      "GET a.localhost:80 HTTP/1.1",
      "GET \\x HTTP/1.1",
    ].map(line),
    line("CONNECT a.localhost:80 HTTP/1.1"),
    line("PRI * HTTP/2.0"),
  ],
  "control characters in other fields": ["\x00", "\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x1f", "\x7f", "\r"].map((character) =>
    withFields(`X: a${character}b`),
  ),
  "lines that are not valid fields": [
    withFields("X"),
    withFields(": y"),
    withFields("X\x20Y: z"),
    withFields("X(y): z"),
    withFields("X\xffY: z"),
    withFields("[X]: y"),
  ],
  "chunks that may be read in two ways": [
    ...[
      "5 5\r\nabcde\r\n0\r\n\r\n",
      "0x5\r\nabcde\r\n0\r\n\r\n",
      "+5\r\nabcde\r\n0\r\n\r\n",
      "-5\r\nabcde\r\n0\r\n\r\n",
      "5_0\r\nabcde\r\n0\r\n\r\n",
      "\r\n0\r\n\r\n",
    ],
    ...[
      "5\nabcde\r\n0\r\n\r\n",
      "5\r\nabcde\n0\r\n\r\n",
      "5\r\nabcdef\r\n0\r\n\r\n",
      "5\rabcde\r\n0\r\n\r\n",
      "5;x\nabcde\r\n0\r\n\r\n",
      "5;\x00\r\nabcde\r\n0\r\n\r\n",
    ],
    ...[
      "5;\x0b\r\nabcde\r\n0\r\n\r\n",
      " 5\r\nabcde\r\n0\r\n\r\n",
      "5\x0b\r\nabcde\r\n0\r\n\r\n",
      "5\xa0\r\nabcde\r\n0\r\n\r\n",
      "10000000000000005\r\nabcde\r\n0\r\n\r\n",
    ],
    ...[
      "0\r\nContent-Length: 44\r\n\r\n",
      "0\r\nTransfer-Encoding: chunked\r\n\r\n",
      "0\r\nHost: b.localhost\r\n\r\n",
      "0\r\nContent_Length: 44\r\n\r\n",
    ],
    ...["0\r\nX : 1\r\n\r\n", "0\r\nX: 1\r\n y\r\n\r\n", "0\r\nX\r\n\r\n", "0\r\nX: 1\n\r\n", "0\r\nX: \x0b\r\n\r\n", "0\r\n\n", "0\n\r\n"],
  ].map((body) => te(" chunked", body + hidden)),
};

/** What is passed on, and to which host. */
const passed: readonly (readonly [what: string, sent: string, host: string, body: string])[] = [
  ["one chunked", te(" chunked"), "a.localhost", ""],
  ["chunked in capitals", te(" CHUNKED"), "a.localhost", ""],
  ["chunked with tabs around", te("\t chunked \t"), "a.localhost", ""],
  ["chunked without a blank", te("chunked"), "a.localhost", ""],
  ["a length with blanks around", cl(` \t${hidden.length} \t`), "a.localhost", hidden],
  ["a length with zeros in front", cl(` 00${hidden.length}`), "a.localhost", hidden],
  ["the same length twice", cl(` ${hidden.length}`, ` 0${hidden.length}`), "a.localhost", hidden],
  ["line ends without CR", "POST / HTTP/1.1\nHost: a.localhost\nContent-Length: 2\n\nok", "a.localhost", "ok"],
  ["an empty line before", `\r\n${withFields("Content-Length: 2")}ok`, "a.localhost", "ok"],
  ["an absolute target before another Host", "GET http://b.localhost/x HTTP/1.1\r\nHost: a.localhost\r\n\r\n", "b.localhost", ""],
  [
    "a Connection that names the length",
    `${withFields("Connection: content-length, transfer-encoding, host", "Content-Length: 2")}ok`,
    "a.localhost",
    "ok",
  ],
  [
    "chunks with extensions, blanks and trailers",
    te(" chunked", "5 ;a=b\r\nabcde\r\n2\t\r\nfg\r\n0\r\nX-Sum: 1\r\n\r\n"),
    "a.localhost",
    "abcdefg",
  ],
  ["a later minor version", "GET / HTTP/1.9\r\nHost: a.localhost\r\n\r\n", "a.localhost", ""],
  ["HTTP/1.0 with a Host", "GET / HTTP/1.0\r\nHost: a.localhost\r\n\r\n", "a.localhost", ""],
  ["OPTIONS of everything", "OPTIONS * HTTP/1.1\r\nHost: a.localhost\r\n\r\n", "a.localhost", ""],
];

const shapes = Object.entries(refused).flatMap(([what, texts]) => texts.map((text) => [what, text] as const));

describe("refused", () => {
  test("every shape that is known", () => expect(shapes.length).toBeGreaterThanOrEqual(113));
  test.each(shapes)("%s: %j", (_what, text) => {
    const outcome = passedOn(text);
    expect("refused" in outcome ? outcome.refused : outcome.text).toBe("request-invalid");
  });
});

describe("passed on with one reading", () => {
  test.each(passed)("%s", (_what, sent, host, body) => {
    const outcome = passedOn(sent);
    if ("refused" in outcome) throw new KtError("internal", outcome.refused);
    expect(readStrictly(outcome.text)).toMatchObject({ host, body, rest: "" });
    expect(readLeniently(outcome.text)).toMatchObject({ host, body, rest: "" });
  });
});

describe("whatever is sent", () => {
  const blank = fc.constantFrom("", " ", "\t", "\x0b", "\xa0", "\r\n ", "\x00");
  const name = fc.constantFrom(
    "Transfer-Encoding",
    "transfer-encoding",
    "Content-Length",
    "Content_Length",
    "Host",
    "X-A",
    "Connection",
    "TE",
    "Upgrade",
  );
  const value = fc.constantFrom(
    "chunked",
    "5",
    "05",
    "0",
    "5, 5",
    "a.localhost",
    "b.localhost",
    "gzip",
    ",",
    "close",
    "upgrade",
    "content-length",
    "trailers",
  );
  const field = fc.tuple(
    name,
    blank,
    fc.constantFrom(":", ": ", " :"),
    blank,
    value,
    blank,
    fc.constantFrom("\r\n", "\r\n", "\r\n", "\n", "\r"),
  );
  const first = fc.constantFrom(
    "POST / HTTP/1.1\r\n",
    "GET /x HTTP/1.0\r\n",
    "POST http://b.localhost/ HTTP/1.1\r\n",
    "GET / HTTP/1.1\n",
    "\r\nPUT / HTTP/1.1\r\n",
  );
  const start = fc.constantFrom(
    "",
    "Host: a.localhost\r\n",
    "Host: a.localhost\r\nTransfer-Encoding: chunked\r\n",
    "Host: a.localhost\r\nContent-Length: 5\r\n",
  );
  const body = fc.constantFrom(
    "",
    "abcde",
    "0\r\n\r\n",
    "5\r\nabcde\r\n0\r\n\r\n",
    "5 \r\nabcde\r\n0\r\nX: y\r\n\r\n",
    "0\r\nContent-Length: 5\r\n\r\n",
    hidden,
  );

  test("what is passed on reads the same for both readers, and ends with it", () => {
    let accepted = 0;
    fc.assert(
      fc.property(first, start, fc.array(field, { maxLength: 3 }), body, (line_, fixed, fields, sent) => {
        const outcome = passedOn(`${line_}${fixed}${fields.flat().join("")}\r\n${sent}`);
        if ("refused" in outcome) return;
        accepted += 1;
        const strict = readStrictly(outcome.text);
        expect(strict).toBeDefined();
        expect(strict).toEqual(readLeniently(outcome.text));
        expect(strict).toMatchObject({ host: outcome.host, rest: "" });
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});

describe("a head that is copied instead of written anew", () => {
  const curl = "GET /a HTTP/1.1\r\nHost: a.localhost\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";
  const added = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: a.localhost\r\nX-Forwarded-Proto: http\r\n\r\n";

  function copied(text: string, client: ForwardedFields | undefined = told): string | undefined {
    const bytes = bytesOf(text);
    const decoded = decodeRequestHead(bytes);
    if (decoded === "short") throw new Error("short");
    const written = requestUnchanged(decoded.head, bytes.subarray(0, decoded.next), client);
    return written && textOf(written);
  }

  test("has what is added behind its own fields, or nothing where the backend learns nothing", () => {
    expect(copied(curl)).toBe(curl.slice(0, -2) + added);
    expect(copied(curl, new ForwardedFields({ address: undefined, scheme: "https" }))).toBe(
      `${curl.slice(0, -2)}X-Forwarded-Host: a.localhost\r\nX-Forwarded-Proto: https\r\n\r\n`,
    );
    expect(copied(`${curl.slice(0, -2)}X-Forwarded-For: 10.0.0.1\r\n\r\n`)).toBeUndefined();
  });

  test("names the host of its own request, not that of the previous one", () => {
    expect(copied(curl.replace("a.localhost", "b.localhost"))).toEndWith(added.replace("a.localhost", "b.localhost"));
    expect(copied(curl)).toEndWith(added);
  });

  const line = fc.constantFrom(
    "GET / HTTP/1.1",
    "GET / HTTP/1.0",
    "GET / HTTP/1.2",
    "GET http://a.localhost/ HTTP/1.1",
    "OPTIONS * HTTP/1.1",
  );
  const name = fc.constantFrom(
    "X",
    "TE",
    "Connection",
    "Keep-Alive",
    "Upgrade",
    "Proxy-Connection",
    "HTTP2-Settings",
    "User-Agent",
    "Proxy-Authorization",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "Content-Length",
    "Transfer-Encoding",
  );
  const colon = fc.constantFrom(": ", ": ", ": ", ":", ":  ", ":\t");
  const value = fc.constantFrom("a", "", "X", "close", "trailers", "5", "05", "chunked", "Chunked");
  const end = fc.constantFrom("\r\n", "\r\n", "\r\n", "\n", " \r\n");
  const field = fc.tuple(name, colon, value, end).map((parts) => parts.join(""));
  const request = fc
    .tuple(line, fc.array(field, { maxLength: 3 }), end)
    .map(([first, all, last]) => `${first}\r\nHost: a.localhost\r\n${all.join("")}${last}`);

  test("says the same as one that is written anew", () => {
    fc.assert(
      fc.property(request, (text) => {
        const bytes = bytesOf(text);
        const decoded = attempt(() => decodeRequestHead(bytes));
        if (decoded === undefined || decoded === "short") return;
        const { head, next } = decoded;
        const written = requestUnchanged(head, bytes.subarray(0, next), told);
        if (written) expect(linesOf(written)).toEqual(linesOf(requestForBackend(head, told.client)));
      }),
      { numRuns: 2000 },
    );
  });
});

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** The first line, then the fields in any order: that of fields of different names says nothing. */
function linesOf(head: Uint8Array): string[] {
  const [first = "", ...fields] = textOf(head).split("\r\n");
  return [first, ...fields.sort()];
}
