/** Client and server over a real Unix socket: requests, streams, the lease, and what breaks off. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { connect, listen } from "bun";
import { KtError } from "#base/errors.ts";
import { controlLimits } from "#control/limits.ts";
import { type Hello, protocolVersion, type Request } from "#control/api.ts";
import { HubClient } from "#control/client.ts";
import { type ControlSession, ControlServer, type RequestHandler } from "#control/server.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const hello: Hello = { protocol: protocolVersion, version: "1.2.3", commit: "abc", pid: 42 };
let directory: Awaited<ReturnType<typeof tempDir>>;
let path: string;
const servers: ControlServer[] = [];

beforeEach(async () => {
  directory = await tempDir();
  path = `${directory.path}/hub.sock`;
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await directory[Symbol.asyncDispose]();
});

function serve(handle: RequestHandler): void {
  servers.push(new ControlServer({ path, hello, handle }));
}

const detach: Request = { type: "detach" };

describe("thousands of requests of one client", () => {
  const many = 3000;
  const burst = (type: string): string =>
    Array.from({ length: many }, (_, id) => `${JSON.stringify({ id, request: { type } })}\n`).join("");

  /** Sends them all at once, without a look at the answers. */
  async function flood(type: string) {
    return await connect({ unix: path, socket: { data() {}, open: (socket) => void socket.write(burst(type)) } });
  }

  test("keep no other client waiting", async () => {
    let handled = 0;
    const other = Promise.withResolvers<number>();
    const begun = Promise.withResolvers<void>();
    serve((request, _session, reply) => {
      if (request.type === "snapshot") handled += 1;
      else other.resolve(handled);
      begun.resolve();
      reply({ type: "end" });
    });
    const client = await HubClient.connect(path);
    const flooding = await flood("snapshot");
    await begun.promise;
    void client.ask(detach, "detached").catch(() => {});
    expect(await other.promise).toBeLessThan(many / 4);
    flooding.end();
    client.close();
  });

  test("are not all under way at once, and all are answered in the end", async () => {
    let underWay = 0;
    let most = 0;
    let answered = 0;
    const done = Promise.withResolvers<void>();
    serve(async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise<void>((resolve) => setImmediate(resolve));
      underWay -= 1;
      if (++answered === many) done.resolve();
    });
    const flooding = await flood("detach");
    await done.promise;
    expect(most).toBeLessThanOrEqual(controlLimits.controlRequestsAtOnce);
    flooding.end();
  });
});

describe("a request", () => {
  test("gets its reply, and many at once get each their own", async () => {
    serve((request, _, reply) => {
      const file = request.type === "detach" ? (request.profile ?? "") : "";
      queueMicrotask(() => reply({ type: "detached", profiles: [file] }));
    });
    const client = await HubClient.connect(path);
    expect(client.hello).toMatchObject(hello);
    const replies = await Promise.all(["a", "b", "c"].map((profile) => client.ask({ type: "detach", profile }, "detached")));
    expect(replies.map(({ profiles }) => profiles)).toEqual([["a"], ["b"], ["c"]]);
    client.close();
    await client.closed;
  });

  test("that fails rejects with the hub's error, its hints and all", async () => {
    serve(() => Promise.reject(new KtError("profile-invalid", "no good", { hints: ["kt check"] })));
    const client = await HubClient.connect(path);
    const error = await client.ask(detach, "detached").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "profile-invalid", message: "no good", hints: ["kt check"] });
    client.close();
  });

  test("answered with something else is a protocol error", async () => {
    serve((_request, _session, reply) => reply({ type: "end" }));
    const client = await HubClient.connect(path);
    expect(await client.ask(detach, "detached").catch((thrown: KtError) => thrown.code)).toBe("protocol");
    client.close();
  });

  test("of several megabytes arrives whole", async () => {
    const big = "x".repeat(3 * 1024 * 1024);
    serve((request, _, reply) => reply({ type: "detached", profiles: [request.type === "detach" ? (request.profile ?? "") : ""] }));
    const client = await HubClient.connect(path);
    const { profiles } = await client.ask({ type: "detach", profile: big }, "detached");
    expect(profiles[0] === big).toBe(true);
    client.close();
  });
});

