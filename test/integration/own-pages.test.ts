/** The hub's own pages through the front door: whatever a client speaks, behind the token that only the hub's user can read. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFile, stat } from "node:fs/promises";
import { connect } from "node:http2";
import { readMetrics, sampleKey } from "#test/support/metrics-reader.ts";
import { eventually } from "#test/support/wait.ts";
import { Rig } from "./rig.ts";

let rig: Rig;
let token: string;

beforeEach(async () => {
  rig = await Rig.start();
  token = (await readFile(`${rig.directory}/token`, "utf8")).trim();
});
afterEach(() => rig.close());

const own = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  rig.fetch(path, { headers: { Host: `kt.localhost:${rig.httpPort}`, ...headers }, redirect: "manual" });

const signed = (): Record<string, string> => ({ Authorization: `Bearer ${token}` });

/** Over HTTP/2 without TLS. */
async function ownByHttp2(path: string): Promise<{ readonly status: number; readonly text: string }> {
  const session = connect(`http://127.0.0.1:${rig.httpPort}`);
  const stream = session.request({ ":authority": `kt.localhost:${rig.httpPort}`, ":path": path, authorization: `Bearer ${token}` });
  const head = Promise.withResolvers<number>();
  stream.on("response", (fields) => head.resolve(Number(fields[":status"])));
  stream.on("error", head.reject);
  let text = "";
  stream.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  const status = await head.promise;
  await new Promise((resolve) => stream.on("end", resolve));
  session.close();
  return { status, text };
}

test("their token is in a file that only the user can read, another for each hub, and gone with it", async () => {
  const { mode } = await stat(`${rig.directory}/token`);
  expect(mode & 0o777).toBe(0o600);
  expect(token).toMatch(/^[\w-]{43}$/);
  const { directory } = rig;
  await rig.close();
  expect(await stat(`${directory}/token`).catch(() => "gone")).toBe("gone");
  rig = await Rig.start();
  expect((await readFile(`${rig.directory}/token`, "utf8")).trim()).not.toBe(token);
});

test("what is scraped while the hub ends is answered whole or refused, and holds nothing up", async () => {
  const whole = async (): Promise<string> => {
    const response = await own("/metrics", signed());
    return response.status === 200 ? await response.text() : "";
  };
  const scrapes = Array.from({ length: 40 }, () => whole());
  await scrapes[0];
  const [answers] = await Promise.all([Promise.allSettled(scrapes), rig.close()]);
  for (const answer of answers) if (answer.status === "fulfilled" && answer.value !== "") expect(answer.value).toContain("kt_build_info");
  await expect(whole()).rejects.toThrow();
  rig = await Rig.start();
});

test("HTTP/1.1 and HTTP/2 read the same counts, which are those of the clients", async () => {
  rig.startPod("web-0");
  for (let at = 0; at < 3; at++) await rig.ask("/");
  const first = await own("/metrics", signed());
  expect(first.status).toBe(200);
  const second = await ownByHttp2("/metrics");
  expect(second.status).toBe(200);
  const { requests, receivedBytes } = rig.route();
  for (const { samples } of [readMetrics(await first.text()), readMetrics(second.text)]) {
    const value = (name: string) => [...samples].find(([key]) => key.startsWith(`${name}{`) && key.includes('route="web.localhost"'))?.[1];
    expect(value("kt_route_requests_total")).toBe(requests);
    expect(value("kt_route_received_bytes_total")).toBe(receivedBytes);
    expect(samples.get(sampleKey("kt_profiles", []))).toBe(1);
  }
  expect(requests).toBe(3);
});

describe("without the token", () => {
  test("nothing is readable but whether the hub is well", async () => {
    expect((await own("/metrics")).status).toBe(401);
    expect((await own("/metrics", { Authorization: "Bearer wrong" })).status).toBe(401);
    const health = await own("/health");
    expect([health.status, await health.text()]).toEqual([200, "ok\n"]);
    const start = await own("/");
    expect(start.status).toBe(200);
    expect(await start.text()).not.toContain("web.localhost");
    expect((await own("/api/v1/snapshot")).status).toBe(401);
  });

  test("a name that was made to lead here gets nothing, even with it", async () => {
    const rebound = await rig.fetch("/metrics", { headers: { Host: `evil.example:${rig.httpPort}`, ...signed() } });
    expect(rebound.status).toBe(404);
    expect(await rebound.text()).not.toContain("kt_");
  });

  test("a page of another site is refused before anything is looked at", async () => {
    expect((await own("/health", { Origin: "https://evil.example" })).status).toBe(403);
    expect((await own("/metrics", { ...signed(), Origin: "http://web.localhost" })).status).toBe(403);
  });
});

test("health follows the routes that are in use", async () => {
  rig.startPod("web-0");
  await rig.ask("/");
  rig.endPod("web-0");
  await eventually("the route to fail", () => rig.route().state === "failed");
  expect((await own("/health")).status).toBe(503);
  rig.startPod("web-1");
  await eventually("the route to run", () => rig.route().state === "running");
  expect((await own("/health")).status).toBe(200);
});
