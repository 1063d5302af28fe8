/** The hub as its clients meet it: over the real socket and real ports, with a cluster in memory and a clock that tests move. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { connect, listen } from "bun";
import { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { daemonLimits } from "#daemon/limits.ts";
import { filePollMs } from "#native/file-watch.ts";
import { silentLog } from "#base/log.ts";
import type { OpenClusterOptions } from "#kube/kube-cluster.ts";
import type { Reply, RouteStatus, Snapshot } from "#control/api.ts";
import { HubClient } from "#control/client.ts";
import type { CheckContext } from "#daemon/plans/contexts.ts";
import { Hub } from "#daemon/hub.ts";
import type { Providers } from "#daemon/providers.ts";
import { takeLock } from "#daemon/process/lock.ts";
import { loadPlan } from "#profile/load.ts";
import { Relays } from "#tunnel/relay/relays.ts";
import { Tunnels } from "#tunnel/tunnels.ts";
import { FakeCluster, type PodServer } from "#test/support/fake-cluster.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { freePorts } from "#test/support/process.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";

let directory: Awaited<ReturnType<typeof tempDir>>;
let clock: ManualClock;
let cluster: FakeCluster;
let port: number;
let tcpPort: number;
const hubs: Hub[] = [];
/** How clusters were opened, in turn. */
let opened: OpenClusterOptions[];
let checkContext: CheckContext;
/** Runs between the reading of a profile and its use. */
let onLoaded: () => Promise<void>;

/** Answers every request with its pod's name. */
function answering(name: string): PodServer {
  return (connection) => {
    connection.onData = () =>
      connection.write(new TextEncoder().encode(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`));
    connection.onEnd = () => connection.end();
  };
}

beforeEach(async () => {
  directory = await tempDir();
  clock = new ManualClock();
  cluster = new FakeCluster();
  opened = [];
  onLoaded = async () => {};
  checkContext = () => undefined;
  cluster.setPod("web-0", answering("web-0"));
  cluster.ready("web-0");
  [port = 0, tcpPort = 0] = freePorts(2);
});
afterEach(async () => {
  for (const hub of hubs.splice(0)) await hub.stop(0);
  await directory[Symbol.asyncDispose]();
});

async function startHub(place = directory.path): Promise<Hub | undefined> {
  const providers: Providers = {
    async load(file, environment) {
      const loaded = await loadPlan({ file, environment, home: "/home/me" });
      await onLoaded();
      return loaded;
    },
    prepare: () => Promise.resolve(),
    openCluster(options) {
      opened.push(options);
      return cluster;
    },
    checkContext: (view, context) => checkContext(view, context),
    relays: (options) => new Relays(options),
    tunnels: (options) => new Tunnels(options),
  };
  const hub = await Hub.start({ directory: place, version: "1", commit: "c", log: silentLog, lingers: true, providers, clock });
  if (hub) hubs.push(hub);
  return hub;
}

function client(place = directory.path): Promise<HubClient> {
  return HubClient.connect(`${place}/hub.sock`);
}

async function profile(name: string, rest: string): Promise<string> {
  const file = `${directory.path}/${name}.toml`;
  await writeFile(file, `name = "${name}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n${rest}\n`);
  return file;
}

async function attach(to: HubClient, file: string, pin = false, environment = {}): Promise<string> {
  return (await to.ask({ type: "attach", file, environment, pin }, "attached")).profile;
}

async function get(host: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { Host: host }, keepalive: false });
  return `${response.status} ${response.status === 200 ? await response.text() : ""}`.trim();
}

/** A connection to the front door that stays. */
async function openHttp(host: string) {
  let answer = Promise.withResolvers<string>();
  const socket = await connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: (_, bytes) => answer.resolve(bytes.toString()), close: () => answer.resolve("closed") },
  });
  const ask = (to: string): Promise<string> => {
    answer = Promise.withResolvers();
    socket.write(`GET / HTTP/1.1\r\nHost: ${to}\r\n\r\n`);
    return answer.promise;
  };
  await ask(host);
  return { ask, [Symbol.dispose]: () => void socket.end() };
}

async function snapshotOf(of: HubClient): Promise<Snapshot> {
  return await of.snapshot();
}

