/** What the hub does when pods, streams, watches, permissions, credentials or the API server itself fail, and when they are back. */

import { afterEach, expect, test } from "bun:test";
import { chmod, rm, writeFile } from "node:fs/promises";
import type { ApiServer } from "#demo/api-server.ts";
import { fastClock } from "#test/support/fast-clock.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";
import { namespace, Rig, type RigOptions } from "./rig.ts";

let rig: Rig;

async function start(options: RigOptions = {}): Promise<Rig> {
  rig = await Rig.start(options);
  return rig;
}

afterEach(async () => await rig.close());

test("a pod that is replaced: the next request is answered by the other", async () => {
  await start();
  for (let round = 0; round < 10; round++) {
    const name = `web-${round}`;
    rig.startPod(name);
    if (round > 0) rig.endPod(`web-${round - 1}`);
    expect(await rig.ask()).toEqual({ status: 200, text: name });
    expect(await rig.ask()).toEqual({ status: 200, text: name });
  }
});

test("a pod that ends while clients request in a loop: only what was in flight there may fail, readably", async () => {
  await start();
  rig.startPod("web-1");
  rig.startPod("web-2");
  let over = false;
  const answers: { status: number; text: string }[] = [];
  const clients = Array.from({ length: 20 }, async () => {
    while (!over) answers.push(await rig.ask());
  });
  const more = (count: number): Promise<unknown> => {
    const wanted = answers.length + count;
    return eventually(`${count} more answers`, () => answers.length >= wanted);
  };
  await more(100);
  rig.endPod("web-1");
  await more(200);
  over = true;
  await Promise.all(clients);
  const failed = answers.filter(({ status }) => status !== 200);
  expect(failed.every(({ status, text }) => status === 502 && text.startsWith("kt: error: "))).toBe(true);
  expect(failed.length).toBeLessThanOrEqual(20);
  expect(answers.slice(-20).every(({ text }) => text === "web-2")).toBe(true);
});

test("a pod that is not ready yet: the request waits for it", async () => {
  await start();
  rig.startPod("web-1", { ready: false });
  let answered = false;
  const waiting = rig.ask().finally(() => {
    answered = true;
  });
  await eventually("the hub to watch", () => rig.api.openWatches > 0);
  expect(answered).toBe(false);
  rig.setReady("web-1", true);
  expect(await waiting).toEqual({ status: 200, text: "web-1" });
});

test("no pod at all: 503 with Retry-After and the reason, until there is one", async () => {
  await start({ clock: fastClock(10) });
  const refused = await rig.fetch();
  expect([refused.status, refused.headers.has("Retry-After")]).toEqual([503, true]);
  expect(await refused.text()).toContain('service "shop/web"');
  rig.startPod("web-1");
  expect(await rig.ask()).toEqual({ status: 200, text: "web-1" });
  rig.endPod("web-1");
  expect((await rig.ask()).status).toBe(503);
});

test("a port that nothing listens on: a 502 that names it", async () => {
  await start();
  rig.api.cluster.setPod({
    namespace,
    name: "deaf",
    labels: { app: "web" },
    containerPorts: [{ name: "http", containerPort: 8080 }],
    backends: new Map(),
  });
  const { status, text } = await rig.ask();
  expect(status).toBe(502);
  expect(text).toContain('pod "deaf" refused the connection to port 8080');
});

test("a reset stream ends its connection alone", async () => {
  await start();
  rig.startPod("web-1");
  const response = await rig.fetch("/endless");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  rig.api.resetStreams();
  const end = await reader.read().then(
    ({ done }) => (done ? "ended" : "more"),
    () => "broken",
  );
  expect(end).toBe("broken");
  expect(await rig.ask()).toEqual({ status: 200, text: "web-1" });
});

test("every connection to the API server is reset: the next request is answered over new ones", async () => {
  await start();
  rig.startPod("web-1");
  for (let round = 0; round < 5; round++) {
    expect((await rig.ask()).text).toBe("web-1");
    rig.api.dropConnections();
  }
  expect((await rig.ask()).text).toBe("web-1");
});

test("the API server goes and comes back: the hub lives, says so, and serves again", async () => {
  await start({ clock: fastClock(10) });
  rig.startPod("web-1");
  expect((await rig.ask()).text).toBe("web-1");
  rig.api.stop();
  const refused = await rig.ask();
  expect([502, 503]).toContain(refused.status);
  expect(refused.text).toContain("127.0.0.1");
  rig.endPod("web-1");
  rig.startPod("web-2");
  rig.api.start();
  expect(await rig.ask()).toEqual({ status: 200, text: "web-2" });
});

test("bytes vanish without a reset: it is noticed and healed", async () => {
  const clock = fastClock(10);
  await start({ clock });
  rig.startPod("web-1");
  expect((await rig.ask()).text).toBe("web-1");
  const idle = await RawClient.open(rig.tcpPort("echo"));
  idle.write("x");
  await idle.readUntil("x");
  rig.api.freeze();
  rig.api.thaw();
  const frozenMs = clock.now();
  expect((await rig.ask()).text).toBe("web-1");
  await idle.whenClosed();
  // 5 s until a silent session is pinged, 10 s for the answer, a beat, and what a busy machine adds at ten times the speed.
  expect(clock.now() - frozenMs).toBeLessThan(20_000);
});

