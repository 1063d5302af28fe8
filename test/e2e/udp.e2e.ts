/** UDP over the relay on a real cluster: DNS, many clients, large datagrams, sessions that end, loss, and what stands in the way. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { apply, deploy, kubectl, ownCluster, ownNamespace, podsOf, run } from "#test/support/cluster.ts";
import { DatagramRecorder } from "#test/support/datagram-recorder.ts";
import { binary, Home } from "#test/support/kt.ts";
import { NetworkSpace } from "#test/support/network-space.ts";
import { freePorts } from "#test/support/process.ts";
import { importRelayImage } from "#test/support/relay-image.ts";
import { eventually, within } from "#test/support/wait.ts";
import { connectUdp } from "#net/udp.ts";

/** The image can only be put into the runtime of our own cluster. */
const cases = describe.skipIf(!ownCluster);

const root = new URL("../../", import.meta.url).pathname;
const udpPort = 7001;
/** Where the cluster's DNS listens, which is not a pod here. */
const dnsAddress = "10.244.0.1";

let space: Awaited<ReturnType<typeof ownNamespace>>;
let image: Awaited<ReturnType<typeof importRelayImage>>;
let begun: DatagramRecorder | undefined;
let home: Home;
/** Local ports by what they lead to. */
const local = { http: 0, echo: 0, dns: 0, dnsByAddress: 0, refused: 0, tcp: 0, short: 0 };

const profile = (relay = `image = "${image.name}"`): string => `namespace = "${space.name}"
[relay]
${relay}
[http]
listen = ["127.0.0.1:${local.http}"]
[udp]
"127.0.0.1:${local.echo}" = "svc/echo:udp"
"127.0.0.1:${local.dns}" = "svc/kube-dns:53"
"127.0.0.1:${local.dnsByAddress}" = "${dnsAddress}:53"
"127.0.0.1:${local.refused}" = "svc/echo:refused"
"127.0.0.1:${local.tcp}" = "svc/echo:http"
[udp."127.0.0.1:${local.short}"]
target = "svc/echo:udp"
session_timeout = "300ms"
`;

beforeAll(async () => {
  if (!ownCluster) return;
  [image, space] = await Promise.all([importRelayImage(), ownNamespace("udp")]);
  const ports = freePorts(Object.keys(local).length);
  for (const [at, name] of Object.keys(local).entries()) local[name as keyof typeof local] = ports[at] ?? 0;
  await deploy(space.name, "echo", { replicas: 2 });
  const metadata = { namespace: space.name, name: "kube-dns" };
  const ofEcho = [
    { name: "udp", port: 53, targetPort: udpPort, protocol: "UDP" },
    { name: "refused", port: 54, targetPort: 7999, protocol: "UDP" },
    { name: "http", port: 80, targetPort: 8080 },
  ];
  const dns = { name: "dns", port: 53, protocol: "UDP" };
  await apply(
    { apiVersion: "v1", kind: "Service", metadata: { ...metadata, name: "echo" }, spec: { selector: { app: "echo" }, ports: ofEcho } },
    { apiVersion: "v1", kind: "Service", metadata, spec: { ports: [{ ...dns, targetPort: 53 }] } },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...metadata, name: "kube-dns-1", labels: { "kubernetes.io/service-name": "kube-dns" } },
      addressType: "IPv4",
      ports: [dns],
      endpoints: [{ addresses: [dnsAddress] }],
    },
  );
  home = new Home();
  home.write("tunnels.toml", profile());
  await ok("allow");
  await ok("up", "-d");
  // The relay has started: what asks for less long than that takes is answered. Its port is kept, so that no later client counts as this one.
  begun = await echoed(local.echo, "begin");
}, 180_000);
afterAll(async () => {
  begun?.datagrams.close();
  await home?.close();
  await space?.remove();
  await image?.remove();
}, 60_000);

async function ok(...args: readonly string[]): Promise<string> {
  return await home.ok(...args);
}

interface RouteState {
  readonly name: string;
  readonly state: string;
  readonly openConnections: number;
  readonly totalConnections: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly pods: readonly string[];
  readonly problem?: { readonly message: string; readonly hints: readonly string[] };
  readonly lastProblem?: { readonly code: string; readonly message: string };
}