function routesOf(snapshot: Snapshot, name: string): RouteStatus[] {
  return snapshot.profiles.find((each) => each.name === name)?.routes ?? [];
}

/** Says that a context is missing for as long as the file is empty. */
const presentIn =
  (path: string): CheckContext =>
  (_view, context) =>
    readFileSync(path, "utf8") === "" ? new KtError("context-unknown", `there is no context "${context}"`) : undefined;

const web = '[routes]\n"web.localhost" = "svc/web:80"\n';

describe("a route whose context the kubeconfig lacks", () => {
  test("is failed at once, with one reason, until the file is mended", async () => {
    const kubeconfig = `${directory.path}/config`;
    await writeFile(kubeconfig, "");
    checkContext = presentIn(kubeconfig);
    await startHub();
    const up = await client();
    const file = await profile("shop", `${web}[tcp]\n${tcpPort} = "svc/db:5432"\n`);
    await writeFile(file, `kubeconfig = "${kubeconfig}"\ncontext = "dve"\n${await readFile(file, "utf8")}`);
    await attach(up, file, true);
    const states = async (): Promise<string[]> => routesOf(await snapshotOf(up), "shop").map(({ state }) => state);
    expect(await states()).toEqual(["failed", "failed"]);
    expect(routesOf(await snapshotOf(up), "shop")[0]?.problem).toEqual({
      code: "context-unknown",
      message: 'there is no context "dve"',
      hints: [],
      sinceMs: clock.wallMs(),
    });
    await writeFile(kubeconfig, "mended");
    await eventually("the routes to be as if nothing had been", async () => {
      await clock.advance(filePollMs);
      return (await states()).every((state) => state === "idle");
    });
    up.close();
  });

  test("is a warning of the profile where no route shows it", async () => {
    checkContext = () => new KtError("context-unknown", "it is not there");
    await startHub();
    const up = await client();
    const file = await profile("shop", "");
    await writeFile(file, `context = "dve"\n${await readFile(file, "utf8")}`);
    const attached = await up.ask({ type: "attach", file, environment: {}, pin: false }, "attached");
    expect(attached.warnings).toEqual(["it is not there"]);
    up.close();
  });
});

describe("names that no profile has", () => {
  const name = (context: string, start = "web-80.svc.shop"): string => `${start}.ns.${context}.cx.k8s.localhost`;

  test("reach the current context, and others once the profile names them", async () => {
    await startHub();
    const up = await client();
    const file = await profile("shop", "");
    await attach(up, file);
    expect(await get(name("fake"))).toBe("200 web-0");
    expect(await get(name("prod"))).toBe("403");
    const steps = (await up.ask({ type: "explain", subject: name("prod") }, "steps")).steps;
    expect(steps.map(({ verdict }) => verdict)).toContain('a dynamic name reaches for context "prod", which this profile does not name');
    await writeFile(file, `name = "shop"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[contexts]\nprod = "prod"\n`);
    await attach(up, file);
    expect(await get(name("prod"))).toBe("200 web-0");
    expect(await get(name("fake", "kubernetes-443.svc.default"))).toBe("403");
    up.close();
  });
});

test("a dynamic name is shown while it leads somewhere, and a mistyped one is not", async () => {
  await startHub();
  const up = await client();
  const file = await profile("shop", "");
  await writeFile(file, `context = "dev"\n${await readFile(file, "utf8")}`);
  await attach(up, file);
  const ask = (name: string): Promise<string> => get(`${name}-80.svc.shop.ns.dev.cx.k8s.localhost`);
  expect(await ask("web")).toBe("200 web-0");
  cluster.resolve({ kind: "none", problem: new KtError("service-not-found", "there is no such service") });
  expect(await ask("wbe")).toBe("502");
  cluster.ready("web-0");
  const routes = routesOf(await snapshotOf(up), "shop");
  expect(routes.map(({ kind, name, state }) => [kind, name, state])).toEqual([
    ["dynamic", "web-80.svc.shop.ns.dev.cx.k8s.localhost", "running"],
  ]);
  up.close();
});

