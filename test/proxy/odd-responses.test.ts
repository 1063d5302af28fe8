/** Responses that break the rules, and bytes that come late, as the client of an HTTP route gets them. */

import { describe, expect, test } from "bun:test";
import type { PodServer } from "#test/support/fake-cluster.ts";
import { settle } from "#test/support/manual-clock.ts";
import { answers, onRequest, PodFront, requestText, say } from "#test/support/pod-front.ts";

const five = "Content-Length: 5\r\n\r\nhello";

test.each<[what: string, sent: string, got: string]>([
  [
    "chunked twice",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
  ],
  [
    "chunked and a length",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
  ],
  ["a folded field", `HTTP/1.1 200 OK\r\nContent-Security-Policy: default-src 'self';\r\n img-src *\r\n${five}`, "hello"],
  ["no reason", `HTTP/1.1 200\r\n${five}`, "hello"],
  ["line feeds alone", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "hello"],
  ["HTTP/1.0 without a length", "HTTP/1.0 200 OK\r\n\r\nhello", "hello"],
  ["HTTP/1.0 that keeps alive", `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n${five}`, "hello"],
  ["a version that is still to come", `HTTP/1.2 200 OK\r\n${five}`, "hello"],
  ["one length in two fields", `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n${five}`, "hello"],
  ["one length twice", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", "hello"],
  ["a name with blanks", `HTTP/1.1 200 OK\r\nX Powered By: me\r\n${five}`, "hello"],
  ["a blank before the colon", `HTTP/1.1 200 OK\r\nX-Name : blank\r\n${five}`, "hello"],
  ["garbage after the body", `HTTP/1.1 200 OK\r\n${five}garbage`, "hello"],
  ["a body that 204 has not", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", ""],
])("%s: the client gets what curl reads", async (_, sent, got) => {
  const answer = await new PodFront(answers(sent)).answer(requestText());
  const [head = "", ...body] = answer.split("\r\n\r\n");
  expect(head).toMatch(/^HTTP\/1\.1 20[04]/);
  expect(
    head
      .split("\r\n")
      .slice(1)
      .every((field) => /^[A-Za-z-]+: ./.test(field)),
  ).toBe(true);
  expect(body.join("\r\n\r\n")).toBe(got);
});

test.each([
  ["a size that is not a number", "zz\r\nhello\r\n0\r\n\r\n", "a chunk has no size"],
  ["line feeds alone", "5\nhello\n0\n\n", "a chunk's size is not a number"],
  ["a chunk longer than its size", "4\r\nhello\r\n0\r\n\r\n", "a chunk does not end where its size says"],
])("chunks that come with the head and have %s are answered with a page, for nothing has been sent", async (_, body, why) => {
  const front = new PodFront(answers(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`, false));
  const answer = await front.answer(requestText());
  expect(answer).toStartWith("HTTP/1.1 502 ");
  expect(answer).toContain("X-Kt-Error: backend-invalid");
  expect(answer).toContain(why);
});

test("no response before the final one is sent to an HTTP/1.0 client", async () => {
  const front = new PodFront(answers(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n${five}`, false));
  expect(await front.answer("GET / HTTP/1.0\r\nHost: web.localhost\r\n\r\n")).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(await front.answer(requestText())).toStartWith("HTTP/1.1 103 Early Hints\r\n");
});

describe("a body that is still to come", () => {
  const head = requestText("PUT", "", "Content-Length: 8\r\nExpect: 100-continue\r\n");
  const refusal = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig";

  test("is asked for by the backend, once or twice or not at all, and none of that is an answer", async () => {
    for (const asks of ["", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100\r\nX: 1\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"]) {
      const front = new PodFront((connection) => {
        let text = "";
        connection.onData = (bytes) => {
          text += Buffer.from(bytes).toString("latin1");
          if (text.endsWith("\r\n\r\n")) say(connection, asks);
          if (text.endsWith("12345678")) say(connection, `HTTP/1.1 200 OK\r\n${five}`);
        };
      });
      const client = front.client();
      client.write(head);
      await settle();
      expect(client.text()).toBe(asks.replace("100\r\n", "100 \r\n"));
      client.write("12345678");
      await client.untilText("hello");
    }
  });

  test("is not needed where the backend has answered before; the client gets the answer and the end", async () => {
    const front = new PodFront((connection) => {
      connection.onData = () => {
        say(connection, refusal);
        connection.end();
      };
    });
    const client = front.client();
    client.write(requestText("POST", "", "Content-Length: 100000000\r\n"));
    await client.untilEnd();
    expect(client.text()).toEndWith("Connection: close\r\n\r\nbig");
  });
});

test("a HEAD is answered by a head alone, and the connection goes on", async () => {
  const front = new PodFront(answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false));
  const client = front.client();
  client.write(requestText("HEAD") + requestText("HEAD"));
  await settle();
  expect(client.text().match(/200 OK/g)).toHaveLength(2);
});

/** Answers the first request of its first connection, and the second one with bytes of that connection's past. */
const late = (bytes: string): PodServer => {
  let connections = 0;
  return (connection) => {
    const isFirst = connections++ === 0;
    onRequest((_, __, nth) => say(connection, isFirst && nth === 2 ? bytes : `HTTP/1.1 200 OK\r\n${five}`))(connection);
  };
};

describe("bytes of a connection's past that meet the next request", () => {
  const timeout = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  test.each([
    ["garbage", "garbage"],
    ["a word about time", timeout],
  ])("%s: a GET is sent again", async (_, bytes) => {
    const front = new PodFront(late(bytes));
    await front.answer(requestText());
    expect(await front.answer(requestText())).toEndWith("hello");
  });
});