async function state(port: number): Promise<RouteState> {
  const { profiles } = JSON.parse(await ok("status", "--json")) as { profiles: { routes: RouteState[] }[] };
  const found = profiles.flatMap(({ routes }) => routes).find(({ name }) => name === `127.0.0.1:${port}/udp`);
  if (!found) throw new Error(`no route ${port}/udp`);
  return found;
}

async function client(port: number): Promise<DatagramRecorder> {
  return new DatagramRecorder(await connectUdp({ host: "127.0.0.1", port }));
}

/** Sends until it comes back, as clients of UDP do; `everyMs` apart. */
async function echoed(port: number, text: string, recorder?: DatagramRecorder, everyMs = 500): Promise<DatagramRecorder> {
  const to = recorder ?? (await client(port));
  to.send(text);
  const again = setInterval(() => to.send(text), everyMs);
  try {
    await within(
      40_000,
      `the echo of "${text}"`,
      to.until(() => to.texts().includes(text)),
    );
    return to;
  } finally {
    clearInterval(again);
  }
}

const dig = (port: number, ...args: readonly string[]) =>
  run(["dig", "@127.0.0.1", "-p", String(port), "+notcp", "+tries=3", "+time=5", ...args]);

cases("UDP", () => {
  test("dig asks the cluster's DNS, by its service and by its address", async () => {
    for (const port of [local.dns, local.dnsByAddress]) {
      const { stdout } = await dig(port, "+short", `echo.${space.name}.svc.cluster.local`);
      expect(stdout.trim()).toBe((await kubectl("-n", space.name, "get", "service", "echo", "-o", "jsonpath={.spec.clusterIP}")).trim());
    }
  }, 60_000);

  test("a thousand clients each have their own replies", async () => {
    const before = await state(local.echo);
    const clients = await Promise.all(Array.from({ length: 1000 }, () => client(local.echo)));
    const seen = clients.map((each, at) => echoed(local.echo, `client ${at}`, each));
    await Promise.all(seen);
    expect(clients.map((each) => [...new Set(each.texts())])).toEqual(clients.map((_, at) => [`client ${at}`]));
    const after = await state(local.echo);
    expect(after.totalConnections - before.totalConnections).toBe(1000);
    expect(after.openConnections).toBeGreaterThanOrEqual(1000);
    expect(after.pods).toHaveLength(2);
    for (const { datagrams } of clients) datagrams.close();
  }, 120_000);

  test("datagrams of 64 KiB pass both ways, whole", async () => {
    const recorder = await client(local.echo);
    const payload = new Uint8Array(65_507).map((_, at) => at * 31);
    await eventually(
      "a large datagram to come back",
      () => {
        recorder.datagrams.send(payload);
        return recorder.received.length > 0;
      },
      20_000,
      500,
    );
    expect(recorder.received[0]?.every((byte, at) => byte === payload[at])).toBe(true);
    expect(recorder.received[0]?.length).toBe(65_507);
    recorder.datagrams.close();
  }, 60_000);

  test("a session that is silent ends, and its client goes on with another", async () => {
    const recorder = await echoed(local.short, "first");
    await eventually("the session to end", async () => (await state(local.short)).openConnections === 0);
    await echoed(local.short, "second", recorder);
    expect((await state(local.short)).totalConnections).toBeGreaterThanOrEqual(2);
    recorder.datagrams.close();
  }, 60_000);

  test("clients go on when their pod is replaced", async () => {
    const recorder = await echoed(local.echo, "before");
    for (const pod of await podsOf(space.name, "echo")) await kubectl("-n", space.name, "delete", "pod", pod, "--wait=false");
    await eventually(
      "both pods to be other ones",
      async () => {
        await echoed(local.echo, "meanwhile", recorder);
        const { pods } = await state(local.echo);
        const now = await podsOf(space.name, "echo");
        return pods.length === 2 && pods.every((pod) => now.includes(pod));
      },
      60_000,
      200,
    );
    await echoed(local.echo, "after", recorder);
    recorder.datagrams.close();
  }, 120_000);
});

