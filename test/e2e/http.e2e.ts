/** HTTP/1.1 through the front door: every way to name a service, every way to send a body. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CryptoHasher } from "bun";
import { namespace, otherNamespace, podsOf } from "#test/support/cluster.ts";
import { eachName, type Front, names, startFront } from "#test/support/front.ts";
import { RawClient } from "#test/support/raw-client.ts";

let front: Front;
beforeAll(async () => {
  front = await startFront();
});
afterAll(async () => await front?.kt.close());

interface Seen {
  readonly host: string;
  readonly pod: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

describe("names", () => {
  test.each(eachName(names.http))("%s", async (_, host) => {
    const response = await front.kt.fetch(host, "/some/path?x=1");
    expect(response.status).toBe(200);
    expect(await response.text()).toContain(`host=${host} proto=HTTP/1.1 path=/some/path `);
    expect(await podsOf(namespace, "web")).toContain(response.headers.get("x-pod") ?? "");
  });

  test.each(["number.localhost", "headless.localhost", "WEB.LOCALHOST", "web.localhost.", "web.localhost:1234"])("%s", async (host) => {
    const response = await front.kt.fetch(host, "/");
    expect(response.status).toBe(200);
    expect(await podsOf(namespace, "web")).toContain(response.headers.get("x-pod") ?? "");
  });

  test.each(["single.localhost", "single-named.localhost", `single-8080.pod.${namespace}.ns.kt.cx.k8s.localhost`])(
    "pod target %s",
    async (host) => {
      expect((await front.kt.fetch(host, "/")).headers.get("x-pod")).toBe("single");
    },
  );

  test("a service port by name in a dynamic name", async () => {
    expect((await front.kt.fetch(`http.web.svc.${namespace}.ns.kt.cx.k8s.localhost`, "/")).status).toBe(200);
  });

  test.each(["other.localhost", `web-80.svc.${otherNamespace}.ns.second.cx.k8s.localhost`])("the second context by %s", async (host) => {
    const [pod = ""] = await podsOf(otherNamespace, "web");
    expect((await front.kt.fetch(host, "/")).headers.get("x-pod")).toBe(pod);
  });

  test("plain HTTP to a backend that speaks TLS", async () => {
    const response = await front.kt.fetch("https.localhost", "/");
    expect(await response.text()).toContain("host=https.localhost");
  });

  test("IPv6 loopback", async () => {
    const response = await fetch(`http://[::1]:${front.http}/`, { headers: { Host: "web.localhost" } });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("xff=::1 xfp=http ");
  });
});

describe("requests", () => {
  test("forwarded headers tell of the client once", async () => {
    const seen = (await (await front.kt.fetch("web.localhost", "/headers")).json()) as Seen;
    expect(seen.host).toBe("web.localhost");
    expect(seen.headers["X-Forwarded-For"]).toEqual(["127.0.0.1"]);
    expect(seen.headers["X-Forwarded-Proto"]).toEqual(["http"]);
    expect(seen.headers["X-Forwarded-Host"]?.length).toBe(1);
  });

  test("two hosts on one connection", async () => {
    const client = await RawClient.open(front.http);
    const first = async (host: string): Promise<string> => {
      client.clear();
      client.write(`GET /headers HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      return await client.readUntil("}\n");
    };
    expect(await first("single.localhost")).toContain('"pod":"single"');
    expect(await first("api.localhost")).toContain('"pod":"api-');
    expect(await first("single.localhost")).toContain('"pod":"single"');
    client.abort();
  });

  test("pipelined requests for two hosts are answered in order", async () => {
    const client = await RawClient.open(front.http);
    client.write("GET / HTTP/1.1\r\nHost: single.localhost\r\n\r\nGET / HTTP/1.1\r\nHost: api.localhost\r\nConnection: close\r\n\r\n");
    const text = await client.readToEnd();
    expect(text.match(/pod=(single|api)/g)).toEqual(["pod=single", "pod=api"]);
  });

  test("a head in one-byte writes", async () => {
    const client = await RawClient.open(front.http);
    for (const byte of "GET /x HTTP/1.1\r\nHost: web.localhost\r\nConnection: close\r\n\r\n") {
      client.write(byte);
      await client.drained();
    }
    expect(await client.readToEnd()).toContain("path=/x ");
  });

  test("a chunked body and trailers both ways", async () => {
    const client = await RawClient.open(front.http);
    client.write(
      "POST /echo HTTP/1.1\r\nHost: web.localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nConnection: close\r\n\r\n" +
        "5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 42\r\n\r\n",
    );
    const text = await client.readToEnd();
    expect(text).toContain("X-Transfer-Encoding: chunked");
    expect(text).toContain("X-Echo-X-Sum: 42");
    expect(text.replace(/\r\n[0-9a-f]+\r\n/g, "")).toContain("hello");
    const trailed = await front.kt.fetch("web.localhost", "/trailers?n=10000&seed=3");
    expect((await trailed.bytes()).length).toBe(10_000);
  });

  test("a body is passed on while it is being sent", async () => {
    const client = await RawClient.open(front.http);
    client.write("POST /echo HTTP/1.1\r\nHost: web.localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    await client.readUntil("first");
    client.write("6\r\nsecond\r\n");
    await client.readUntil("second");
    client.write("0\r\n\r\n");
    await client.readUntil("\r\n0\r\n\r\n");
    client.abort();
  });

  test("100-continue comes from the backend before the body is sent", async () => {
    const client = await RawClient.open(front.http);
    client.write("POST /echo HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
    await client.readUntil("100 Continue\r\n\r\n");
    client.write("body");
    expect(await client.readToEnd()).toContain("body");
  });

  test.each([204, 304, 404, 418, 500, 503])("status %d is the backend's", async (code) => {
    const response = await front.kt.fetch("web.localhost", `/status?code=${code}`);
    expect(response.status).toBe(code);
    expect(response.headers.get("x-pod")).toStartWith("web-");
    expect(response.headers.get("x-kt-error")).toBeNull();
  });

  test("HEAD has no body and keeps the connection usable", async () => {
    const client = await RawClient.open(front.http);
    client.write(
      "HEAD /bytes?n=1000 HTTP/1.1\r\nHost: web.localhost\r\n\r\nGET / HTTP/1.1\r\nHost: web.localhost\r\nConnection: close\r\n\r\n",
    );
    const text = await client.readToEnd();
    expect(text).toContain("Content-Length: 1000");
    expect(text.match(/HTTP\/1\.1 200/g)?.length).toBe(2);
  });

  test("HTTP/1.0 closes after the answer", async () => {
    const client = await RawClient.open(front.http);
    client.write("GET / HTTP/1.0\r\nHost: web.localhost\r\n\r\n");
    expect(await client.readToEnd()).toContain("pod=web-");
  });
});

/** 1 GB, as many bytes as Go's /bytes is asked for. */
const gigabyte = 1_000_000_000;

describe("a gigabyte", () => {
  test("down, with the right checksum", async () => {
    const response = await front.kt.fetch("web.localhost", `/bytes?n=${gigabyte}&seed=1`);
    const hasher = new CryptoHasher("sha256");
    let length = 0;
    for await (const bytes of response.body ?? []) {
      hasher.update(bytes);
      length += bytes.length;
    }
    expect(length).toBe(gigabyte);
    const expected = await front.kt.text("web.localhost", `/sha256?n=${gigabyte}&seed=1`);
    expect(`${hasher.digest("hex")} ${length}\n`).toBe(expected);
  });

  test("up, with the right checksum", async () => {
    const hasher = new CryptoHasher("sha256");
    const block = crypto.getRandomValues(new Uint8Array(50_000));
    const client = await RawClient.open(front.http);
    client.write(`POST /sha256 HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: ${gigabyte}\r\nConnection: close\r\n\r\n`);
    for (let sent = 0; sent < gigabyte; sent += block.length) {
      new DataView(block.buffer).setUint32(0, sent);
      const copy = block.slice();
      hasher.update(copy);
      client.write(copy);
      await client.drained();
    }
    expect(await client.readToEnd()).toEndWith(`${hasher.digest("hex")} ${gigabyte}\n`);
  });
});
