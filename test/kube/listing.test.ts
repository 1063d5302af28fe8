/** Tests that lists are read in pages, and that nothing a server sends without an end fills the memory. */

import { describe, expect, test } from "bun:test";
import { systemClock } from "#base/clock.ts";
import { httpLimits } from "#http/limits.ts";
import { kubeLimits } from "#kube/limits.ts";
import { silentLog } from "#base/log.ts";
import { Api } from "#kube/api/api.ts";
import { CappedBytes, TooLong } from "#base/capped-bytes.ts";
import { Connection } from "#kube/api/connection.ts";
import { loadContext } from "#kube/api/context-source.ts";
import { FileCache } from "#kube/config/files.ts";
import { type Listed, listAll } from "#kube/api/listing.ts";
import type { KtError } from "#base/errors.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { type RawConnection, rawServer } from "./raw-server.ts";
import { type Asked, Harness, list, ScriptedApi, shown, writeKubeconfig } from "./scripted-api.ts";

const { signal } = new AbortController();
const path = "/api/v1/namespaces/shop/pods";
const access = { verb: "list", resource: "pods", group: "", namespace: "shop" } as const;

/** The names of all pods, as a server lists them. */
async function namesFrom(server: string): Promise<Listed<string> | KtError> {
  await using folder = await tempDir();
  await writeKubeconfig(`${folder.path}/config`, server);
  const cache = new FileCache();
  const environment = {};
  const config = loadContext({ kubeconfig: [`${folder.path}/config`], context: undefined, environment }, cache);
  const connection = new Connection({ config, environment, cache, clock: systemClock, log: silentLog });
  const api = new Api({ connection: () => connection, clock: systemClock, onReachable() {} });
  const pick = ({ metadata }: { readonly metadata?: { readonly name?: string } }): string => metadata?.name ?? "";
  return await listAll({ api, path, query: { labelSelector: "a=b" }, access, pick }, signal).catch((error: KtError) => error);
}

const page = (names: readonly string[], more: string): Response =>
  Response.json({
    metadata: { resourceVersion: `after ${names.at(-1)}`, continue: more },
    items: names.map((name) => ({ metadata: { name } })),
  });

describe("a list", () => {
  test("is read page by page, to its end", async () => {
    const pages = [page(["a", "b"], "two"), page(["c"], "three"), page(["d"], "")];
    await using api = new ScriptedApi(() => pages.shift());
    expect(await namesFrom(api.url)).toEqual({ items: ["a", "b", "c", "d"], version: "after d" });
    expect(api.asked.map(({ query }) => Object.fromEntries(query))).toEqual([
      { labelSelector: "a=b", limit: "500" },
      { labelSelector: "a=b", limit: "500", continue: "two" },
      { labelSelector: "a=b", limit: "500", continue: "three" },
    ]);
  });

  test.each([{}, "pods", 7])("whose items are %j is reported as not a list", async (items) => {
    await using api = new ScriptedApi(() => Response.json({ metadata: {}, items }));
    expect(await namesFrom(api.url)).toMatchObject({ code: "cluster-error", message: expect.stringContaining("is not a list") });
  });

  test("of large objects is read in smaller pages", async () => {
    const large = "x".repeat(httpLimits.apiAnswerBytes / 100);
    await using api = new ScriptedApi(({ query }) => {
      const count = Math.min(200, Number(query.get("limit")));
      const items = Array.from({ length: count }, (_, at) => ({ metadata: { name: `p${at}` }, large }));
      return Response.json({ metadata: { resourceVersion: "7" }, items });
    });
    expect(await namesFrom(api.url)).toMatchObject({ version: "7", items: expect.objectContaining({ length: 50 }) });
    expect(api.asked.map(({ query }) => query.get("limit"))).toEqual(["500", "50"]);
  });

  test("without an end is given up", async () => {
    const names = Array.from({ length: kubeLimits.apiPageItems }, (_, at) => `p${at}`);
    await using api = new ScriptedApi(() => page(names, "more"));
    expect(await namesFrom(api.url)).toMatchObject({
      code: "cluster-error",
      message: expect.stringMatching(/^the list of pods has no end: gave up after \d+ of them$/),
    });
    expect(api.asked.length).toBe(kubeLimits.apiListItems / kubeLimits.apiPageItems + 1);
  });
});

