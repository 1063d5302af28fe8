/** TLS is passed through by server name: the certificate is the backend's, whatever the ClientHello looks like on the wire. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { goClient } from "#test/support/client.ts";
import { eachName, type Front, names, startFront } from "#test/support/front.ts";
import { run } from "#test/support/cluster.ts";

let front: Front;
beforeAll(async () => {
  front = await startFront();
});
afterAll(async () => await front?.kt.close());

interface Handshake {
  readonly cn: string;
  readonly status: number;
  readonly body: string;
  readonly helloBytes: number;
}

test.each(eachName(names.tls))("the backend's certificate by the %s name", async (_, host) => {
  const handshake = await goClient<Handshake>("hello", front.http, "-host", host);
  expect(handshake).toMatchObject({ cn: "app", status: 200, body: expect.stringContaining(`host=${host}`) });
});

test("a ClientHello in one-byte writes", async () => {
  expect(await goClient<Handshake>("hello", front.http, "-host", "tls.localhost", "-bytewise")).toMatchObject({ cn: "app", status: 200 });
});

test("a ClientHello of 12 KB", async () => {
  const handshake = await goClient<Handshake>("hello", front.http, "-host", "tls.localhost", "-pad", "12000");
  expect(handshake).toMatchObject({ cn: "app", status: 200 });
  expect(handshake.helloBytes).toBeGreaterThan(12_000);
});

test("a ClientHello of 12 KB in one-byte writes", async () => {
  const flags = ["-host", "tls.localhost", "-pad", "12000", "-bytewise"];
  expect(await goClient<Handshake>("hello", front.http, ...flags)).toMatchObject({ cn: "app", status: 200 });
});

describe("a refused name gets its page over TLS", () => {
  const curl = async (host: string, ...flags: string[]): Promise<string> => {
    const resolve = `${host}:${front.http}:127.0.0.1`;
    const ran = await run(["curl", "-sk", "-i", "--resolve", resolve, ...flags, `https://${host}:${front.http}/`]);
    expect(ran.exitCode).toBe(0);
    return ran.stdout;
  };

  test.each(["--http1.1", "--http2"])("%s", async (version) => {
    const text = await curl("nowhere.localhost", version, "-H", "Accept: text/html");
    expect(text).toMatch(version === "--http2" ? /^HTTP\/2 404/ : /^HTTP\/1\.1 404/);
    expect(text).toContain("nowhere.localhost");
    expect(text).toContain("<html");
  });

  test("no ready pod", async () => {
    const text = await curl("zero.localhost", "--http1.1");
    expect(text).toMatch(/^HTTP\/1\.1 503/);
    expect(text).toMatch(/^retry-after: \d/im);
  });
});
