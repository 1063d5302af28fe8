/** The API of the hub: every answer is what its document says, figures agree, streams resume, and bad input is refused. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { deepEquals } from "bun";
import { Validator } from "@seriousme/openapi-schema-validator";
import fc from "fast-check";
import { type ApiDocument, AnswerCheck } from "#test/support/api-document.ts";
import { readMetrics } from "#test/support/metrics-reader.ts";
import { eventually } from "#test/support/wait.ts";
import { openApi } from "#web/rest/openapi.ts";
import { Rig } from "./rig.ts";

const document = openApi("test") as unknown as ApiDocument;
const check = new AnswerCheck(document);

let rig: Rig;
let token: string;

beforeEach(async () => {
  rig = await Rig.start();
  rig.startPod("web-0");
  token = (await readFile(`${rig.directory}/token`, "utf8")).trim();
});
afterEach(() => rig.close());

const fetchOwn = (path: string, init: RequestInit = {}): Promise<Response> =>
  rig.fetch(path, {
    ...init,
    headers: {
      Host: `kt.localhost:${rig.httpPort}`,
      Authorization: `Bearer ${token}`,
      ...(init.headers as Record<string, string> | undefined),
    },
  });

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what it is, the document says.
  readonly json: any;
}

/** Checked against the document. */
async function call(method: "get" | "post", path: string, input: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
  const query = new URLSearchParams(Object.entries(input).map(([name, value]): [string, string] => [name, String(value)]));
  const response =
    method === "get"
      ? await fetchOwn(`${path}?${query}`)
      : await fetchOwn(path, { method: "POST", body: JSON.stringify(input), headers: { "Content-Type": "application/json" } });
  const json = await response.json();
  expect(check.json(method, path, response.status, json)).toBe("");
  return { status: response.status, json };
}

const file = (): string => `${rig.directory}/tunnels.toml`;
const web = (): { profile: string; route: string } => ({ profile: file(), route: "web.localhost" });

test("its document is valid OpenAPI, and the hub serves it", async () => {
  const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)));
  expect([valid, errors]).toEqual([true, undefined]);
  const served = (await (await fetchOwn("/api/openapi.json")).json()) as ApiDocument;
  expect(served.paths).toEqual(JSON.parse(JSON.stringify(document.paths)));
});

test("known requests are the same in the status, the metrics, the list of requests and the history", async () => {
  for (const path of ["/a?secret=1", "/b", "/c"]) await rig.ask(path);
  const { status, json: snapshot } = await call("get", "/api/v1/snapshot");
  expect(status).toBe(200);
  const shown = snapshot.profiles[0].routes.find(({ name }: { name: string }) => name === "web.localhost");
  const { json: listed } = await call("get", "/api/v1/routes", { name: "web.localhost" });
  expect(listed.routes).toEqual([{ profile: file(), ...shown }]);
  const { json: found } = await call("get", "/api/v1/requests", web());
  const bytes = found.requests.map(({ receivedBytes }: { receivedBytes: number }) => receivedBytes).reduce((a: number, b: number) => a + b);
  expect(found.requests.map(({ path, status: code }: { path: string; status: number }) => [path, code])).toEqual([
    ["/a", 200],
    ["/b", 200],
    ["/c", 200],
  ]);
  expect([shown.requests, shown.responses, shown.receivedBytes]).toEqual([3, { "2xx": 3 }, bytes]);
  const { samples } = readMetrics(await (await fetchOwn("/metrics")).text());
  const sample = (name: string, more = ""): number | undefined =>
    [...samples].find(([key]) => key.startsWith(`${name}{`) && key.includes('"web.localhost"') && key.includes(more))?.[1];
  expect(sample("kt_route_requests_total", 'class="2xx"')).toBe(3);
  expect(sample("kt_route_received_bytes_total")).toBe(bytes);
  expect(sample("kt_route_request_duration_seconds_count")).toBe(3);
  expect(sample("kt_route_connections_total")).toBe(shown.totalConnections);
  await eventually("the seconds to be over", async () => {
    const { json: history } = await call("get", "/api/v1/history", { ...web(), steps: 30 });
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    const { json: ofAll } = await call("get", "/api/v1/history", { steps: 30 });
    expect(ofAll.requests.length).toBe(30);
    return [history, ofAll].every(({ requests, receivedBytes }) => sum(requests) === 3 && sum(receivedBytes) === bytes);
  });
  expect((await call("get", "/api/v1/history", { profile: file() })).status).toBe(400);
});

test("explains, attaches and detaches as the commands do", async () => {
  const { json: explained } = await call("get", "/api/v1/explain", { subject: "web.localhost" });
  expect(explained.steps.map(({ step }: { step: string }) => step)).toContain("pods");
  expect((await call("post", "/api/v1/detach", { profile: file() })).json).toEqual({ profiles: [file()] });
});