describe("a profile", () => {
  test("is served while its client is there, and shown", async () => {
    await startHub();
    const up = await client();
    await attach(up, await profile("shop", web));
    expect(await get("web.localhost")).toBe("200 web-0");
    const [route] = routesOf(await snapshotOf(up), "shop");
    expect(route).toMatchObject({
      name: "web.localhost",
      url: `http://web.localhost:${port}`,
      target: "svc/web:80",
      state: "running",
      pod: "web-0",
    });
    expect(route?.totalConnections).toBe(1);
    expect(route?.receivedBytes).toBeGreaterThan(0);
    up.close();
  });

  test("goes with its last client, and the hub two seconds later", async () => {
    const hub = await startHub();
    const [first, second] = [await client(), await client()];
    const file = await profile("shop", web);
    await attach(first, file);
    await attach(second, file);
    first.close();
    await eventually("one client", async () => (await snapshotOf(second)).profiles[0]?.clients === 1);
    expect(await get("web.localhost")).toBe("200 web-0");
    second.close();
    await eventually("the port to close", () =>
      get("web.localhost").then(
        () => false,
        () => true,
      ),
    );
    let stopped = false;
    void hub?.stopAsked.then(() => (stopped = true));
    await clock.advance(daemonLimits.hubLingerMs - 1);
    expect(stopped).toBe(false);
    await clock.advance(1);
    expect(stopped).toBe(true);
  });

  test("that is pinned stays until it is taken down, and its clients are notified then", async () => {
    await startHub();
    const file = await profile("shop", web);
    const up = await client();
    await attach(up, file, true);
    up.close();
    await up.closed;
    const other = await client();
    await attach(other, file);
    expect((await snapshotOf(other)).profiles[0]).toMatchObject({ pinned: true, clients: 1 });
    const down = await client();
    expect(await down.ask({ type: "detach", profile: file }, "detached")).toMatchObject({ profiles: [file] });
    expect(await other.gone).toEqual({ type: "gone", profile: file });
    expect((await snapshotOf(down)).profiles).toEqual([]);
    expect(await down.ask({ type: "detach" }, "detached")).toMatchObject({ profiles: [] });
    down.close();
    other.close();
  });

  test("attached again from another shell gets that one's credentials, and keeps what is open", async () => {
    await startHub();
    const up = await client();
    const file = await profile("shop", `${web}"api.localhost" = "svc/api:80"\n`);
    await attach(up, file, false, { AWS_PROFILE: "wrong" });
    expect(await get("web.localhost")).toBe("200 web-0");
    using held = await openHttp("api.localhost");
    await attach(up, file, false, { AWS_PROFILE: "right", PWD: "/elsewhere" });
    expect(await get("web.localhost")).toBe("200 web-0");
    expect(opened.at(-1)?.environment).toMatchObject({ AWS_PROFILE: "right" });
    const count = opened.length;
    await attach(up, file, false, { AWS_PROFILE: "right", PWD: "/" });
    expect(await get("web.localhost")).toBe("200 web-0");
    expect(opened).toHaveLength(count);
    expect(await held.ask("api.localhost")).toStartWith("HTTP/1.1 200");
    up.close();
  });

  test("that is broken is refused with its place, and the others go on", async () => {
    await startHub();
    const up = await client();
    await attach(up, await profile("shop", web));
    const broken = await attach(up, await profile("bill", 'rutes = "x"')).catch((error: unknown) => error);
    expect(broken).toBeInstanceOf(KtError);
    expect(broken).toMatchObject({ code: "profile-invalid" });
    expect(await get("web.localhost")).toBe("200 web-0");
    up.close();
  });
});

