/** [dns] on a real cluster: dig, resolvers of every kind whose /etc/resolv.conf names kt, and name servers of others that fail. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { spawnSync, which } from "bun";
import { dnsLimits } from "#dns/limits.ts";
import { connectUdp } from "#net/udp.ts";
import { apply, deployment, kubectl, ownNamespace, type Ran, rolledOut, run, service } from "#test/support/cluster.ts";
import { query } from "#test/support/dns-client.ts";
import { Kt } from "#test/support/kt.ts";
import { reply, type Say, StubNameServer } from "#test/support/name-server.ts";
import { withResolvConf, writeResolvConf } from "#test/support/own-resolv-conf.ts";
import { plainServices } from "#test/support/plain-services.ts";
import { descriptorCount, freePorts, residentBytes } from "#test/support/process.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";

const root = new URL("../..", import.meta.url).pathname;
const isRoot = process.getuid?.() === 0;

/** Addresses of this file's own: kt's services, kt's DNS, and the name servers of others. */
const base = "127.65.1.1";
const dnsHost = "127.65.200.53";
const otherHosts = ["127.65.200.54", "127.65.200.55"] as const;

let space: { name: string; remove(): Promise<void> };
let folder: Awaited<ReturnType<typeof tempDir>>;
let kt: Kt;
let servers: StubNameServer[];
let frontPort: number;

const known: Say = (asked) => reply(asked, { addresses: ["192.0.2.1"] });
const silent: Say = () => undefined;
const ktConf = (): string => `${folder.path}/kt.conf`;
const clientConf = (): string => `${folder.path}/client.conf`;

const profile = (): string => `[http]
listen = ["127.0.0.1:${frontPort}"]
[addresses]
base = "${base}"
[[forward]]
namespaces = ["${space.name}"]
domain = "dev.test"
[dns]
listen = "${dnsHost}:53"
`;

const fqdn = (name: string): string => `${name}.${space.name}.svc.cluster.local`;

async function startKt(): Promise<void> {
  kt = await Kt.serve(frontPort, profile(), {}, withResolvConf(ktConf()));
  await eventually("the services", async () => (await dig(fqdn("web"))).length > 0);
}

/** As a program whose only name server is kt. */
async function asClient(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const { PATH = "", HOME = "" } = process.env;
  return await run([...withResolvConf(clientConf()), ...command], { env: { PATH, HOME, ...env } });
}

async function digAll(...words: readonly string[]): Promise<string> {
  const { stdout } = await run(["dig", `@${dnsHost}`, "+time=6", "+tries=1", ...words]);
  return stdout;
}

/** The data of the answers. */
async function dig(...words: readonly string[]): Promise<string[]> {
  return (await digAll("+short", ...words)).split("\n").filter((line) => line !== "" && !line.startsWith(";"));
}

const statusIn = (text: string): string => /status: (\w+)/.exec(text)?.[1] ?? text;

/** A stateful set and its headless service. */
function database(name: string): object[] {
  const { spec, metadata } = deployment(space.name, name, { replicas: 2 }) as { spec: object; metadata: object };
  const set = {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata,
    spec: { ...spec, serviceName: name, podManagementPolicy: "Parallel" },
  };
  return [set, service(space.name, name, { clusterIP: "None" })];
}

/** A headless service with so many pods that only its slice knows. */
function crowd(name: string, count: number): object[] {
  const endpoints = Array.from({ length: count }, (_, index) => ({
    addresses: [`192.0.2.${index + 1}`],
    conditions: { ready: true },
    targetRef: { kind: "Pod", name: `${name}-${index}`, namespace: space.name },
  }));
  const metadata = { namespace: space.name, name, labels: { "kubernetes.io/service-name": name, "service.kubernetes.io/headless": "" } };
  const ports = [{ name: "sql", port: 5432, protocol: "TCP" }];
  return [
    { apiVersion: "v1", kind: "Service", metadata: { namespace: space.name, name }, spec: { clusterIP: "None", ports } },
    { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata, addressType: "IPv4", endpoints, ports },
  ];
}

