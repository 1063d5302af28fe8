/** [dns] in a real hub, against the embedded API: services and pods that come and go, routes, reloads, two profiles, kt dns status. */

import { afterEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { silentLog } from "#base/log.ts";
import type { ProfileStatus } from "#control/api.ts";
import { Hub } from "#daemon/hub.ts";
import { realProviders } from "#daemon/providers.ts";
import { ApiServer } from "#demo/api-server.ts";
import { firstFreePort } from "#native/low-ports.ts";
import { listenUdp } from "#net/udp.ts";
import { type Answer, askTcp, askUdp, query, type TypeName } from "#test/support/dns-client.ts";
import { reply, StubNameServer } from "#test/support/name-server.ts";
import { freePorts } from "#test/support/process.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { eventually } from "#test/support/wait.ts";

const onLinux = process.platform === "linux";
let bases = process.pid % 200;

class DnsRig {
  readonly api = new ApiServer({ graceMs: 50 });
  readonly upstream = new StubNameServer((asked) => reply(asked, { addresses: ["192.0.2.1"] }));
  readonly directory: string;
  readonly base = `127.${20 + (bases++ % 200)}.${130 + (process.pid % 100)}.1`;
  readonly port: number;
  #hub: Hub | undefined;

  private constructor(directory: string, port: number) {
    this.directory = directory;
    this.port = port;
  }

  static async start(profile: string, prepare: (rig: DnsRig) => void = () => {}): Promise<DnsRig> {
    const [port = 0] = freePorts(1);
    const rig = new DnsRig(await mkdtemp(`${await realpath(tmpdir())}/kt-dns-`), port);
    rigs.push(rig);
    prepare(rig);
    await mkdir(`${rig.directory}/.kube`);
    await writeFile(`${rig.directory}/.kube/config`, rig.api.kubeconfig({ namespace: "shop" }));
    await rig.write(profile);
    const { directory, upstream } = rig;
    const providers = realProviders();
    const options = { directory, version: "test", commit: "test", log: silentLog, lingers: false, providers };
    rig.#hub = await Hub.start({ ...options, nameServers: () => [upstream] });
    await rig.pin("tunnels.toml");
    return rig;
  }

  async write(profile: string, file = "tunnels.toml", dns = `[dns]\nlisten = "127.0.0.1:${this.port}"\n`): Promise<void> {
    const head = `[http]\nlisten = "${this.base}:8989"\n[addresses]\nbase = "${this.base}"\n`;
    await writeFile(`${this.directory}/${file}`, `${head}${dns}${profile}`);
  }

  async pin(file: string): Promise<void> {
    await this.#hub?.pin({ file: `${this.directory}/${file}`, environment: { HOME: this.directory } });
  }

  async stopHub(): Promise<void> {
    await this.#hub?.stop(0);
    this.#hub = undefined;
  }

  profile(): ProfileStatus {
    const [profile] = this.#hub?.snapshot().profiles ?? [];
    if (!profile) throw new Error("no profile is attached");
    return profile;
  }

  service(name: string, ports: Readonly<Record<string, number>>, headless = false, namespace = "shop"): void {
    const listed = Object.entries(ports).map(([port, number]) => ({ name: port, port: number, targetPort: number }));
    this.api.cluster.setService({ namespace, name, selector: { app: name }, ports: listed, headless });
  }

  pod(name: string, app: string): void {
    this.api.cluster.setPod({ namespace: "shop", name, labels: { app }, containerPorts: [], backends: new Map() });
  }

  ask(name: string, type: TypeName = "A"): Promise<Answer> {
    return askUdp(this.port, query(name, type, 1232));
  }

  /** The data of its answers, once it has some. */
  async data(name: string, type: TypeName = "A"): Promise<string[]> {
    return await eventually(`an answer for ${name}`, async () => {
      const { answers } = await this.ask(name, type);
      return answers.length > 0 && answers.map((answer) => answer.split(" ").slice(3).join(" "));
    });
  }

  async gone(name: string): Promise<void> {
    await eventually(`the end of ${name}`, async () => (await this.ask(name)).code === 3);
  }

  async end(): Promise<void> {
    await this.stopHub();
    this.api.close();
    this.upstream[Symbol.dispose]();
    await rm(this.directory, { recursive: true, force: true });
  }
}

const rigs: DnsRig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.end();
});

const shop = '[[forward]]\nnamespaces = ["shop"]\ndomain = "dev.test"\n';