describe("a change of the file", () => {
  /** Lets the debounce of a change that the system reported pass. */
  async function reloaded(what: string, look: () => Promise<boolean>): Promise<void> {
    await eventually(what, async () => {
      await clock.advance(filePollMs);
      return await look();
    });
  }

  test("to another kubeconfig leads new connections there", async () => {
    await startHub();
    const up = await client();
    const file = `${directory.path}/shop.toml`;
    const text = (kubeconfig: string): string =>
      `name = "shop"\nkubeconfig = "${kubeconfig}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n${web}`;
    await writeFile(file, text("/one"));
    await attach(up, file);
    expect(await get("web.localhost")).toBe("200 web-0");
    await writeFile(file, text("/another"));
    await reloaded("the other one", async () => {
      await get("web.localhost");
      return opened.at(-1)?.kubeconfig[0] === "/another";
    });
    up.close();
  });

  test("to another port of the front door is served there, without a restart", async () => {
    await startHub();
    const up = await client();
    const file = await profile("shop", web);
    await attach(up, file);
    const [moved = 0] = freePorts(1);
    await writeFile(file, `name = "shop"\n[http]\nlisten = ["127.0.0.1:${moved}"]\n${web}`);
    const ask = (): Promise<Response> => fetch(`http://127.0.0.1:${moved}/`, { headers: { Host: "web.localhost" }, keepalive: false });
    await reloaded("the new port", async () => (await ask()).status === 200);
    await expect(get("web.localhost")).rejects.toThrow();
    up.close();
  });

  test("during a reload is seen too", async () => {
    await startHub();
    const up = await client();
    const file = await profile("shop", web);
    await attach(up, file);
    onLoaded = async () => {
      onLoaded = async () => {};
      await profile("shop", `${web}"late.localhost" = "svc/late:80"\n`);
    };
    await profile("shop", `${web}"soon.localhost" = "svc/soon:80"\n`);
    await reloaded("the later one", async () => (await get("late.localhost")) === "200 web-0");
    up.close();
  });

  test("takes effect, by rename too; a broken one keeps the last good one and is reported", async () => {
    await startHub();
    const up = await client();
    const file = await profile("shop", web);
    await attach(up, file);
    await profile("next", `${web}"new.localhost" = "svc/new:80"\n`);
    await rename(`${directory.path}/next.toml`, file);
    await reloaded("the new route", async () => (await get("new.localhost")) === "200 web-0");

    await writeFile(file, "[routes\n");
    await reloaded("the report", async () => (await snapshotOf(up)).profiles[0]?.problem?.code === "profile-syntax");
    expect(await get("new.localhost")).toBe("200 web-0");

    await profile("shop", web);
    await reloaded("the mended file", async () => (await snapshotOf(up)).profiles[0]?.problem === undefined);
    expect(await get("new.localhost")).toBe("404");
    up.close();
  });
});

describe("two profiles", () => {
  test("share the port; what both claim is the first one's until it goes", async () => {
    await startHub();
    const [first, second] = [await client(), await client()];
    await attach(first, await profile("shop", web));
    await attach(second, await profile("bill", `${web}"bill.localhost" = "svc/bill:80"\n`));
    expect([await get("web.localhost"), await get("bill.localhost")]).toEqual(["200 web-0", "200 web-0"]);
    const [clash, own] = routesOf(await snapshotOf(second), "bill");
    expect(clash).toMatchObject({
      state: "conflict",
      problem: { code: "route-conflict", hints: [`kt down -f ${directory.path}/shop.toml`] },
    });
    expect(own?.state).toBe("running");
    first.close();
    await eventually("the name to be free", async () => routesOf(await snapshotOf(second), "bill")[0]?.state !== "conflict");
    expect(await get("web.localhost")).toBe("200 web-0");
    second.close();
  });
});

test("a taken port harms its own route, names its holder, and opens once it is free", async () => {
  const holder = listen({ hostname: "127.0.0.1", port: tcpPort, socket: { data() {} } });
  await startHub();
  const up = await client();
  await attach(up, await profile("shop", `${web}[tcp]\n"127.0.0.1:${tcpPort}" = "svc/db:1"\n`));
  const [http, tcp] = routesOf(await snapshotOf(up), "shop");
  expect(http?.problem).toBeUndefined();
  expect(tcp).toMatchObject({ state: "blocked", problem: { code: "port-taken" } });
  expect(tcp?.problem?.message).toContain(`pid ${process.pid}`);
  holder.stop(true);
  await clock.advance(daemonLimits.portRetryMs);
  expect(routesOf(await snapshotOf(up), "shop")[1]).toMatchObject({ state: "idle", url: `localhost:${tcpPort}` });
  up.close();
});

test("one hub at a time; after it another", async () => {
  const first = await startHub();
  expect(await startHub()).toBeUndefined();
  await first?.stop(0);
  expect(await startHub()).toBeDefined();
  (await client()).close();
});

