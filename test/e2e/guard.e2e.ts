/** Who may reach what through the front door: pages of other sites, other users of the machine, other contexts, the API server. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { serve } from "bun";
import { Chromium } from "#test/support/browser.ts";
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

describe("in a browser", () => {
  let browser: Chromium;
  /** Serves empty pages of the names that lead here. */
  let stranger: ReturnType<typeof serve>;
  beforeAll(async () => {
    browser = await Chromium.start(["evil.example"]);
    stranger = serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("<p>", { headers: { "Content-Type": "text/html" } }) });
  });
  afterAll(async () => {
    await browser?.close();
    await stranger?.stop(true);
  });

  /** What a page of that address gets for what it asks for: kind of request → status. */
  function asked(from: string): Promise<Record<string, number>> {
    return browser.visit({ width: 800 }, async (page) => {
      const to = `http://web.localhost:${front.http}`;
      /** Runs a script in the page and waits for the answers to what it asks for. */
      const run = async (kinds: readonly string[], script: string): Promise<[string, number][]> => {
        const answers = kinds.map((kind) => page.waitForResponse(`${to}/${kind}`));
        await page.evaluate(`(() => { const base = "${to}"; ${script} })()`);
        return (await Promise.all(answers)).map((response, at) => [kinds[at] ?? "", response.status()]);
      };
      await page.goto(from);
      const parts = await run(
        ["post", "get", "frame"],
        `for (const method of ["POST", "GET"]) fetch(base + "/" + method.toLowerCase(), { method, mode: "no-cors" }).catch(() => {});
       document.body.append(Object.assign(document.createElement("iframe"), { src: base + "/frame" }));`,
      );
      const form = await run(
        ["form"],
        `const sent = Object.assign(document.createElement("form"), { action: base + "/form", method: "POST" });
       document.body.append(sent); sent.submit();`,
      );
      await page.waitForURL(`${to}/form`);
      await page.goto(from);
      const link = await run(["link"], 'location.assign(base + "/link");');
      return Object.fromEntries([...parts, ...form, ...link]);
    });
  }

  test("a page of another site only leads here by links", async () => {
    const statuses = await asked(`http://evil.example:${stranger.port}/`);
    expect(statuses).toEqual({ post: 403, get: 403, frame: 403, form: 403, link: 200 });
  });

  test("pages of another route, and of this machine, may ask for anything", async () => {
    const free = { post: 200, get: 200, frame: 200, form: 200, link: 200 };
    expect(await asked(`http://api.localhost:${front.http}/`)).toEqual(free);
    expect(await asked(`http://localhost:${stranger.port}/`)).toEqual(free);
    expect(await asked(`http://127.0.0.1:${stranger.port}/`)).toEqual(free);
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