describe.skipIf(!onLinux)("the services of a namespace", () => {
  test("have their addresses, and the ports that are listened on, also where those need no privilege", async () => {
    const rig = await DnsRig.start(shop, (each) => each.service("web", { http: 80, admin: 7000 }));
    const [address = ""] = await rig.data("web.shop.svc.cluster.local");
    for (const name of ["web", "web.shop", "web.shop.svc", "web.shop.dev.test"]) expect(await rig.data(name)).toEqual([address]);
    const low = firstFreePort() > 80 ? 8080 : 80;
    expect(await rig.data("_http._tcp.web.shop.svc.cluster.local", "SRV")).toEqual([`${low} web.shop.svc.cluster.local`]);
    expect(rig.profile().routes.map(({ url }) => url)).toContain(`${address}:${low}`);
    expect(await rig.data(`${address.split(".").toReversed().join(".")}.in-addr.arpa`, "PTR")).toEqual(["web.shop.svc.cluster.local"]);
    expect((await rig.ask("web.shop.svc.cluster.local", "AAAA")).code).toBe(0);
  });

  test("come and go with the cluster", async () => {
    const rig = await DnsRig.start(shop, (each) => each.service("web", { http: 7000 }));
    await rig.data("web.shop.dev.test");
    rig.service("fresh", { http: 7000 });
    await rig.data("fresh.shop.svc.cluster.local");
    rig.api.cluster.deleteService("shop", "fresh");
    await rig.gone("fresh.shop.svc.cluster.local");
    expect((await rig.ask("shop.svc.cluster.local")).code).toBe(0);
  });

  test("are headless with every ready pod", async () => {
    const rig = await DnsRig.start(shop, (each) => {
      each.service("db", { sql: 5432 }, true);
      for (const pod of ["db-0", "db-1"]) each.pod(pod, "db");
    });
    const pods = [await rig.data("db-0.db.shop.svc.cluster.local"), await rig.data("db-1.db.shop.dev.test")].flat();
    expect(await rig.data("db.shop")).toEqual(pods);
    expect(await rig.data("_sql._tcp.db", "SRV")).toEqual(["5432 db-0.db", "5432 db-1.db"]);
    rig.api.cluster.setReady("shop", "db-0", false);
    await rig.gone("db-0.db.shop.svc.cluster.local");
    expect(await rig.data("db.shop")).toEqual(pods.slice(1));
  });

  test("are called as the profile says that the cluster calls them, from the next reload on", async () => {
    const rig = await DnsRig.start(shop, (each) => each.service("web", { http: 7000 }));
    const [address = ""] = await rig.data("web.shop.svc.cluster.local");
    await rig.write(shop, "tunnels.toml", `[dns]\nlisten = "127.0.0.1:${rig.port}"\ncluster_domain = "k8s.example.com"\n`);
    await eventually("the reload", async () => (await rig.data("web.shop.svc.k8s.example.com"))[0] === address);
    expect((await rig.ask("gone.shop.svc.k8s.example.com")).code).toBe(3);
    expect((await rig.ask("web.shop.svc.cluster.local")).answers).toEqual(["web.shop.svc.cluster.local 60 A 192.0.2.1"]);
  });

  test("with more pods than a datagram has room for are whole by TCP", async () => {
    const rig = await DnsRig.start(shop, (each) => {
      each.service("many", { http: 7000 }, true);
      for (let index = 0; index < 100; index++) each.pod(`many-${index}`, "many");
    });
    await rig.data("many-99.many.shop.svc.cluster.local");
    expect((await rig.ask("many.shop")).isTruncated).toBe(true);
    const [whole] = await askTcp(rig.port, query("many.shop"));
    expect([whole?.isTruncated, new Set(whole?.answers).size]).toEqual([false, 100]);
  });

  test("by the hundred are all there", async () => {
    const rig = await DnsRig.start(shop, (each) => {
      for (let index = 0; index < 200; index++) each.service(`svc-${index}`, { http: 7000 });
    });
    await rig.data("svc-199.shop.svc.cluster.local");
    const addresses = new Set<string>();
    for (let index = 0; index < 200; index++) addresses.add((await rig.data(`svc-${index}.shop.svc.cluster.local`)).join());
    expect(addresses.size).toBe(200);
  });
});

test("routes and names under their suffix lead to the front door, and names of others to the name servers", async () => {
  const rig = await DnsRig.start('[routes]\n"grafana.localhost" = "svc/grafana:80"\n"shop.example.test" = "svc/web:80"\n');
  const front = [rig.base];
  expect(await rig.data("grafana.localhost")).toEqual(front);
  expect(await rig.data("SHOP.example.test")).toEqual(front);
  expect(await rig.data("web-80.svc.shop.ns.demo.cx.k8s.localhost")).toEqual(front);
  expect(await rig.data("other.localhost")).toEqual(["127.0.0.1"]);
  expect(await rig.data("example.test")).toEqual(["192.0.2.1"]);
  expect(rig.upstream.asked).toEqual(["udp example.test"]);
});

