/** Backends that do not speak HTTP/1: the error names what they sent and what the profile must say, whatever they do then. */

import { describe, expect, test } from "bun:test";
import type { Found } from "#route/lookup.ts";
import type { PodServer } from "#test/support/fake-cluster.ts";
import { answers, PodFront, requestText, say, webRoute, webTarget } from "#test/support/pod-front.ts";

const foreign: readonly (readonly [what: string, sent: string, message: string, hint: string])[] = [
  [
    "a TLS alert",
    "\x15\x03\x01\x00\x02\x02\x46",
    String.raw`it wants TLS, and sent the alert "\x15\x03\x01\x00\x02\x02F"`,
    'under [routes] write "web.localhost" = { target = "shop/svc/web:80", scheme = "https" }',
  ],
  [
    "HTTP/2 settings",
    "\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64",
    String.raw`it speaks HTTP/2 only, and sent "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d"`,
    'under [routes] write "web.localhost" = { target = "shop/svc/web:80", protocol = "h2c" }',
  ],
  [
    "an HTTP/2 preface",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    String.raw`it speaks HTTP/2 only, and sent "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"`,
    'under [routes] write "web.localhost" = { target = "shop/svc/web:80", protocol = "h2c" }',
  ],
  ["SMTP", "220 mx ESMTP\r\n", String.raw`it speaks SMTP, and sent "220 mx ESMTP\r\n"`, tcp(2525)],
  ["FTP", "220 (vsFTPd 3.0.3)\r\n", String.raw`it speaks FTP, and sent "220 (vsFTPd 3.0.3)\r\n"`, tcp(2121)],
  ["SSH", "SSH-2.0-OpenSSH_9.2\r\n", String.raw`it speaks SSH, and sent "SSH-2.0-OpenSSH_9.2\r\n"`, tcp(2222)],
  ["MySQL", "\x4a\0\0\0\x0a8.0.36\0", String.raw`it speaks MySQL, and sent "J\x00\x00\x00\n8.0.36\x00"`, tcp(3306)],
  [
    "MySQL that refuses",
    "\x45\0\0\0\xff\x6a\x04Host 'x' is not allowed",
    String.raw`it speaks MySQL, and sent "E\x00\x00\x00\xffj\x04Host 'x' is not allowed"`,
    tcp(3306),
  ],
  ["PostgreSQL", "E\0\0\0\x50SFATAL\0", String.raw`it speaks PostgreSQL, and sent "E\x00\x00\x00PSFATAL\x00"`, tcp(5432)],
  ["Redis", "-ERR unknown command\r\n", String.raw`it speaks Redis, and sent "-ERR unknown command\r\n"`, tcp(6379)],
  ["memcached", "ERROR\r\n", String.raw`it speaks memcached, and sent "ERROR\r\n"`, tcp(11211)],
  ["NATS", 'INFO {"version":"2"}\r\n', String.raw`it speaks NATS, and sent "INFO {\"version\":\"2\"}\r\n"`, tcp(4222)],
  ["AMQP", "AMQP\0\0\x09\x01", String.raw`it speaks AMQP, and sent "AMQP\x00\x00\t\x01"`, tcp(5672)],
  ["IMAP", "* OK ready\r\n", String.raw`it speaks IMAP, and sent "* OK ready\r\n"`, tcp(1143)],
  ["a page without a head", "<html>hello</html>", 'it begins with "<html>hello</html>"', tcp(9000)],
  ["binary", "\x00\xff\x1b[31m\u009b\x7f", String.raw`it begins with "\x00\xff\x1b[31m\x9b\x7f"`, tcp(9000)],
  ["more than is worth showing", "x".repeat(5000), `it begins with "${"x".repeat(40)}…"`, tcp(9000)],
];

function tcp(port: number): string {
  return `for what is not HTTP use a [tcp] route: under [tcp] write ${port} = "shop/svc/web:80"`;
}

