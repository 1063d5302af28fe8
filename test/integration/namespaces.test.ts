/** [[forward]] from end to end, against the embedded API: services that come, change and go, headless ones, restarts and reloads. */

import { afterEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { connect, listen } from "bun";
import { silentLog } from "#base/log.ts";
import type { NamespaceStatus, ProfileStatus, ReplyOf, RouteStatus } from "#control/api.ts";
import { HubClient } from "#control/client.ts";
import { socketPath } from "#control/socket-path.ts";
import { Hub } from "#daemon/hub.ts";
import { realProviders } from "#daemon/providers.ts";
import { ApiServer } from "#demo/api-server.ts";
import type { ServiceSpec } from "#demo/cluster.ts";
import { loopbackListeners } from "#native/loopback-listeners.ts";
import { eventually } from "#test/support/wait.ts";
import { startTestPod, type TestPod } from "./test-pod.ts";

const onLinux = process.platform === "linux";
/** Each test has addresses of its own: they run beside each other, and beside other files. */
let bases = process.pid % 200;
const nextBase = (): string => `127.${20 + (bases++ % 200)}.${100 + (process.pid % 100)}.1`;

class NamespaceRig {
  readonly api = new ApiServer({ graceMs: 50 });
  readonly #pods = new Map<string, TestPod>();
  #hub: Hub | undefined;

  readonly directory: string;
  readonly base: string;

  private constructor(directory: string, base: string) {
    this.directory = directory;
    this.base = base;
  }

  static async start(forward: string, prepare: (rig: NamespaceRig) => void, base: string = nextBase()): Promise<NamespaceRig> {
    const rig = new NamespaceRig(await mkdtemp(`${await realpath(tmpdir())}/kt-namespaces-`), base);
    rigs.push(rig);
    prepare(rig);
    await mkdir(`${rig.directory}/.kube`);
    await writeFile(`${rig.directory}/.kube/config`, rig.api.kubeconfig({ namespace: "shop" }));
    await rig.write(forward);
    await rig.startHub();
    return rig;
  }

  async write(forward: string): Promise<void> {
    const text = `[http]\nlisten = "${this.base}:8989"\n[addresses]\nbase = "${this.base}"\n${forward}`;
    await writeFile(`${this.directory}/tunnels.toml`, text);
  }

  async startHub(): Promise<void> {
    const { directory } = this;
    this.#hub = await Hub.start({ directory, version: "test", commit: "test", log: silentLog, lingers: false, providers: realProviders() });
    await this.#hub?.pin({ file: `${directory}/tunnels.toml`, environment: { HOME: directory } });
  }

  async stopHub(): Promise<void> {
    await this.#hub?.stop(0);
    this.#hub = undefined;
  }

  service(name: string, ports: readonly number[] = [7000], more: Partial<ServiceSpec> = {}): void {
    const listed = ports.map((port) => ({ name: `p${port}`, port, targetPort: port === 80 ? 8080 : port }));
    this.api.cluster.setService({ namespace: "shop", name, selector: { app: name }, ports: listed, ...more });
  }

  pod(name: string, app: string, namespace = "shop"): void {
    const pod = startTestPod(name);
    this.#pods.set(`${namespace}/${name}`, pod);
    this.api.cluster.setPod({ namespace, name, labels: { app }, containerPorts: [], backends: pod.backends });
  }

  profile(): ProfileStatus {
    const [profile] = this.#hub?.snapshot().profiles ?? [];
    if (!profile) throw new Error("no profile is attached");
    return profile;
  }

  namespaces(): readonly NamespaceStatus[] {
    return this.profile().namespaces ?? [];
  }

  route(name: string): RouteStatus | undefined {
    return this.profile().routes.find((route) => route.name === name);
  }

  /** Where it is listened on, once it is. */
  async address(name: string): Promise<string> {
    return await eventually(`a listener for ${name}`, () => {
      const route = this.route(name);
      return route?.problem === undefined && route?.url;
    });
  }

  /** The verdict of each step. */
  async explain(subject: string): Promise<string[]> {
    const client = await HubClient.connect(socketPath(this.directory), 5000);
    const { steps } = await client.ask({ type: "explain", subject }, "steps");
    client.close();
    return steps.map(({ verdict }) => verdict);
  }

  async text(name: string): Promise<string> {
    return await (await fetch(`http://${await this.address(name)}/`)).text();
  }

  async end(): Promise<void> {
    await this.stopHub();
    this.api.close();
    for (const pod of this.#pods.values()) pod.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

const rigs: NamespaceRig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.end();
});

const shop = '[[forward]]\nnamespaces = ["shop"]\n';

/** A connection to an echo, which says whether it still lives. */
async function openEcho(address: string): Promise<{ readonly ask: (text: string) => Promise<string>; readonly end: () => void }> {
  const [hostname = "", port = ""] = address.split(":");
  let heard = Promise.withResolvers<string>();
  const socket = await connect({
    hostname,
    port: Number(port),
    socket: {
      data: (_socket, bytes) => heard.resolve(bytes.toString()),
      close: () => heard.reject(new Error("closed")),
    },
  });
  const ask = async (text: string): Promise<string> => {
    heard = Promise.withResolvers();
    socket.write(text);
    return await heard.promise;
  };
  return { ask, end: () => socket.end() };
}

describe.skipIf(!onLinux)("a namespace", () => {
  test("is there as a whole: every port by the address of its service, and no session until a client connects", async () => {
    const rig = await NamespaceRig.start(shop, (each) => {
      each.service("web", [80, 7000]);
      each.service("db", [7000]);
      each.pod("web-0", "web");
    });
    expect(await rig.text("web.shop:80")).toBe("web-0");
    expect((await rig.address("db.shop:7000")).replace(/\.\d+:\d+$/, "")).toBe(rig.base.replace(/\.\d+$/, ""));
    expect(rig.namespaces()).toEqual([{ namespace: "shop", context: "demo", services: 2, notes: [] }]);
    expect(rig.route("db.shop:7000")).toMatchObject({ kind: "forward", state: "idle", forwarded: { namespace: "shop", service: "db" } });
    const lists = rig.api.requests.filter((request) => request.includes("/services?") || request.includes("/services/"));
    expect(lists.filter((request) => !request.includes("/services/web"))).toHaveLength(2);
  });

  test("gains, changes and loses services, and what did not change keeps its connections", async () => {
    const rig = await NamespaceRig.start(shop, (each) => {
      each.service("web", [7000]);
      each.pod("web-0", "web");
    });
    const echo = await openEcho(await rig.address("web.shop:7000"));
    expect(await echo.ask("one")).toBe("one");
    rig.service("new", [7000, 7003]);
    const address = await rig.address("new.shop:7000");
    rig.service("new", [7003]);
    await eventually("the port to go", () => rig.route("new.shop:7000") === undefined);
    expect((await rig.address("new.shop:7003")).split(":")[0]).toBe(address.split(":")[0] ?? "");
    rig.api.cluster.deleteService("shop", "new");
    await eventually("the service to go", () => rig.route("new.shop:7003") === undefined);
    expect(await echo.ask("two")).toBe("two");
    echo.end();
  });

  test("keeps its addresses over restarts, reloads and the loss of other services", async () => {
    const rig = await NamespaceRig.start(shop, (each) => {
      for (const name of ["a", "b", "c"]) each.service(name);
    });
    const before = await Promise.all(["a", "b", "c"].map((name) => rig.address(`${name}.shop:7000`)));
    await rig.stopHub();
    rig.api.cluster.deleteService("shop", "a");
    await rig.startHub();
    expect(await rig.address("c.shop:7000")).toBe(before[2] ?? "");
    rig.service("a");
    rig.service("first");
    expect(await rig.address("a.shop:7000")).toBe(before[0] ?? "");
    await rig.write(`${shop}exclude = ["b"]\n`);
    await eventually("b to go", () => rig.route("b.shop:7000") === undefined);
    expect(await rig.address("c.shop:7000")).toBe(before[2] ?? "");
  });

  test("keeps its connections when the profile is changed elsewhere and in its own [[forward]]", async () => {
    const rig = await NamespaceRig.start(shop, (each) => {
      each.service("web");
      each.pod("web-0", "web");
    });
    const echo = await openEcho(await rig.address("web.shop:7000"));
    expect(await echo.ask("one")).toBe("one");
    await rig.write(`${shop}exclude = ["nothing"]\ndomain = "dev.test"\n[tcp]\n"${rig.base}:4444" = "svc/web:7000"\n`);
    await eventually("the new route", () => rig.profile().routes.some(({ kind }) => kind === "tcp"));
    const watches = (): number => rig.api.requests.filter((request) => /\/services\?.*watch=1/.test(request)).length;
    await eventually("the new watch to take over", () => watches() === 2 && rig.api.openWatches <= 2);
    expect(await echo.ask("two")).toBe("two");
    echo.end();
  });

  test("that is not there yet is waited for, and says so", async () => {
    const rig = await NamespaceRig.start(shop, () => {});
    await eventually("the note", () => rig.namespaces()[0]?.notes.some((note) => note.includes("not there yet")));
    rig.service("web");
    await rig.address("web.shop:7000");
    await eventually("no note", () => rig.namespaces()[0]?.notes.length === 0);
  });

  test("of which a glob speaks comes with its services", async () => {
    const rig = await NamespaceRig.start('[[forward]]\nnamespaces = ["shop", "team-*"]\n', (each) => each.service("db"));
    expect(await rig.address("db.shop:7000")).toContain(rig.base.slice(0, 6));
    rig.service("db", [7000], { namespace: "team-a" });
    await rig.address("db.team-a:7000");
    expect(rig.namespaces().map(({ namespace, notes }) => [namespace, notes])).toEqual([
      ["shop", []],
      ["team-a", ['"db" leads to namespace "shop", which comes first']],
    ]);
  });
});

test.skipIf(!onLinux)("three hundred changes leave what the cluster has: no stale listener, and every address where it was", async () => {
  const rig = await NamespaceRig.start(shop, (each) => {
    for (let at = 0; at < 10; at++) each.service(`stays-${at}`);
  });
  const addresses = (): string[] => Array.from({ length: 10 }, (_, at) => rig.route(`stays-${at}.shop:7000`)?.url ?? "");
  await rig.address("stays-9.shop:7000");
  const before = addresses();
  const live = new Set<string>();
  for (let at = 0; at < 300; at++) {
    const name = `comes-${(at * 7) % 40}`;
    if (live.delete(name)) rig.api.cluster.deleteService("shop", name);
    else {
      live.add(name);
      rig.service(name, at % 3 === 0 ? [7000, 7003] : [7000]);
    }
    if (at % 20 === 0) await eventually("the hub to keep up", () => rig.profile().routes.length > 9);
  }
  rig.service("last");
  await rig.address("last.shop:7000");
  const shown = new Set(rig.profile().routes.map(({ forwarded }) => forwarded?.service));
  expect(shown.difference(new Set([...live, "last"])).size).toBe(10);
  expect(live.isSubsetOf(shown)).toBe(true);
  expect(addresses()).toEqual(before);
  const own = `${rig.base.split(".").slice(0, 3).join(".")}.`;
  const listening = [...loopbackListeners()].filter((address) => address.startsWith(own));
  expect(new Set(listening)).toEqual(new Set([rig.base, ...rig.profile().routes.map(({ url }) => url.split(":")[0] ?? "")]));
});

test.skipIf(!onLinux)("two hubs with one base, as of two users: none takes an address of the other", async () => {
  const first = await NamespaceRig.start(shop, (each) => each.service("web"));
  const taken = await first.address("web.shop:7000");
  const second = await NamespaceRig.start(shop, (each) => each.service("web"), first.base);
  const [address = ""] = (await second.address("web.shop:7000")).split(":");
  expect(address).not.toBe(taken.split(":")[0] ?? "");
  expect(second.route("web.shop:7000")?.problem).toBeUndefined();
});

test.skipIf(!onLinux)("the names that a command of kt run gets are those of the services, now and as they change", async () => {
  const rig = await NamespaceRig.start(`${shop}domain = "dev.test"\n[routes]\n"db" = "svc/web:7000"\n`, (each) => {
    each.service("db");
    each.service("web");
  });
  const address = (await rig.address("web.shop:7000")).split(":")[0] ?? "";
  const client = await HubClient.connect(socketPath(rig.directory), 5000);
  let entries: ReplyOf<"names">["entries"] = [];
  const ended = client.stream({ type: "names", profile: `${rig.directory}/tunnels.toml` }, (reply) => {
    if (reply.type === "names") entries = reply.entries;
  });
  const namesAt = (at: string): string[] => entries.find((entry) => entry.address === at)?.names ?? [];
  await eventually("the names", () => namesAt(address).length > 0);
  expect(namesAt(address)).toEqual(["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local", "web.shop.dev.test"]);
  expect(entries.filter(({ names }) => names.includes("db"))).toHaveLength(1);
  expect(entries[0]?.names).toEqual(["db"]);
  rig.service("fresh");
  await eventually("the new name", () => entries.some(({ names }) => names.includes("fresh.shop")));
  client.close();
  await ended.catch(() => {});
});

test.skipIf(!onLinux)("a name is explained down to the pod, with and without its port", async () => {
  const rig = await NamespaceRig.start(shop, (each) => {
    each.service("web", [80, 7000]);
    each.pod("web-0", "web");
  });
  const address = (await rig.address("web.shop:80")).split(":")[0];
  const steps = await rig.explain("web.shop.svc.cluster.local:80");
  expect(steps.slice(0, 2)).toEqual([
    `"web.shop.svc.cluster.local" is service "web" of namespace "shop" in context "demo", at ${address}`,
    "80, 7000",
  ]);
  expect(steps.at(-1)).toBe("web-0:8080");
  expect((await rig.explain("web")).at(-1)).toBe("web-0:8080");
  expect((await rig.explain("web:81")).at(-1)).toBe("nothing listens on port 81 there");
});

describe.skipIf(!onLinux)("headless services", () => {
  test("have an address for every ready pod, which lasts as long as the pod is ready", async () => {
    const rig = await NamespaceRig.start(shop, (each) => {
      each.service("db", [80], { headless: true });
      for (const name of ["db-0", "db-1"]) each.pod(name, "db");
    });
    expect(await rig.text("db-0.db.shop:80")).toBe("db-0");
    expect(await rig.text("db-1.db.shop:80")).toBe("db-1");
    const address = await rig.address("db-1.db.shop:80");
    rig.api.cluster.setReady("shop", "db-1", false);
    await eventually("db-1 to go", () => rig.route("db-1.db.shop:80") === undefined);
    expect(await rig.text("db.shop:80")).toBe("db-0");
    rig.api.cluster.setReady("shop", "db-1", true);
    expect(await rig.address("db-1.db.shop:80")).toBe(address);
  });
});

describe.skipIf(!onLinux)("what is not as it should be is said, and everything else runs", () => {
  test("UDP, aliases and services without ports: a line for each", async () => {
    const alias = "an alias of db.example.com: it leads to no pod, which needs the relay: give it an image in [relay]";
    const rig = await NamespaceRig.start(shop, (each) => {
      const ports = [{ name: "", port: 5432, targetPort: 5432 }];
      each.api.cluster.setService({ namespace: "shop", name: "alias", externalName: "db.example.com", ports });
      each.service("dns", [], { ports: [{ name: "dns", port: 7000, targetPort: 7000, protocol: "UDP" }] });
      each.service("web", [7000]);
    });
    await rig.address("web.shop:7000");
    expect(rig.namespaces()[0]?.notes).toEqual([
      `svc/alias: ${alias}`,
      "svc/dns: port 7000 (dns) is UDP, which needs the relay: give it an image in [relay]",
    ]);
    expect(await rig.explain("alias.shop")).toEqual(['"alias.shop" is service "alias" of namespace "shop" in context "demo"', alias]);
    expect((await rig.explain("dns")).at(-1)).toBe("port 7000 (dns) is UDP, which needs the relay: give it an image in [relay]");
  });

  test("a namespace that is called as the web's names end", async () => {
    const rig = await NamespaceRig.start('[[forward]]\nnamespaces = ["com"]\n', (each) =>
      each.service("github", [7000], { namespace: "com" }),
    );
    await rig.address("github.com:7000");
    expect(rig.namespaces()[0]?.notes).toEqual(['"github.com" is not given, as others have such names: the longer names lead there']);
    expect((await rig.explain("github.com.svc"))[0]).toContain('is service "github" of namespace "com"');
    expect(await rig.explain("github.com")).not.toContain("7000");
  });

  test("services that may not be listed are asked for by name, where include names them", async () => {
    const rig = await NamespaceRig.start(`${shop}include = ["web"]\n`, (each) => {
      each.api.access.forbid("list", "services");
      each.service("web");
      each.pod("web-0", "web");
    });
    const echo = await openEcho(await rig.address("web.shop:7000"));
    expect(await echo.ask("one")).toBe("one");
    echo.end();
    expect(rig.namespaces()[0]).toMatchObject({
      services: 1,
      notes: ['listing is not allowed here, so "web" is asked for by name, every 3 s'],
    });
  });

  test("namespaces that may not be listed, services that may not be watched", async () => {
    const rig = await NamespaceRig.start('[[forward]]\nnamespaces = ["team-*", "shop"]\n', (each) => {
      each.api.access.forbid("list", "namespaces");
      each.api.access.forbid("watch", "services");
      each.service("web");
    });
    await rig.address("web.shop:7000");
    await eventually("the note", () => rig.namespaces()[0]?.notes.some((note) => note.includes("asked for every")));
    expect(rig.namespaces()[1]).toMatchObject({ namespace: "team-*", problem: { code: "forbidden" } });
  });

  test("services that may not be listed", async () => {
    const rig = await NamespaceRig.start(shop, (each) => {
      each.api.access.forbid("list", "services");
    });
    await eventually("the problem", () => rig.namespaces()[0]?.problem?.code === "forbidden");
    expect(rig.namespaces()[0]?.problem?.message).toContain("services");
    expect(rig.namespaces()[0]?.problem?.hints.at(-1)).toContain('include = ["api", "db"]');
  });

  test("a context that the kubeconfig has not", async () => {
    const rig = await NamespaceRig.start(`${shop}[[forward]]\nnamespaces = ["other"]\ncontext = "nowhere"\n`, (each) =>
      each.service("web"),
    );
    await rig.address("web.shop:7000");
    expect(rig.namespaces()[1]).toMatchObject({ namespace: "other", context: "nowhere", problem: { code: "context-unknown" } });
  });

  test("a port that another program holds at a reserved address: that port alone fails, with its holder", async () => {
    const base = nextBase().replace(/\.1$/, ".77");
    const holder = listen({ hostname: base, port: 7000, socket: { data() {} } });
    const rig = await NamespaceRig.start(`reserve = { "shop/svc/web" = "${base}" }\n${shop}`, (each) => each.service("web", [7000, 7003]));
    expect(await rig.address("web.shop:7003")).toBe(`${base}:7003`);
    const route = await eventually("the problem", () => rig.route("web.shop:7000")?.problem);
    expect(route.message).toContain(`${base}:7000 is taken by`);
    holder.stop(true);
  });
});
