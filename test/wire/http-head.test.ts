/** HTTP/1 heads: round trips, any split, what smuggles, limits, random bytes. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "#wire/limits.ts";
import { decodeRequestHead, decodeResponseHead, encodeHead, headerValue, requestFraming, responseFraming } from "#wire/http-head.ts";

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

function request(text: string) {
  const decoded = decodeRequestHead(bytesOf(text));
  if (decoded === "short") throw new Error("short");
  return decoded.head;
}

function response(text: string) {
  const decoded = decodeResponseHead(bytesOf(text));
  if (decoded === "short") throw new Error("short");
  return decoded.head;
}

function failure(decode: () => unknown): string {
  try {
    return `no failure: ${JSON.stringify(decode())}`;
  } catch (error) {
    return error instanceof KtError ? `${error.code}: ${error.message}` : String(error);
  }
}

/** curl 7.88 and Chrome, as sent. */
const curlRequest = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

const name = fc.stringMatching(/^X-[!#$%&'*+\-.^_`|~0-9A-Za-z]{0,20}$/);
const value = fc.stringMatching(/^([!-~\x80-\xff]([ \t!-~\x80-\xff]{0,30}[!-~\x80-\xff])?)?$/);
const fields = fc.array(fc.tuple(name, value), { maxLength: 12 });
const target = fc.stringMatching(/^\/[!-~]{0,40}$/);
const method = fc.constantFrom("GET", "POST", "PATCH", "M-SEARCH");

describe("decodeRequestHead", () => {
  test("reads what curl sends", () => {
    const decoded = decodeRequestHead(bytesOf(`${curlRequest}rest`));
    expect(decoded).toEqual({
      next: curlRequest.length,
      head: {
        method: "GET",
        target: "/",
        version: "1.1",
        headers: [
          ["Host", "127.0.0.1:8080"],
          ["User-Agent", "curl/7.88.1"],
          ["Accept", "*/*"],
        ],
        host: "127.0.0.1:8080",
        contentLength: undefined,
        chunked: false,
        keepAlive: true,
        upgrade: undefined,
        canonical: true,
      },
    });
  });

  test("gives back what encodeHead was given, at any offset, and is short at every cut", () => {
    fc.assert(
      fc.property(method, target, fields, fc.nat(20), (verb, path, extra, at) => {
        const headers = [["Host", "a.test"] as const, ...extra];
        const encoded = encodeHead(`${verb} ${path} HTTP/1.1`, headers);
        const bytes = Uint8Array.from([...new Array<number>(at).fill(65), ...encoded, 1, 2]);
        const decoded = decodeRequestHead(bytes, at);
        expect(decoded).toMatchObject({ next: at + encoded.length, head: { method: verb, target: path, headers } });
        expect(decoded).toMatchObject({ head: { canonical: true } });
        for (let cut = 0; cut < encoded.length; cut++) expect(decodeRequestHead(encoded.subarray(0, cut))).toBe("short");
      }),
      { numRuns: 60 },
    );
  });

  test("is canonical where it encodes to the same bytes, and only there", () => {
    const line = fc.constantFrom(
      "GET / HTTP/1.1\r\n",
      "GET / HTTP/1.0\r\n",
      "GET / HTTP/1.2\r\n",
      "GET / HTTP/1.1\n",
      "\r\nGET / HTTP/1.1\r\n",
    );
    const colon = fc.constantFrom(": ", ": ", ":", ":  ", ":\t");
    const end = fc.constantFrom("\r\n", "\r\n", "\n", "\t\r\n");
    const said = fc.constantFrom(
      "X: 1",
      "X: ",
      "Content-Length: 5",
      "Content-Length: 05",
      "Transfer-Encoding: chunked",
      "Transfer-Encoding: Chunked",
    );
    const odd = fc.tuple(said, colon, end).map(([text, between, after]) => text.replace(": ", between) + after);
    fc.assert(
      fc.property(line, fc.array(odd, { maxLength: 3 }), fc.constantFrom("\r\n", "\n"), (first, lines, last) => {
        const text = `${first}Host: a\r\n${lines.join("")}${last}`;
        if (!failure(() => request(text)).startsWith("no failure")) return;
        const { method: verb, target: path, version, headers, canonical } = request(text);
        const again = Buffer.from(encodeHead(`${verb} ${path} HTTP/${version}`, headers)).toString("latin1");
        expect(canonical).toBe(again === text);
      }),
      { numRuns: 1000 },
    );
  });

  test("what was decoded encodes to the same bytes", () => {
    const { method: verb, target: path, headers } = request(curlRequest);
    expect(Buffer.from(encodeHead(`${verb} ${path} HTTP/1.1`, headers)).toString("latin1")).toBe(curlRequest);
  });

  test("takes lone line feeds, empty lines before, and any case and white space", () => {
    const head = request("\r\n\nGET / HTTP/1.1\nhOsT:\t a.test \t\nX-Caf\xe9:1\n\n".replace("X-Caf\xe9", "X-Cafe"));
    expect(head.host).toBe("a.test");
    expect(head.headers).toEqual([
      ["hOsT", "a.test"],
      ["X-Cafe", "1"],
    ]);
    expect(decodeRequestHead(bytesOf("\r"))).toBe("short");
  });

  test("keeps a value's bytes, those of UTF-8 too", () => {
    const text = Buffer.from("Grüße à").toString("latin1");
    expect(headerValue(request(`GET / HTTP/1.1\r\nHost: a\r\nX-Name: ${text}\r\n\r\n`).headers, "x-name")).toBe(text);
  });

  test("reads where it goes from an absolute target first", () => {
    const text = "GET http://user@b.test:81/path?q HTTP/1.1\r\nHost: a.test\r\n\r\n";
    expect(request(text).host).toBe("b.test:81");
    expect(request("GET http://b.test HTTP/1.0\r\n\r\n").host).toBe("b.test");
    expect(request("GET /http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n").host).toBe("a.test");
  });

  test.each([
    ["1.1", "", true],
    ["1.1", "Connection: Close\r\n", false],
    ["1.1", "Connection: foo, close\r\n", false],
    ["1.0", "", false],
    ["1.0", "Connection: Keep-Alive\r\n", true],
  ])("HTTP/%s with %j: keep-alive %p", (version, header, keepAlive) => {
    expect(request(`GET / HTTP/${version}\r\nHost: a\r\n${header}\r\n`).keepAlive).toBe(keepAlive);
  });

  test("notes upgrades only where Connection names them", () => {
    expect(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n").upgrade).toBe("websocket");
    expect(request("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n").upgrade).toBeUndefined();
  });

  test.each([
    ["a folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", '" 2" is not a valid header line'],
    ["white space before the colon", "GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", '"X : 1" is not a valid header line'],
    ["a line without a colon", "GET / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n", '"foo" is not a valid header line'],
    ["a name with a control character", "GET / HTTP/1.1\r\nHost: a\r\nX\x01: 1\r\n\r\n", '"X\\u0001: 1" is not a valid header line'],
    ["a lone CR", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n", "it has a NUL or a lone CR"],
    ["a NUL", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\x002\r\n\r\n", "it has a NUL or a lone CR"],
    [
      "both lengths",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "it has both Content-Length and Transfer-Encoding",
    ],
    ["two lengths", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-length: 2\r\n\r\n", "it has two Content-Lengths, 1 and 2"],
    ["a signed length", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", '"+1" is not a valid Content-Length'],
    [
      "a huge length",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999\r\n\r\n",
      '"9999999999999999" is not a valid Content-Length',
    ],
    ["an empty length", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", '"" is not a valid Content-Length'],
    [
      "another encoding",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
      'Transfer-Encoding "xchunked" is not chunked alone',
    ],
    [
      "chunked, not last",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
      'Transfer-Encoding "chunked,identity" is not chunked alone',
    ],
    [
      "chunked twice",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
      'Transfer-Encoding "chunked, chunked" is not chunked alone',
    ],
    ["chunked in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "it has a Transfer-Encoding in HTTP/1.0"],
    ["two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "it has two Host headers"],
    ["no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", '"GET HTTP/1.1" is not a valid request line'],
    ["two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", '"GET  / HTTP/1.1" is not a valid request line'],
    ["another version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", '"GET / HTTP/2.0" is not a valid request line'],
    ["a space in front", " GET / HTTP/1.1\r\n", "it begins with byte 0x20, which no HTTP request does"],
    ["garbage", "\x80abc", "it begins with byte 0x80, which no HTTP request does"],
  ])("refuses %s", (_, text, reason) => {
    expect(failure(() => decodeRequestHead(bytesOf(text)))).toBe(`request-invalid: reading the request: ${reason}`);
  });

  test.each(["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET http://a/ HTTP/1.1\r\n\r\n"])(
    "misses the host in %j",
    (text) => {
      expect(failure(() => decodeRequestHead(bytesOf(text)))).toBe("host-missing: the request names no host");
    },
  );

  test("reduces one length said twice to one", () => {
    const head = request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n");
    expect(head.headers).toEqual([
      ["Host", "a"],
      ["Content-Length", "5"],
    ]);
    expect(requestFraming(head)).toEqual({ kind: "length", bytes: 5 });
  });

  test("takes a head of the limit, not one byte more, whether it ends or not", () => {
    const start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const full = `${start}${"x".repeat(wireLimits.httpHeadBytes - start.length - 4)}\r\n\r\n`;
    expect(request(full).host).toBe("a");
    const tooLarge = "request-too-large: reading the request: its head is longer than 262144 bytes";
    expect(failure(() => decodeRequestHead(bytesOf(full.replace("X: ", "X: y"))))).toBe(tooLarge);
    expect(decodeRequestHead(bytesOf("G".repeat(wireLimits.httpHeadBytes)))).toBe("short");
    expect(failure(() => decodeRequestHead(bytesOf("G".repeat(wireLimits.httpHeadBytes + 1))))).toBe(tooLarge);
  });

  test("random text gives a head, short or a KtError", () => {
    const piece = fc.constantFrom(
      "GET ",
      "/ ",
      "HTTP/1.1",
      "\r\n",
      "\n",
      "\r",
      "Host: a",
      ":",
      " ",
      "Content-Length",
      "1",
      "\0",
      "Transfer-Encoding: chunked",
      "\xff",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 100 }),
          fc.array(piece, { maxLength: 20 }).map((parts) => bytesOf(parts.join(""))),
        ),
        (bytes) => {
          for (const decode of [decodeRequestHead, decodeResponseHead]) {
            try {
              const decoded = decode(bytes);
              expect(decoded === "short" || decoded.next <= bytes.length).toBe(true);
            } catch (error) {
              expect(error).toBeInstanceOf(KtError);
            }
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("decodeResponseHead", () => {
  test("reads status, reason and fields", () => {
    expect(response("HTTP/1.1 404 Not  Found\r\nServer: web\r\n\r\n")).toEqual({
      status: 404,
      reason: "Not  Found",
      version: "1.1",
      headers: [["Server", "web"]],
      contentLength: undefined,
      chunked: false,
      otherEncoding: false,
      keepAlive: true,
      upgrade: undefined,
      canonical: true,
    });
    expect(response("HTTP/1.0 200\r\n\r\n")).toMatchObject({ status: 200, reason: "", version: "1.0", keepAlive: false });
  });

  test("is short at every cut", () => {
    const bytes = bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    for (let cut = 0; cut < bytes.length; cut++) expect(decodeResponseHead(bytes.subarray(0, cut))).toBe("short");
  });

  test.each([
    ["SSH-2.0-OpenSSH_9\r\n", '"SSH-2.0-OpenSSH_9\\r\\n" is not an HTTP/1 response'],
    ["\x15\x03\x01", String.raw`"\x15\x03\x01" is not an HTTP/1 response`],
    ["HTTP/2", '"HTTP/2" is not an HTTP/1 response'],
    ["HTTP/1.1 20 OK\r\n\r\n", '"HTTP/1.1 20 OK" is not a valid status line'],
  ])("refuses %j", (text, reason) => {
    expect(failure(() => decodeResponseHead(bytesOf(text)))).toBe(`backend-invalid: reading the response: ${reason}`);
  });

  test("a head past the limit", () => {
    expect(failure(() => decodeResponseHead(bytesOf(`HTTP/1.1 200 ${"x".repeat(wireLimits.httpHeadBytes)}`)))).toStartWith(
      "backend-invalid: reading the response: its head is longer",
    );
  });
});

describe("a response's Transfer-Encoding", () => {
  const coded = (...lines: readonly string[]): string =>
    `HTTP/1.1 200 OK\r\n${lines.map((each) => `Transfer-Encoding:${each}\r\n`).join("")}\r\n`;

  test.each(["\x0bchunked", "chunked\xa0", "\x85chunked", " ,chunked", " chunked,", " chun ked", "", " x\x0b", ' "chunked"'])(
    "%j is refused: the client may read it in another way",
    (value) => expect(failure(() => response(coded(value)))).toStartWith("backend-invalid: reading the response: Transfer-Encoding "),
  );

  test("in two lines is passed on in one", () => {
    const head = response(coded(" gzip", "\tChunked "));
    expect(head).toMatchObject({ chunked: true, headers: [["Transfer-Encoding", "gzip, chunked"]] });
  });
});

test("empty lines before a request are not a request, however many come", () => {
  expect(decodeRequestHead(bytesOf("\r\n".repeat(4)))).toBe("short");
  expect(failure(() => decodeRequestHead(bytesOf("\r\n".repeat(1000))))).toStartWith("request-invalid: reading the request: ");
});

describe("framing (RFC 9112 §6.3)", () => {
  test.each([
    ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", { kind: "none" }],
    ["GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", { kind: "none" }],
    ["PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", { kind: "chunked" }],
  ] as const)("request %j", (text, framing) => {
    expect(requestFraming(request(text))).toEqual(framing);
  });

  test.each([
    ["GET", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", { kind: "length", bytes: 7 }],
    ["GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", { kind: "none" }],
    ["GET", "HTTP/1.1 200 OK\r\n\r\n", { kind: "until-close" }],
    ["GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", { kind: "until-close" }],
    ["GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", { kind: "chunked" }],
    ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", { kind: "none" }],
    ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", { kind: "none" }],
    ["GET", "HTTP/1.1 204 No Content\r\n\r\n", { kind: "none" }],
    ["GET", "HTTP/1.1 100 Continue\r\n\r\n", { kind: "none" }],
    ["GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n", { kind: "none" }],
    ["CONNECT", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", { kind: "none" }],
    ["CONNECT", "HTTP/1.1 407 No\r\nContent-Length: 7\r\n\r\n", { kind: "length", bytes: 7 }],
  ] as const)("%s, response %j", (verb, text, framing) => {
    expect(responseFraming(response(text), verb)).toEqual(framing);
  });
});