/** Sends this as soon as it is connected to, as many servers do. */
const greets =
  (text: string): PodServer =>
  (connection) => {
    say(connection, text);
    connection.onEnd = () => connection.end();
  };

const asked = requestText("GET", "", "Accept: application/json\r\n");

async function refusal(serve: PodServer, found?: Found): Promise<{ error: string; hints: string[] }> {
  const answer = await new PodFront(serve, found).answer(asked);
  expect(answer).toStartWith("HTTP/1.1 502 Bad Gateway\r\n");
  expect(answer).toContain("X-Kt-Error: backend-invalid\r\n");
  const { error } = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")));
  return { error: error.message, hints: error.hints };
}

describe("an HTTP route to", () => {
  const ways = { "after the request": (text: string) => answers(text), "and stays": (text: string) => answers(text, false), first: greets };
  for (const [what, sent, message, hint] of foreign) {
    test.each(Object.entries(ways))(`${what}, sent %s`, async (_, way) => {
      expect(await refusal(way(sent))).toEqual({
        error: `the backend's answer is not HTTP/1: ${message}`,
        hints: [hint, ...(what === "a TLS alert" ? ["open https://web.localhost/"] : [])],
      });
    });
  }

  test("an echo server", async () => {
    const echo: PodServer = (connection) => {
      connection.onData = (bytes) => connection.write(bytes);
    };
    const { error, hints } = await refusal(echo);
    expect(error).toBe(
      `the backend's answer is not HTTP/1: it sends back what it is sent, "GET / HTTP/1.1\\r\\nHost: web.localhost\\r\\nAcc…"`,
    );
    expect(hints).toEqual([tcp(9000)]);
  });

  test("a response whose Content-Length is not a number", async () => {
    const { error } = await refusal(answers("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello"));
    expect(error).toBe('reading the response: "5x" is not a valid Content-Length');
  });

  test("one that first asks for the body, then breaks the rules", async () => {
    const answer = await new PodFront(answers("HTTP/1.1 100 Continue\r\n\r\nnonsense")).answer(asked);
    expect(answer).toStartWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 502 Bad Gateway\r\n");
    expect(answer).toContain(String.raw`it begins with \"nonsense\"`);
  });
});

test.each<[number | string, string[]]>([
  [5432, ['for what is not HTTP use a [tcp] route: under [tcp] write 5432 = "shop/svc/web:5432"']],
  ["tcp-redis", ['for what is not HTTP use a [tcp] route: under [tcp] write 9000 = "shop/svc/web:tcp-redis"']],
  [8080, []],
  ["http", []],
])("one that closes without a word on port %p is taken for another protocol by its port", async (port, hints) => {
  const closes: PodServer = (connection) => {
    connection.onData = () => connection.end();
  };
  const answer = await new PodFront(closes, { ...webRoute, target: { ...webTarget, port } }).answer(asked);
  expect(answer).toContain("X-Kt-Error: connection-lost\r\n");
  expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))).error.hints).toEqual(hints);
});

const alert = answers("\x15\x03\x03");
const elsewhere = { ...webRoute.target, cluster: { profile: "p", context: 'pr"od' } };

test.each<[string, Found, string]>([
  [
    "a context of its own",
    { ...webRoute, target: elsewhere },
    String.raw`{ target = "shop/svc/web:80", context = "pr\"od", scheme = "https" }`,
  ],
  [
    "a pattern",
    { ...webRoute, via: "pattern", route: "{s}.dev.localhost" },
    'set scheme = "https" in the [[patterns]] table of "{s}.dev.localhost"',
  ],
  ["a dynamic name", { ...webRoute, via: "dynamic", route: "web-80.svc.k8s.localhost" }, '"web-80.svc.k8s.localhost" = { target = '],
])("the hint to set the scheme fits %s", async (_, found, hint) => {
  expect((await refusal(alert, found)).hints[0]).toContain(hint);
});