test("told to stop again, it waits no longer for what is open", async () => {
  const hub = await startHub();
  const up = await client();
  await attach(up, await profile("shop", `${web}[tcp]\n"127.0.0.1:${tcpPort}" = "svc/web:80"\n`));
  const answered = Promise.withResolvers<void>();
  let isClosed = false;
  const socket = await connect({
    hostname: "127.0.0.1",
    port: tcpPort,
    socket: {
      data: () => answered.resolve(),
      close() {
        isClosed = true;
      },
    },
  });
  socket.write("hello");
  await answered.promise;
  const startedMs = clock.now();
  const first = hub?.stop(sharedLimits.drainMs);
  await expect(client()).rejects.toMatchObject({ code: "hub-unreachable" });
  const second = hub?.stop(0);
  await eventually("the connection to end", async () => {
    await clock.advance(1);
    return isClosed;
  });
  await Promise.all([first, second]);
  expect(clock.now() - startedMs).toBeLessThan(sharedLimits.drainMs);
});

describe("a hub whose folder was removed", () => {
  const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

  test.each([
    ["with everything in it", (): Promise<void> => rm(`${directory.path}/run`, { recursive: true })],
    ["but for its lock", (): Promise<void> => rm(`${directory.path}/run/hub.sock`)],
  ])("%s is found again, with what it had", async (_what, remove) => {
    await mkdir(`${directory.path}/run`, { mode: 0o700 });
    await startHub(`${directory.path}/run`);
    const [up, held] = [await client(`${directory.path}/run`), await client(`${directory.path}/run`)];
    await attach(up, await profile("shop", web), true);
    up.close();
    await remove();
    const found = await eventually("the socket", async () => {
      await clock.advance(daemonLimits.identityCheckMs);
      return await client(`${directory.path}/run`).catch(() => undefined);
    });
    expect((await snapshotOf(found)).profiles.map(({ name }) => name)).toEqual(["shop"]);
    expect((await snapshotOf(held)).profiles).toHaveLength(1);
    expect([await modeOf(`${directory.path}/run`), await modeOf(`${directory.path}/run/hub.sock`)]).toEqual([0o700, 0o600]);
    expect(await startHub(`${directory.path}/run`)).toBeUndefined();
    for (const each of [found, held]) each.close();
  });

  test("and taken by another one ends", async () => {
    await mkdir(`${directory.path}/run`, { mode: 0o700 });
    const hub = await startHub(`${directory.path}/run`);
    await rm(`${directory.path}/run`, { recursive: true });
    await mkdir(`${directory.path}/run`, { mode: 0o700 });
    const lock = await takeLock(`${directory.path}/run`);
    let stopped = false;
    void hub?.stopAsked.then(() => (stopped = true));
    await eventually("the hub to ask for its end", async () => {
      await clock.advance(daemonLimits.identityCheckMs);
      return stopped;
    });
    await lock?.release();
  });
});

test("a socket that a killed hub left behind is replaced", async () => {
  await writeFile(`${directory.path}/hub.sock`, "");
  expect(await startHub()).toBeDefined();
  (await client()).close();
});

test("a hub with profiles does not make way, one without does", async () => {
  const hub = await startHub();
  const up = await client();
  await attach(up, await profile("shop", web));
  const refused = await up.stream({ type: "stop" }, () => {}).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "hub-failed", hints: ["kt down --all"] });
  await up.ask({ type: "detach" }, "detached");
  await up.stream({ type: "stop" }, () => {});
  await hub?.stopAsked;
  up.close();
});

test("events are kept, filtered by route, and followed", async () => {
  await startHub();
  const up = await client();
  await attach(up, await profile("shop", `${web}"api.localhost" = "svc/api:80"\n`));
  await get("web.localhost");
  await get("api.localhost");
  const texts = async (route: string | undefined): Promise<string[]> => {
    const entries: Reply[] = [];
    await up.stream({ type: "logs", follow: false, route }, (reply) => entries.push(reply));
    return entries.flatMap((reply) => (reply.type === "entry" ? [reply.entry.text] : []));
  };
  expect(await texts(undefined)).toContain('profile "shop" attached');
  const ofWeb = await texts("web.localhost");
  expect(ofWeb).toContain("is running on web-0");
  expect(ofWeb.filter((text) => text.includes("api"))).toEqual([]);
  const refused = Promise.withResolvers<string>();
  void up
    .stream({ type: "logs", follow: true }, (reply) => {
      if (reply.type === "entry" && reply.entry.event.type === "refused") refused.resolve(reply.entry.text);
    })
    .catch(() => {});
  await get("nowhere.localhost");
  expect(await refused.promise).toContain("nowhere.localhost");
  up.close();
});