cases("[[forward]]", () => {
  test("listens for the UDP ports of services where there can be a relay, and names what they need where not", async () => {
    for (const relay of [`image = "${image.name}"`, ""]) {
      const other = new Home();
      try {
        const head = `[relay]\n${relay}\n[http]\nlisten = ["127.0.0.1:${freePorts(1)[0]}"]\n`;
        other.write("tunnels.toml", `namespace = "${space.name}"\n${head}[[forward]]\ninclude = ["echo"]\n`);
        for (const args of [["allow"], ["up", "-d"]]) expect((await other.run(args)).exitCode).toBe(0);
        const { profiles } = JSON.parse((await other.run(["status", "--json"])).stdout);
        const [{ routes, namespaces }] = profiles as [{ routes: { name: string; url: string }[]; namespaces: { notes: string[] }[] }];
        const [route, ...more] = routes.filter(({ name }) => name.endsWith(":53/udp"));
        if (relay === "") {
          expect(route).toBeUndefined();
          expect(namespaces[0]?.notes.join()).toContain("port 53 (udp) is UDP, which needs the relay: give it an image in [relay]");
          continue;
        }
        expect(more).toEqual([]);
        const [host = "", port] = route?.url.split(":") ?? [];
        const recorder = new DatagramRecorder(await connectUdp({ host, port: Number(port) }));
        await echoed(0, "forwarded", recorder);
        recorder.datagrams.close();
      } finally {
        await other.close();
      }
    }
  }, 90_000);
});

cases("with a fifth of the datagrams lost between clients and hub", () => {
  test("every client gets its answers by asking again, and those of another port never have to", async () => {
    const other = new Home();
    const net = await NetworkSpace.make(other.path);
    const kt = (...args: readonly string[]) => run(net.inside(binary, ...args), { env: other.env, cwd: `${other.path}/project` });
    try {
      other.write("tunnels.toml", profile());
      for (const args of [["allow"], ["up", "-d"]]) expect((await kt(...args)).exitCode).toBe(0);
      const asked = async (
        port: number,
        clients: number,
        rounds: number,
        retryMs = 1000,
      ): Promise<{ answered: number; retries: number }> => {
        const counts = [port, clients, rounds, retryMs].map(String);
        const { stdout, stderr } = await run(net.inside(process.execPath, `${root}test/support/udp-asker.ts`, ...counts), { cwd: root });
        if (stdout === "") throw new Error(`nothing was printed: ${stderr}`);
        return JSON.parse(stdout);
      };
      for (const port of [local.echo, local.short]) await asked(port, 1, 1);
      await net.lose(20, local.short);
      // On a busy machine an answer may be late: only one that never comes is asked for again.
      const [lossy, clean] = await Promise.all([asked(local.short, 20, 20), asked(local.echo, 20, 200, 20_000)]);
      expect(lossy.answered).toBe(400);
      expect(lossy.retries).toBeGreaterThan(40);
      expect(clean).toEqual({ answered: 4000, retries: 0 });
    } finally {
      await kt("down", "--all");
      await other.close();
      await net.remove();
    }
  }, 120_000);
});

cases("what is wrong is said in one sentence:", () => {
  test("a port of TCP", async () => {
    const { stdout } = await dig(local.tcp, "web.example");
    expect(stdout).toContain("SERVFAIL");
    expect(stdout).toMatch(/EDE: 23 \(Network Error\): \(kt: port 80 of service "[^"]+\/echo" is TCP, and the route is for UDP\)/);
    expect(await state(local.tcp)).toMatchObject({ state: "failed", problem: { hints: ["write the route under [tcp] or [routes]"] } });
  }, 60_000);

  test("a port on which nothing listens, as ICMP reports it", async () => {
    await eventually("the report", async () => (await dig(local.refused, "+tries=1", "web.example")).stdout.includes("SERVFAIL"), 30_000);
    expect((await state(local.refused)).lastProblem).toMatchObject({ code: "target-refused" });
  }, 60_000);

  test.each([
    ["", "UDP needs the relay, which has no image in this profile"],
    ['mode = "never"', "UDP needs the relay, which is switched off in this profile"],
  ])(
    "no relay, by [relay] %s",
    async (relay, message) => {
      const other = new Home();
      try {
        other.write(
          "tunnels.toml",
          profile(relay).replaceAll(/:\d{4,5}"/g, () => `:${freePorts(1)[0]}"`),
        );
        const ran = await other.run(["up", "-d"]);
        expect(ran.exitCode).toBe(0);
        const { profiles } = JSON.parse((await other.run(["status", "--json"])).stdout) as { profiles: { routes: RouteState[] }[] };
        const routes = profiles.flatMap(({ routes: all }) => all);
        expect(routes.map(({ state: how }) => how)).toEqual(routes.map(() => "failed"));
        expect(new Set(routes.map(({ problem }) => problem?.message))).toEqual(new Set([message]));
      } finally {
        await other.close();
      }
    },
    60_000,
  );
});
