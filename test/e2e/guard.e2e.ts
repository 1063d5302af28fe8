/** Who may reach what through the front door: pages of other sites, other users of the machine, other contexts, the API server. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { namespace, otherNamespace, run } from "#test/support/cluster.ts";
import { type Front, names, startFront } from "#test/support/front.ts";
import { RawClient } from "#test/support/raw-client.ts";

let front: Front;
beforeAll(async () => {
  front = await startFront();
});
afterAll(async () => await front?.kt.close());

const evil = "https://evil.example";

async function answer(host: string, init: RequestInit = {}): Promise<string> {
  const response = await front.kt.fetch(host, "/", init);
  await response.arrayBuffer();
  return `${response.status} ${response.headers.get("x-kt-error") ?? ""}`.trim();
}

describe("a page of another site", () => {
  test.each(Object.entries(names.http))("is refused by its Origin, at a %s name", async (_kind, host) => {
    for (const method of ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
      expect(await answer(host, { method, headers: { Origin: evil } })).toBe("403 origin-refused");
  });

  test("is refused a WebSocket", async () => {
    const client = await RawClient.open(front.http);
    const socket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    client.write(`GET / HTTP/1.1\r\nHost: web.localhost\r\n${socket}\r\nOrigin: ${evil}\r\n\r\n`);
    expect(await client.readUntil("\r\n\r\n")).toStartWith("HTTP/1.1 403 Forbidden\r\n");
    client.abort();
  });

  test("may lead here by a link, and a page of another route may ask", async () => {
    const link = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" };
    expect(await answer("web.localhost", { headers: link })).toBe("200");
    const sibling = { Origin: `http://api.localhost:${front.http}`, "Sec-Fetch-Site": "cross-site" };
    expect(await answer("web.localhost", { method: "POST", headers: sibling })).toBe("200");
  });
});

describe("a dynamic name", () => {
  test("reaches no context that the profile does not name, and not the API server", async () => {
    expect(await answer(`web-80.svc.${otherNamespace}.ns.second.cx.k8s.localhost`)).toBe("200");
    expect(await answer(`web-80.svc.${namespace}.ns.third.cx.k8s.localhost`)).toBe("403 name-refused");
    expect(await answer("kubernetes-443.svc.default.ns.kt.cx.k8s.localhost")).toBe("403 name-refused");
  });

  test.if(process.getuid?.() === 0)("is for the user of the hub and root; a route is for everyone", async () => {
    const asOther = async (host: string): Promise<string> => {
      const curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", `Host: ${host}`, `http://127.0.0.1:${front.http}/`];
      return (await run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...curl])).stdout;
    };
    expect(await asOther("web.localhost")).toBe("200");
    expect(await asOther(names.http.pattern)).toBe("200");
    expect(await asOther(names.http.dynamic)).toBe("403");
    expect(await answer(names.http.dynamic)).toBe("200");
  });
});