test("a watching client gets a snapshot at once and after a change", async () => {
  await startHub();
  const up = await client();
  await attach(up, await profile("shop", web));
  const states: (string | undefined)[] = [];
  void up.watch((snapshot) => states.push(routesOf(snapshot, "shop")[0]?.state)).catch(() => {});
  await eventually("the first", () => states.length === 1);
  await get("web.localhost");
  await clock.advance(daemonLimits.statusPauseMs);
  await eventually("the second", () => states.length === 2);
  expect(states).toEqual(["idle", "running"]);
  up.close();
});

test("a client that asks for names gets those of its profile, and again whenever they change", async () => {
  await startHub();
  const up = await client();
  const file = await attach(up, await profile("shop", web));
  await attach(up, await profile("other", '[routes]\n"other.localhost" = "svc/web:80"\n'));
  const told: unknown[] = [];
  const follow = async (asker: HubClient): Promise<void> =>
    await asker.stream({ type: "names", profile: file }, (reply) => reply.type === "names" && told.push(reply.entries));
  void follow(up).catch(() => {});
  await eventually("the first", () => told.length === 1);
  await profile("shop", `${web}"db.shop" = "svc/db:5432"\n`);
  await eventually("the second", async () => {
    await clock.advance(filePollMs);
    return told.length === 2;
  });
  await up.ask({ type: "detach", profile: file }, "detached");
  await expect(follow(up)).rejects.toThrow("not attached any more");
  expect(told).toEqual([
    [{ address: "127.0.0.1", names: ["web.localhost"] }],
    [{ address: "127.0.0.1", names: ["web.localhost", "db.shop"] }],
  ]);
  up.close();
});

test("explains down to the pods", async () => {
  await startHub();
  const up = await client();
  await attach(up, await profile("shop", `${web}[tcp]\n${tcpPort} = "svc/db:1"\n`));
  const verdicts = async (subject: string) =>
    (await up.ask({ type: "explain", subject }, "steps")).steps.map(({ step, verdict }) => `${step}: ${verdict}`);
  expect(await verdicts("http://WEB.localhost:8989/path")).toContain("pods: 1 ready: web-0:8080");
  for (const port of [tcpPort, `127.0.0.1:${tcpPort}`, `localhost:${tcpPort}`])
    expect(await verdicts(String(port))).toContain("pods: 1 ready: web-0:8080");
  expect(await verdicts("localhost:1")).toContain('name: "localhost:1" is looked up as "localhost"');
  const problem = new KtError("service-not-found", 'there is no service "web"', { hints: ["kubectl get services"] });
  cluster.resolve({ kind: "none", problem });
  const { steps } = await up.ask({ type: "explain", subject: "web.localhost" }, "steps");
  expect(steps.slice(-2)).toEqual([
    { step: "pods", verdict: 'there is no service "web"', outcome: "stop", code: "service-not-found" },
    { step: "hint", verdict: "kubectl get services", outcome: "info" },
  ]);
  up.close();
});

test("a route whose backend wants TLS is failed, in kt explain too, until a request succeeds", async () => {
  const alert: PodServer = (connection) => {
    connection.onData = () => connection.write(Buffer.from("\x15\x03\x01\x00\x02\x02\x46", "latin1"));
    connection.onEnd = () => connection.end();
  };
  cluster.setPod("web-0", alert);
  await startHub();
  const up = await client();
  await attach(up, await profile("shop", web));
  const route = async () => routesOf(await up.snapshot(), "shop")[0];
  const explained = async () => (await up.ask({ type: "explain", subject: "web.localhost" }, "steps")).steps.slice(-3);
  const hint = 'under [routes] write "web.localhost" = { target = "svc/web:80", scheme = "https" }';
  expect(await get("web.localhost")).toBe("502");
  expect(await route()).toMatchObject({
    state: "failed",
    pod: "web-0",
    problem: { code: "backend-invalid", hints: [hint, expect.anything()] },
  });
  const [request, first] = await explained();
  expect(request).toMatchObject({
    step: "request",
    verdict: expect.stringContaining("it wants TLS"),
    outcome: "stop",
    code: "backend-invalid",
  });
  expect(first).toEqual({ step: "hint", verdict: hint, outcome: "info" });
  cluster.setPod("web-0", answering("web-0"));
  for (const session of cluster.sessions) session.far.abort();
  expect(await get("web.localhost")).toBe("200 web-0");
  const after = await route();
  expect([after?.state, after?.problem]).toEqual(["running", undefined]);
  expect((await explained()).map(({ outcome }) => outcome)).not.toContain("stop");
  up.close();
});

