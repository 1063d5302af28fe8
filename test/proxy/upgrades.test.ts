/** Upgrades that a backend agrees to, refuses, or answers oddly, as the client gets them. */

import { describe, expect, test } from "bun:test";
import { settle } from "#test/support/manual-clock.ts";
import { answers, onRequest, PodFront, requestText, say } from "#test/support/pod-front.ts";

const upgrade = requestText("GET", "", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n");

describe("a refused upgrade", () => {
  test.each([
    ["with a length", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=x\r\nContent-Length: 6\r\n\r\nlogin\n", "login\n"],
    ["with chunks", "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n\r\n", "3\r\nbad\r\n0\r\n\r\n"],
    ["with no length, and closes", "HTTP/1.1 406 Not Acceptable\r\nConnection: close\r\n\r\n", ""],
    ["with a body until the end", "HTTP/1.0 403 Forbidden\r\n\r\nno", "no"],
    ["with other protocols", "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nno", "no"],
    [
      "after an early response",
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
      "no",
    ],
  ])("%s is passed on whole", async (_, response, body) => {
    const [status] = /HTTP\S+ [2-9]\d\d/.exec(response.replace("HTTP/1.0", "HTTP/1.1")) ?? [];
    const answer = await new PodFront(answers(response)).answer(upgrade);
    const final = answer.slice(answer.lastIndexOf("HTTP/1.1 "));
    expect(final).toStartWith(`${status} `);
    expect(final.slice(final.indexOf("\r\n\r\n") + 4)).toBe(body);
  });

  test("leaves the connection to the next request, with a login", async () => {
    const front = new PodFront(
      onRequest((connection, request) => {
        const isAllowed = request.includes("Authorization");
        say(connection, `HTTP/1.1 ${isAllowed ? "101 Switching Protocols" : "401 Unauthorized"}\r\n`);
        say(connection, isAllowed ? "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello" : "Content-Length: 0\r\n\r\n");
      }),
    );
    const client = front.client();
    client.write(upgrade);
    await client.untilText("401");
    client.write(upgrade.replace("Sec-", "Authorization: x\r\nSec-"));
    await client.untilText("hello");
    expect(client.text()).toContain("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
  });
});

describe("an upgrade", () => {
  test("on a connection that had closed is asked for again on another", async () => {
    let connections = 0;
    const front = new PodFront((connection) => {
      const isFirst = connections++ === 0;
      onRequest((_, request) => {
        if (!request.includes("Upgrade")) say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        else if (isFirst) connection.end();
        else say(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
      })(connection);
    });
    await front.answer(requestText());
    expect(await front.answer(upgrade)).toEndWith("hello");
    expect(connections).toBe(2);
  });

  test("that was not requested is not accepted as an answer", async () => {
    const front = new PodFront(answers("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false));
    expect(await front.answer(requestText())).toContain("the pod switched protocols without being asked to");
    await settle();
  });
});