describe.skipIf(!isRoot || which("dig") === null)("names by DNS", () => {
  beforeAll(async () => {
    [frontPort = 0] = freePorts(1);
    folder = await tempDir();
    servers = otherHosts.map((host) => new StubNameServer(known, { host, port: 53 }));
    writeResolvConf(ktConf(), otherHosts);
    writeResolvConf(clientConf(), [dnsHost], "options timeout:6 attempts:1\n");
    space = await ownNamespace("dns");
    await apply(deployment(space.name, "web"), service(space.name, "web"), ...database("db"), ...crowd("many", 100));
    await Promise.all([rolledOut(space.name, "web"), kubectl("-n", space.name, "rollout", "status", "statefulset/db", "--timeout=90s")]);
    await startKt();
  }, 120_000);

  afterAll(async () => {
    await kt?.close();
    for (const server of servers ?? []) server[Symbol.dispose]();
    await space?.remove();
    await folder?.[Symbol.asyncDispose]();
  });

  test("dig: every kind of record of a service, and what is not there", async () => {
    const [address = ""] = await dig(fqdn("web"));
    expect(address).toStartWith("127.65.");
    for (const name of ["web", `web.${space.name}`, `web.${space.name}.svc`, `WEB.${space.name}.dev.test`])
      expect(await dig(name)).toEqual([address]);
    expect(await dig("+tcp", fqdn("web"))).toEqual([address]);
    expect(await digAll(fqdn("web"), "AAAA")).toMatch(/status: NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1[\s\S]*SOA/);
    expect(await dig(`_http._tcp.${fqdn("web")}`, "SRV")).toEqual([`0 0 80 ${fqdn("web")}.`]);
    expect(await dig("-x", address)).toEqual([`${fqdn("web")}.`]);
    expect(await digAll(fqdn("gone"))).toMatch(/status: NXDOMAIN[\s\S]*flags: qr aa[\s\S]*cluster\.local\.\s+1\s+IN\s+SOA/);
    expect(statusIn(await digAll(`${space.name}.svc.cluster.local`))).toBe("NOERROR");
    expect(await digAll(fqdn("web"))).toMatch(/EDNS: version: 0[\s\S]*\s5\s+IN\s+A\s/);
    expect(statusIn(await digAll("+edns=1", "+noednsneg", fqdn("web")))).toBe("BADVERS");
    expect(statusIn(await digAll("+opcode=NOTIFY", fqdn("web")))).toBe("NOTIMP");
    expect(statusIn(await digAll("CH", "TXT", "version.bind"))).toBe("REFUSED");
  });

  test("a headless service has all of its pods, which come and go with it", async () => {
    const pods = async (): Promise<string[]> => (await dig(fqdn("db"))).sort();
    const named = async (...names: string[]): Promise<string[]> =>
      (await Promise.all(names.map((name) => dig(fqdn(`${name}.db`))))).flat().sort();
    await eventually("both pods", async () => (await pods()).length === 2);
    expect(await pods()).toEqual(await named("db-0", "db-1"));
    const targets = (await dig(`_http._tcp.${fqdn("db")}`, "SRV")).sort();
    expect(targets).toEqual(["db-0", "db-1"].map((name) => `0 0 80 ${fqdn(`${name}.db`)}.`));
    await kubectl("-n", space.name, "scale", "statefulset/db", "--replicas=3");
    await eventually("the third pod", async () => (await pods()).length === 3, 60_000);
    expect(await pods()).toEqual(await named("db-0", "db-1", "db-2"));
    await kubectl("-n", space.name, "scale", "statefulset/db", "--replicas=1");
    await eventually("one pod", async () => (await pods()).length === 1, 60_000);
    expect(statusIn(await digAll(fqdn("db-2.db")))).toBe("NXDOMAIN");
  });

  test("what has no room in a datagram comes by TCP: dig, glibc and Go ask again by themselves", async () => {
    await eventually("all of them", async () => (await dig(fqdn("many"))).length === 100);
    expect(await digAll("+ignore", fqdn("many"))).toMatch(/flags: qr aa tc/);
    const glibc = await asClient(["getent", "ahostsv4", fqdn("many")]);
    expect(new Set(glibc.stdout.match(/^127\S+/gm)).size).toBe(100);
    const go = await asClient([`${root}/dist/e2e-client`, "resolve", fqdn("many")]);
    expect(go.stdout.match(/127\.65\.\d+\.\d+/g)).toHaveLength(100);
  });

  const resolvers: Readonly<Record<string, (name: string) => readonly string[]>> = {
    glibc: (name) => ["getent", "ahostsv4", name],
    musl: (name) => {
      const program = `${folder.path}/resolve`;
      expect(spawnSync(["musl-gcc", "-static", "-o", program, `${root}/test/e2e/resolve.c`]).exitCode).toBe(0);
      return [program, name];
    },
    busybox: (name) => ["busybox", "nslookup", name],
    go: (name) => [`${root}/dist/e2e-client`, "resolve", name],
    node: (name) => ["node", "-e", 'require("dns").resolve4(process.argv[1], (error, found) => console.log(error ?? found))', name],
    python: (name) => ["/usr/bin/python3", "-c", "import socket, sys; print(socket.gethostbyname(sys.argv[1]))", name],
    java: (name) => {
      const source =
        "class R { public static void main(String[] a) throws Exception { System.out.println(java.net.InetAddress.getByName(a[0])); } }";
      writeFileSync(`${folder.path}/R.java`, source);
      return ["java", `${folder.path}/R.java`, name];
    },
  };

  test.each(Object.keys(resolvers))("%s resolves names of kt's and those of others, and learns what is not there", async (kind) => {
    const [address = ""] = await dig(fqdn("web"));
    const ask = async (name: string): Promise<string> => {
      const { stdout, stderr } = await asClient(resolvers[kind]?.(name) ?? []);
      return stdout + stderr;
    };
    expect(await ask(fqdn("web"))).toContain(address);
    expect(await ask("www.example.org")).toContain("192.0.2.1");
    expect(await ask(fqdn("gone"))).not.toMatch(/127\.65\.1\.|192\.0\.2\./);
  });

  test("unchanged URLs: curl and Chromium reach the pod by the cluster's name", async () => {
    const url = `http://${fqdn("web")}/`;
    const curl = await asClient(["curl", "-sf", "-o", "/dev/null", "-w", "%{http_code}", url]);
    expect(curl.stdout).toBe("200");
    const flags = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      `--user-data-dir=${folder.path}/chromium`,
    ];
    const chromium = process.env["KT_E2E_CHROMIUM"] ?? "/usr/bin/chromium";
    const page = await asClient([chromium, ...flags, "--dump-dom", url], { HOME: folder.path });
    expect(page.stdout).toContain("web-");
  }, 60_000);

  test("kt dns status: not asked by this machine's resolver it says so and ends with 1, else with 0", async () => {
    const loose = await kt.home.run(["dns", "status"]);
    expect([loose.exitCode, loose.stderr]).toEqual([1, "kt: hint: kt setup dns\n"]);
    expect(loose.stdout).toMatch(/server {2}127\.65\.200\.53:53 says that .* is 127\.65\.[\s\S]*it does not ask kt/);
    const binary = `${root}/dist/kt`;
    const wired = await asClient([binary, "dns", "status"], kt.home.env);
    expect([wired.exitCode, wired.stdout]).toEqual([0, expect.stringContaining("every program finds")]);
    const json = await asClient([binary, "dns", "status", "--json"], kt.home.env);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: true, listeners: [{ open: true }], domains: ["cluster.local", "dev.test"] });
  });

  test("names of others are asked of the servers that resolv.conf names at that moment, and of the next one where one is dead", async () => {
    const [first, second] = servers as [StubNameServer, StubNameServer];
    const before = second.asked.length;
    expect(await dig("one.example.org")).toEqual(["192.0.2.1"]);
    expect(second.asked.length).toBe(before);
    writeResolvConf(ktConf(), [otherHosts[1]]);
    expect(await dig("two.example.org")).toEqual(["192.0.2.1"]);
    expect(second.asked.at(-1)).toBe("udp two.example.org");
    // Nothing listens at the first one.
    writeResolvConf(ktConf(), ["127.65.200.56", otherHosts[0]]);
    expect(await dig("three.example.org")).toEqual(["192.0.2.1"]);
    expect(await dig("+tcp", "four.example.org")).toEqual(["192.0.2.1"]);
    expect(first.asked.at(-1)).toBe("tcp four.example.org");
    // Its own address is left out.
    writeResolvConf(ktConf(), [dnsHost]);
    expect(statusIn(await digAll("five.example.org"))).toBe("REFUSED");
    writeResolvConf(ktConf(), otherHosts);
  });

  test("a name server that says nothing is a failure before programs give up, and kt's own names are not affected", async () => {
    for (const server of servers) server.say = silent;
    const stuck = digAll("stuck.example.org");
    expect(await dig(fqdn("web"))).toHaveLength(1);
    expect(statusIn(await stuck)).toBe("SERVFAIL");
    expect(await stuck).toContain("kt: no name server of this machine answered in time");
    for (const server of servers) server.say = known;
    expect(await dig("again.example.org")).toEqual(["192.0.2.1"]);
  }, 30_000);

  test("a flood of questions without answers costs neither memory nor descriptors, and own names are answered all the while", async () => {
    for (const server of servers) server.say = silent;
    const [bytes, descriptors] = [residentBytes(kt.pid), descriptorCount(kt.pid)];
    const socket = await connectUdp({ host: dnsHost, port: 53 });
    let answers = 0;
    socket.start({ onDatagram: () => (answers += 1), onUnreachable() {}, onClose() {} });
    for (let round = 0; round < 20; round++) {
      for (let index = 0; index < 500; index++) socket.send(query(`${round}-${index}.example.org`));
      expect(await dig(fqdn("web"))).toHaveLength(1);
    }
    expect(descriptorCount(kt.pid) - descriptors).toBeLessThan(dnsLimits.forwardedAtOnce * otherHosts.length + 10);
    expect(answers).toBeGreaterThan(1000);
    for (const server of servers) server.say = known;
    await eventually("the end of it", async () => (await dig("after.example.org")).length === 1);
    await eventually("the last socket", () => descriptorCount(kt.pid) <= descriptors + 5);
    expect(residentBytes(kt.pid) - bytes).toBeLessThan(40 * 1024 * 1024);
    socket.close();
  }, 60_000);

  test("names of others stand nowhere: neither in the log, nor among the events", async () => {
    expect(await dig("secret-host.example.org")).toEqual(["192.0.2.1"]);
    const events = await kt.home.run(["logs", "-v", "--json"]);
    expect(events.exitCode).toBe(0);
    expect(events.stdout + kt.process.output).not.toContain("secret-host");
  });

  test("a thousand services have five thousand names", async () => {
    const remove = await plainServices({ [`${space.name}-many`]: 1000 });
    try {
      kt.rewrite(profile().replace(`["${space.name}"]`, `["${space.name}", "${space.name}-many"]`));
      const last = `s999.${space.name}-many.svc.cluster.local`;
      await eventually("the last one", async () => (await dig(last)).length === 1, 30_000);
      const names = Array.from({ length: 1000 }, (_, index) => `s${index}.${space.name}-many.svc.cluster.local`);
      writeFileSync(`${folder.path}/names`, names.map((name) => `${name} A\n`).join(""));
      const found = await dig("-f", `${folder.path}/names`);
      expect([found.length, new Set(found).size]).toEqual([1000, 1000]);
    } finally {
      kt.rewrite(profile());
      await remove();
    }
  }, 120_000);

  test("killed, it answers nothing: programs learn that at once; the next one has the same answers", async () => {
    const [address = ""] = await dig(fqdn("web"));
    kt.process.kill("SIGKILL");
    await kt.process.exited;
    const { exitCode, stdout } = await run(["dig", `@${dnsHost}`, "+time=6", "+tries=1", fqdn("web")]);
    expect([exitCode, stdout]).toEqual([9, expect.stringContaining("connection refused")]);
    const state = readFileSync(`${kt.home.path}/home/.local/state/kt/addresses.json`, "utf8");
    expect(state).toContain(address);
    kt.home.start(["serve", "-f", kt.profile], { under: withResolvConf(ktConf()) });
    await eventually("the next one", async () => (await dig(fqdn("web"))).length > 0);
    expect(await dig(fqdn("web"))).toEqual([address]);
  }, 30_000);
});