test("a second profile's names are served as well, and the address stays until neither wants it", async () => {
  const rig = await DnsRig.start('[routes]\n"one.example.test" = "svc/a:80"\n');
  await rig.write('[routes]\n"two.example.test" = "svc/a:80"\n"one.example.test" = "svc/b:80"\n', "second.toml");
  await rig.pin("second.toml");
  expect(await rig.data("two.example.test")).toEqual([rig.base]);
  expect(await rig.data("one.example.test")).toEqual([rig.base]);
  await rig.write('[routes]\n"one.example.test" = "svc/a:80"\n', "tunnels.toml", "");
  await eventually("the reload", () => rig.profile().listeners.length === 1);
  expect(await rig.data("two.example.test")).toEqual([rig.base]);
  await rig.write("", "second.toml", "");
  await eventually(
    "the end of it",
    async () =>
      await rig.ask("two.example.test").then(
        () => false,
        () => true,
      ),
  );
});

test("a taken port is said in the status with what to do, and is taken when it is free", async () => {
  const [taken = 0] = freePorts(1);
  const other = listenUdp({ host: "127.0.0.1", port: taken, onDatagram() {} });
  const rig = await DnsRig.start("");
  await rig.write("", "tunnels.toml", `[dns]\nlisten = "127.0.0.1:${taken}"\n`);
  const problem = await eventually(
    "the problem",
    () => rig.profile().listeners.find(({ address }) => address.endsWith(`:${taken}`))?.problem,
  );
  expect(problem).toMatchObject({ code: "port-taken", message: expect.stringContaining(`127.0.0.1:${taken}`) });
  expect(problem.hints.join()).toContain("[dns] listen");
  other.close();
  await eventually(
    "its own turn",
    async () =>
      await askUdp(taken, query("x.cluster.local")).then(
        ({ code }) => code === 3,
        () => false,
      ),
  );
});

test("the end of the hub closes it at once", async () => {
  const rig = await DnsRig.start("");
  expect((await rig.ask("gone.cluster.local")).code).toBe(3);
  await rig.stopHub();
  listenUdp({ host: "127.0.0.1", port: rig.port, onDatagram() {} }).close();
  expect(rig.ask("gone.cluster.local")).rejects.toThrow();
});

describe("kt dns status", () => {
  test("says that nothing is attached, and where listening is not asked for", async () => {
    await using home = await SourceHome.make();
    expect(await home.run(["dns", "status"])).toMatchObject({
      exitCode: 1,
      stdout: "no profile is attached\n",
      stderr: "kt: hint: kt up\n",
    });
    const [http = 0] = freePorts(1);
    await writeFile(`${home.project}/tunnels.toml`, `[http]\nlisten = "127.0.0.1:${http}"\n`);
    await home.run(["up", "-d"]);
    const { exitCode, stdout, stderr } = await home.run(["dns"]);
    expect([exitCode, stdout]).toEqual([1, "no attached profile says where to listen\n"]);
    expect(stderr).toContain('listen = "127.0.0.1:8953" under [dns]');
    expect((await home.run(["dns", "stats"])).exitCode).toBe(2);
  });

  test("proves by a query that the server answers, and says whether this machine's resolver asks it", async () => {
    await using home = await SourceHome.make();
    const [http = 0, dns = 0] = freePorts(2);
    const routes = '[routes]\n"web.kt-proof.test" = "svc/web:80"\n';
    await writeFile(`${home.project}/tunnels.toml`, `[http]\nlisten = "127.0.0.1:${http}"\n[dns]\nlisten = "127.0.0.1:${dns}"\n${routes}`);
    await home.run(["up", "-d"]);
    const { exitCode, stdout, stderr } = await home.run(["dns", "status"]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      new RegExp(`server {2}127.0.0.1:${dns} says that web.kt-proof.test is 127.0.0.1 \\([0-9.]+ ms by UDP, [0-9.]+ ms by TCP\\)`),
    );
    expect(stdout).toMatch(/system {2}.*it does not ask kt|system {2}.*did not answer in time/);
    expect(stderr).toBe("kt: hint: kt setup dns\n");
    const json = JSON.parse((await home.run(["dns", "status", "--json"])).stdout);
    expect(json).toMatchObject({
      ok: false,
      domains: ["cluster.local"],
      sample: { name: "web.kt-proof.test", addresses: ["127.0.0.1"] },
      listeners: [{ address: `127.0.0.1:${dns}`, open: true, udp: { addresses: ["127.0.0.1"] }, tcp: { addresses: ["127.0.0.1"] } }],
    });
  });
});