describe("actions on a route", () => {
  const route = `[routes]\n"web.localhost" = "shop/svc/web:80"`;

  async function attached(): Promise<{ readonly at: HubClient; readonly file: string; readonly state: () => Promise<string | undefined> }> {
    await startHub();
    const at = await client();
    const file = await attach(at, await profile("shop", route));
    const state = async (): Promise<string | undefined> => (await at.snapshot()).profiles[0]?.routes[0]?.state;
    return { at, file, state };
  }

  test("stop ends what is open and refuses what comes, until start", async () => {
    const { at, file, state } = await attached();
    const open = await openHttp("web.localhost");
    expect(await open.ask("web.localhost")).toContain("web-0");
    await at.ask({ type: "act", action: "stop", profile: file, route: "web.localhost" }, "done");
    expect(await state()).toBe("stopped");
    expect(await get("web.localhost")).toBe("503");
    await at.ask({ type: "act", action: "start", profile: file, route: "web.localhost" }, "done");
    expect(await state()).toBe("running");
    expect(await get("web.localhost")).toBe("200 web-0");
  });

  test("what was stopped is not any more once its profile was attached anew", async () => {
    const { at, file, state } = await attached();
    await at.ask({ type: "act", action: "stop", profile: file, route: "web.localhost" }, "done");
    await at.ask({ type: "detach" }, "detached");
    await attach(at, file);
    expect(await state()).toBe("idle");
  });

  test("reconnect opens another session, and says why there is none", async () => {
    const { at, file } = await attached();
    expect(await get("web.localhost")).toBe("200 web-0");
    const before = cluster.sessions.length;
    await at.ask({ type: "act", action: "reconnect", profile: file, route: "web.localhost" }, "done");
    expect(cluster.sessions.length).toBeGreaterThan(before);
    cluster.resolve({ kind: "failed", problem: new KtError("forbidden", "not yours") });
    const again = at.ask({ type: "act", action: "reconnect", profile: file, route: "web.localhost" }, "done");
    await expect(again).rejects.toMatchObject({ code: "forbidden", message: "not yours" });
    const unknown = at.ask({ type: "act", action: "stop", profile: file, route: "none.localhost" }, "done");
    await expect(unknown).rejects.toMatchObject({ code: "route-unknown" });
  });

  test("pods are shown, and what a container writes is followed until the client leaves", async () => {
    const { at, file } = await attached();
    const pod = { name: "web-0", state: "stuck" as const, says: "is in CrashLoopBackOff", restarts: 3, containers: ["app", "side"] };
    cluster.details = [pod];
    const wanted = { profile: file, route: "web.localhost" };
    expect((await at.ask({ type: "pods", ...wanted }, "pods")).pods).toEqual([pod]);
    const reader = await client();
    const lines: string[] = [];
    const read = reader.stream({ type: "pod-log", ...wanted, pod: "web-0", container: "side", lines: 10 }, (reply) => {
      if (reply.type === "lines") lines.push(...reply.lines);
    });
    const log = await eventually("the log", () => cluster.logs.get("web-0 side"));
    log.onBytes(new TextEncoder().encode("one\ntw"));
    log.onBytes(new TextEncoder().encode(`o\n${"x".repeat(5000)}\nlast`));
    await eventually("lines", () => lines.length === 3);
    expect(lines).toEqual(["one", "two", `${"x".repeat(daemonLimits.podLogLineBytes)}… ${5000 - daemonLimits.podLogLineBytes} bytes more`]);
    log.end();
    await read;
    expect(lines.at(-1)).toBe("last");
    void reader.stream({ type: "pod-log", ...wanted, pod: "web-0", container: "app", lines: 10 }, () => {}).catch(() => {});
    const other = await eventually("the other log", () => cluster.logs.get("web-0 app"));
    reader.close();
    await eventually("the end of reading", () => other.signal.aborted);
  });
});