test("a route is stopped, started and connected anew, and its pods are shown", async () => {
  await rig.ask("/");
  expect((await call("post", "/api/v1/stop", web())).json).toEqual({ done: true });
  expect((await rig.ask("/")).status).toBe(503);
  expect(rig.route().state).toBe("stopped");
  await call("post", "/api/v1/start", web());
  await call("post", "/api/v1/reconnect", web());
  expect((await rig.ask("/")).status).toBe(200);
  const { json } = await call("get", "/api/v1/pods", web());
  expect(json.pods.map(({ name, state }: { name: string; state: string }) => [name, state])).toEqual([["web-0", "ready"]]);
  expect((await call("post", "/api/v1/stop", { ...web(), route: "none" })).status).toBe(404);
});

test("a profile that is attached by it stays, and what cannot be attached says why", async () => {
  const { status, json } = await call("post", "/api/v1/attach", { file: file() });
  expect([status, json.profile]).toEqual([200, file()]);
  const missing = await call("post", "/api/v1/attach", { file: "/none/tunnels.toml" });
  expect([missing.status, missing.json.error.code]).toEqual([404, "profile-not-found"]);
});

describe("a request that is sent again", () => {
  const replay = (more: Readonly<Record<string, unknown>> = {}): Promise<Answer> =>
    call("post", "/api/v1/replay", { ...web(), name: "web.localhost", method: "GET", path: "/again?x=1", ...more });

  test("goes through the front door, and says what came back", async () => {
    const { status, json } = await replay({ name: "web.localhost:80" });
    expect([status, json.status, json.isCut]).toEqual([200, 200, false]);
    expect(json.body.length).toBeGreaterThan(0);
    const { json: found } = await call("get", "/api/v1/requests", web());
    expect(found.requests.map(({ method, path }: { method: string; path: string }) => [method, path])).toEqual([["GET", "/again"]]);
  });

  test("may change something only when that is confirmed", async () => {
    const { status, json } = await replay({ method: "POST", body: "{}", contentType: "application/json" });
    expect([status, json.error.message]).toEqual([400, 'POST may change something: it is only sent again with "confirmed": true']);
    expect(rig.route().requests).toBe(0);
    expect((await replay({ method: "POST", body: "{}", contentType: "application/json", confirmed: true })).json.status).toBe(200);
    expect((await replay({ method: "HEAD" })).json).toMatchObject({ status: 200, body: "" });
  });

  test.each([
    { path: "no-slash" },
    { path: "/a b" },
    { path: "/a\r\nX: y" },
    { method: "GET /" },
    { method: "CONNECT", confirmed: true },
    { name: "web.localhost\r\nX: y" },
    { contentType: "a\r\nb" },
    { route: "127.0.0.1:1", name: "x" },
  ])("is refused as %p", async (more) => {
    expect((await replay(more)).status).toBeOneOf([400, 404]);
    expect(rig.route().requests).toBe(0);
  });

  test("is cut where its answer is long", async () => {
    const { json } = await replay({ path: "/big" });
    expect(json.isCut ? json.body.length : 0).toBe(128 * 1024);
  });
});

describe("requests of all routes", () => {
  test("are listed together, without those of kt's own pages", async () => {
    await rig.ask("/a");
    const { json } = await call("get", "/api/v1/requests");
    expect(json.requests.map(({ path }: { path: string }) => path)).toEqual(["/a"]);
    expect((await call("get", "/api/v1/requests", { profile: file() })).status).toBe(400);
  });

  test("come as events when they end", async () => {
    const response = await fetchOwn("/api/v1/requests", { headers: { Accept: "text/event-stream" } });
    await rig.ask("/one");
    await rig.ask("/two");
    const paths: string[] = [];
    for await (const { event, data } of eventsOf(response)) {
      expect([event, check.event("/api/v1/requests", data)]).toEqual(["requests", ""]);
      paths.push(...(data as { requests: { path: string }[] }).requests.map(({ path }) => path));
      if (paths.length === 2) break;
    }
    expect(paths).toEqual(["/one", "/two"]);
  });
});