/** Writes the piece again and again for as long as it is taken; `sent` counts. */
function flood(head: string, piece: Uint8Array) {
  const sent = { bytes: 0 };
  const server = rawServer(({ socket }: RawConnection) => {
    socket.write(head);
    let at = 0;
    const more = (): void => {
      for (let written = 1; written > 0; sent.bytes += Math.max(0, written)) {
        written = socket.write(piece.subarray(at % piece.length));
        at += Math.max(0, written);
      }
      if (socket.readyState > 0) setImmediate(more);
    };
    more();
  });
  return { server, sent, url: `http://127.0.0.1:${server.port}` };
}

const tooLong = `the answer is longer than ${httpLimits.apiAnswerBytes} bytes`;
const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

describe("an answer without an end", () => {
  test.each([
    ["in one body", "HTTP/1.1 200 OK\r\n\r\n", new Uint8Array(64 * 1024).fill(32), tooLong],
    ["in chunks", chunked, Buffer.from(`10000\r\n${" ".repeat(65536)}\r\n`), tooLong],
    [
      "that says how long it will be",
      "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
      new Uint8Array(64 * 1024).fill(32),
      tooLong,
    ],
    ["in its head", "HTTP/1.1 200 OK\r\n", Buffer.from(`X: ${"x".repeat(1000)}\r\n`), "the answer's head is too long"],
    ["in the line of a chunk", chunked, Buffer.from("0".repeat(1000)), "reading the answer: a line of its framing is too long"],
    ["of a refusal", "HTTP/1.1 500 Broken\r\n\r\n", new Uint8Array(64 * 1024).fill(32), tooLong],
  ])("%s is refused", async (_, head, piece, message) => {
    const { server, url, sent } = flood(head, piece);
    using _server = server;
    expect(await namesFrom(url)).toMatchObject({ code: "cluster-error", message });
    // For each size of a page; what the sockets hold is sent as well.
    expect(sent.bytes).toBeLessThan(4 * (httpLimits.apiAnswerBytes + 32 * 1024 * 1024));
  });
});

const isWatch = ({ query }: Asked): boolean => query.get("watch") === "1";

describe("a watch", () => {
  test("with an event without an end is begun again", async () => {
    await using api = new ScriptedApi((asked) => (isWatch(asked) ? undefined : list([])));
    await using harness = await Harness.open(api);
    const { changes } = harness.follow({ kind: "pod", name: "a" });
    await changes.next();
    const { script } = await api.watches.next();
    const piece = " ".repeat(1024 * 1024);
    for (let sent = 0; sent <= kubeLimits.watchEventBytes; sent += piece.length) script.sendRaw(piece);
    await script.cancelled;
    expect(shown(await changes.next())).toBe(
      `failed cluster-error: an event of a watch is longer than ${kubeLimits.watchEventBytes} bytes`,
    );
    await api.watches.next();
  });

  test("that adds objects without an end is begun anew, with a list", async () => {
    await using api = new ScriptedApi((asked) => (isWatch(asked) ? undefined : list([])));
    await using harness = await Harness.open(api);
    const { changes } = harness.follow({ kind: "pod", name: "a" });
    await changes.next();
    const { script } = await api.watches.next();
    const event = `${JSON.stringify({ type: "ADDED", object: { metadata: { name: "a" } } })}\n`;
    script.sendRaw(event.repeat(kubeLimits.apiListItems + 1));
    await script.cancelled;
    expect(shown(await changes.next())).toStartWith("coming");
    expect(shown(await changes.next())).toBe('failed cluster-error: watching pods in namespace "shop" has no end');
    await api.watches.next();
    expect(api.requests(/pods$/).filter((asked) => !isWatch(asked)).length).toBe(2);
  });
});

test("bytes are collected up to their cap, piece by piece", () => {
  const bytes = new CappedBytes(10, "it");
  for (const letter of "äbc") bytes.add(Buffer.from(letter));
  expect([bytes.length, bytes.takeText(), bytes.length]).toEqual([4, "äbc", 0]);
  bytes.add(Buffer.from("0123456789"));
  expect(() => bytes.add(Buffer.from("x"))).toThrow(TooLong);
  expect(bytes.takeText()).toBe("0123456789");
});