test("a stream ends with its end, after every reply before it", async () => {
  serve((_request, _session, reply) => {
    for (const step of ["a", "b"]) reply({ type: "detached", profiles: [step] });
    reply({ type: "end" });
  });
  const client = await HubClient.connect(path);
  const heard: unknown[] = [];
  await client.stream({ type: "logs", follow: false }, (reply) => heard.push(reply));
  expect(heard).toEqual([
    { type: "detached", profiles: ["a"] },
    { type: "detached", profiles: ["b"] },
  ]);
  client.close();
});

describe("the lease", () => {
  test("ends when the client closes", async () => {
    const gone = Promise.withResolvers<void>();
    serve((_request, session, reply) => {
      session.onGone(gone.resolve);
      reply({ type: "end" });
    });
    const client = await HubClient.connect(path);
    await client.stream(detach, () => {});
    client.close();
    await gone.promise;
  });

  test("ends when the client is killed", async () => {
    const gone = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<ControlSession>();
    serve((_request, session) => {
      session.onGone(gone.resolve);
      seen.resolve(session);
    });
    const socket = await connect({ unix: path, socket: { data() {} } });
    socket.write(`${JSON.stringify({ id: 1, request: detach })}\n`);
    await seen.promise;
    socket.terminate();
    await gone.promise;
  });
});

describe("the hub's end", () => {
  test("is announced to every client, and removes the socket", async () => {
    serve(() => {});
    const client = await HubClient.connect(path);
    const asked = client.ask(detach, "detached").catch((thrown: KtError) => thrown.code);
    servers.pop()?.close();
    expect(await client.gone).toEqual({ type: "gone" });
    await client.closed;
    expect(await asked).toBe("hub-unreachable");
    expect(await HubClient.connect(path).catch((thrown: KtError) => thrown.code)).toBe("hub-unreachable");
  });

  test("before it says hello is reported as such", async () => {
    using silent = listen({ unix: path, socket: { open: (socket) => void socket.end(), data() {} } });
    expect(silent.unix).toBe(path);
    expect(await HubClient.connect(path).catch((thrown: KtError) => thrown.code)).toBe("hub-unreachable");
  });
});

test("a hub that says nothing, as one that was stopped, is given up on with the way out", async () => {
  using silent = listen({ unix: path, socket: { data() {} } });
  expect(silent.unix).toBe(path);
  const error = await HubClient.connect(path, 10).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "hub-failed", hints: [`kill -9 $(lsof -t ${path})`] });
});

describe("what is not understood", () => {
  async function answerTo(text: string): Promise<string> {
    serve(() => {});
    const chunks: string[] = [];
    const closed = Promise.withResolvers<void>();
    const socket = await connect({
      unix: path,
      socket: { data: (_, bytes) => void chunks.push(bytes.toString()), close: () => closed.resolve() },
    });
    socket.write(text);
    await closed.promise;
    return chunks.join("");
  }

  test("an unknown request is answered, then hung up on", async () => {
    expect(await answerTo('{"id":1,"request":{"type":"dance"}}\n')).toContain('"code":"protocol"');
  });

  test("a peer whose line is not JSON is disconnected", async () => {
    expect(await answerTo("hello?\n")).not.toContain('"type":"error"');
  });

  test("another protocol version is refused with the way out", async () => {
    servers.push(new ControlServer({ path, hello: { ...hello, protocol: protocolVersion + 1 }, handle: () => {} }));
    const error = await HubClient.connect(path).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "hub-failed", hints: ["kt down --all"] });
  });
});

test("the socket is the user's alone", async () => {
  serve(() => {});
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});