describe("what is not valid", () => {
  const post = (path: string, body: string | Uint8Array, type = "application/json"): Promise<Response> =>
    fetchOwn(path, { method: "POST", body, headers: { "Content-Type": type } });

  test.each([
    ["/api/v1/attach", "{", 400],
    ["/api/v1/attach", "[]", 400],
    ["/api/v1/attach", '{"file": "tunnels.toml"}', 400],
    ["/api/v1/attach", '{"file": "/a", "more": 1}', 400],
    ["/api/v1/detach", '{"profile": 1}', 400],
    ["/api/v1/detach", "[]", 400],
    ["/api/v1/detach", "null", 400],
    ["/api/v1/snapshot", "{}", 405],
    ["/api/openapi.json", "{}", 405],
    ["/api/v2/detach", "{}", 404],
    ["/api", "{}", 404],
  ])("as a body of %s: %p", async (path, body, status) => {
    const response = await post(path, body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { message: expect.any(String) } });
  });

  test("as a body of 300 KiB, or of 2 MiB", async () => {
    for (const bytes of [300 * 1024, 2 * 1024 * 1024]) expect((await post("/api/v1/detach", " ".repeat(bytes))).status).toBe(413);
  });

  test("as one without the token, whatever it accepts: the answer is JSON", async () => {
    for (const path of ["/api/v1/snapshot", "/api/openapi.json", "/api/none", "/mcp"]) {
      const response = await fetchOwn(path, { headers: { Authorization: "", Accept: "text/html" } });
      expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([401, "token-required"]);
    }
  });

  test("as another type: a form of a page could send it", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", ""]) {
      expect((await post("/api/v1/detach", "{}", type)).status).toBe(415);
    }
    expect(rig.route().name).toBe("web.localhost");
  });

  test.each([
    ["/api/v1/requests?profile=a", 400],
    ["/api/v1/requests?profile=a&route=b&limit=0", 400],
    ["/api/v1/requests?profile=a&route=b&limit=x", 400],
    ["/api/v1/requests?profile=a&route=b", 404],
    ["/api/v1/history?profile=a&route=b&stepSeconds=7", 400],
    ["/api/v1/explain?subject=", 400],
    ["/api/v1/snapshot?x=1", 400],
    ["/api/v1/detach", 405],
    ["/api/v1/nothing", 404],
  ])("as a query: %s", async (path, status) => {
    const response = await fetchOwn(path);
    expect([response.status, response.headers.get("content-type")]).toEqual([status, "application/json"]);
  });

  test("is never an internal error, nor an answer that the document does not have", async () => {
    const paths = Object.entries(document.paths);
    const anything = fc.oneof(fc.json(), fc.string({ maxLength: 50 }), fc.constant('{"profile":"/none"}'));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        anything,
        fc.webQueryParameters({ size: "xsmall" }),
        async ([path, operations], body, query) => {
          const [method = "get"] = Object.keys(operations);
          if (path === "/api/v1/watch" || path === "/api/v1/events") return;
          const response = method === "get" ? await fetchOwn(`${path}?${query}`) : await post(path, body);
          expect(response.status).toBeLessThan(500);
          expect(check.json(method, path, response.status, await response.json())).toBe("");
        },
      ),
      { numRuns: 150 },
    );
  });
});

/** The events of a stream as they come. */
async function* eventsOf(response: Response): AsyncGenerator<{ id: string; event: string; data: unknown }> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const fields = Object.fromEntries(
        text
          .slice(0, end)
          .split("\n")
          .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
      );
      text = text.slice(end + 2);
      if (fields["event"] !== undefined)
        yield { id: fields["id"] ?? "", event: fields["event"], data: JSON.parse(fields["data"] ?? "null") };
    }
  }
}

describe("events", () => {
  const open = (headers: Record<string, string> = {}): Promise<Response> =>
    fetchOwn("/api/v1/events", { headers: { Accept: "text/event-stream", ...headers } });

  test("are those of kt logs, and a client that comes again gets what it missed and nothing twice", async () => {
    const first = await open();
    expect(first.headers.get("content-type")).toBe("text/event-stream");
    let last = "";
    for await (const { id, event, data } of eventsOf(first)) {
      expect(check.event("/api/v1/events", data)).toBe("");
      last = id;
      if (event === "listener") break;
    }
    const listed = (await call("get", "/api/v1/events")).json.events;
    await rig.ask("/");
    const seen: unknown[] = [];
    for await (const { event, data } of eventsOf(await open({ "Last-Event-ID": last }))) {
      expect(event).not.toBe("gap");
      seen.push(data);
      if (event === "tunnel-phase" && (data as { event: { phase: string } }).event.phase === "running") break;
    }
    const all = (await call("get", "/api/v1/events")).json.events;
    const from = all.findIndex((each: unknown) => deepEquals(each, seen[0]));
    expect(all.slice(from, from + seen.length)).toEqual(seen);
    expect(from).toBeLessThanOrEqual(listed.length);
    expect(all[from - 1].event.type).toBe("listener");
  });

  test("of another hub are a gap, and then all that there are", async () => {
    for await (const { event, data } of eventsOf(await open({ "Last-Event-ID": "other-5" }))) {
      expect([event, data]).toEqual(["gap", { after: "other-5" }]);
      break;
    }
  });
});

test("a watch begins with the whole status, and goes on with what changes", async () => {
  const response = await fetchOwn("/api/v1/watch");
  let [isFirst, asked]: [boolean, Promise<unknown> | undefined] = [true, undefined];
  for await (const { event, data } of eventsOf(response)) {
    expect(event).toBe("changes");
    expect(check.event("/api/v1/watch", data)).toBe("");
    const changes = data as { isAnew: boolean; routes: { route: { name: string; requests: number } }[] };
    expect(changes.isAnew).toBe(isFirst);
    if (isFirst) asked = rig.ask("/");
    isFirst = false;
    if (changes.routes.some(({ route }) => route.name === "web.localhost" && route.requests === 1)) break;
  }
  // The hub of a test that does not wait for its requests ends under them.
  await asked;
});