test.each([[["expired", "error", "cut"]], [["cut", "cut", "expired"]]] as const)(
  "watches that fail with %p: changes are still heard of",
  async (faults) => {
    await start({ clock: fastClock(20) });
    rig.api.failNextWatch(...faults);
    rig.startPod("web-1");
    expect((await rig.ask()).text).toBe("web-1");
    await eventually("the watches to have failed", () => rig.api.watchFaultsLeft === 0);
    rig.startPod("web-2");
    rig.endPod("web-1");
    expect((await rig.ask()).text).toBe("web-2");
  },
);

test("a watch that ends, after changes that are forgotten: the list is read again", async () => {
  // Faster, and the time that a pod is waited for would be over before a busy machine has read the list.
  await start({ clock: fastClock(5) });
  rig.startPod("web-1");
  expect((await rig.ask()).text).toBe("web-1");
  rig.api.stop();
  rig.startPod("web-2");
  rig.endPod("web-1");
  rig.api.cluster.store.compact();
  rig.api.start();
  expect((await rig.ask()).text).toBe("web-2");
});

test("forwarding is forbidden: the verb and the resource are named", async () => {
  await start();
  rig.startPod("web-1");
  rig.api.access.forbid("create", "pods/portforward");
  rig.api.access.forbid("get", "pods/portforward");
  const { status, text } = await rig.ask();
  expect(status).toBe(502);
  expect(text).toMatch(/(create|get)/);
  expect(text).toContain("pods/portforward");
  rig.api.access.allowAgain();
  expect((await rig.ask()).text).toBe("web-1");
});

test.each(["create", "get"])("forwarding with %s forbidden alone", async (verb) => {
  await start();
  rig.startPod("web-1");
  rig.api.access.forbid(verb, "pods/portforward");
  const { status, text } = await rig.ask();
  // POST needs create alone; a GET needs both.
  if (verb === "get") expect([status, text]).toEqual([200, "web-1"]);
  else expect([status, text.includes("create") && text.includes("pods/portforward")]).toEqual([502, true]);
});

test.each(["list", "watch"])("to %s endpointslices is forbidden: pods are found all the same", async (verb) => {
  await start({ clock: fastClock(20) });
  rig.startPod("web-1");
  rig.api.access.forbid(verb, "endpointslices");
  expect((await rig.ask()).text).toBe("web-1");
  rig.startPod("web-2");
  rig.endPod("web-1");
  expect(await eventually("the other pod", async () => (await rig.ask()).text === "web-2")).toBe(true);
});

test("to get services is forbidden: the verb and the resource are named", async () => {
  await start();
  rig.startPod("web-1");
  for (const verb of ["get", "list", "watch"]) rig.api.access.forbid(verb, "services");
  const { status, text } = await rig.ask();
  expect(status).toBe(502);
  expect(text).toContain("services");
});

/** A kubeconfig whose credential plugin prints what is in a file, and counts its runs. */
async function pluginKubeconfig(api: ApiServer, directory: string): Promise<string> {
  const script = `#!/bin/sh
echo run >> "${directory}/runs"
token=$(cat "${directory}/login") || { echo "please log in again" >&2; exit 1; }
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'"$token"'"}}'
`;
  await writeFile(`${directory}/plugin`, script);
  await chmod(`${directory}/plugin`, 0o700);
  await writeFile(`${directory}/login`, "first");
  const config: { users: { user: object }[] } = JSON.parse(api.kubeconfig({ namespace }));
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: `${directory}/plugin`, interactiveMode: "Never" };
  for (const entry of config.users) entry.user = { exec };
  return JSON.stringify(config);
}

test("a token that expires: the plugin runs again, and the request goes on", async () => {
  await start({ kubeconfig: pluginKubeconfig });
  rig.api.access.requireToken((token) => (token === "first" ? "demo" : undefined));
  rig.startPod("web-1");
  expect((await rig.ask()).text).toBe("web-1");
  await writeFile(`${rig.directory}/login`, "second");
  rig.api.access.requireToken((token) => (token === "second" ? "demo" : undefined));
  rig.api.dropConnections();
  expect((await rig.ask()).text).toBe("web-1");
});

test("a plugin that fails: its own words are shown", async () => {
  await start({ kubeconfig: pluginKubeconfig });
  rig.api.access.requireToken(() => undefined);
  await rm(`${rig.directory}/login`);
  rig.startPod("web-1");
  const { status, text } = await rig.ask();
  expect(status).toBe(502);
  expect(text).toContain("please log in again");
});

test("no client connects for a while: the tunnel closes, and opens again on use; an open connection is never idle", async () => {
  await start({ clock: fastClock(20), settings: 'idle_timeout = "5s"' });
  rig.startPod("web-1");
  const open = await RawClient.open(rig.tcpPort("echo"));
  open.write("a");
  await open.readUntil("a");
  expect((await rig.ask()).text).toBe("web-1");
  await eventually("the tunnel to go idle", () => rig.route().state === "idle");
  open.write("b");
  await open.readUntil("ab");
  expect((await rig.ask()).text).toBe("web-1");
  open.abort();
  await eventually("all sessions to close", () => rig.api.openForwards === 0);
  expect((await rig.ask()).text).toBe("web-1");
});
