/** The relay: what only it reaches, and what connections over it do. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { CryptoHasher, listen, spawnSync } from "bun";
import { apply, kubectl, namespace, ownCluster, podsOf, rolledOut } from "#test/support/cluster.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { confined, confinedContainer, RelaySpace } from "#test/support/relay-space.ts";
import { eventually, within } from "#test/support/wait.ts";

/** The image can only be put into the runtime of our own cluster. */
const cases = describe.skipIf(!ownCluster);

let space: RelaySpace;

beforeAll(async () => {
  if (ownCluster) space = await RelaySpace.make("relay");
}, 120_000);
afterEach(() => space?.endCase(), 60_000);
afterAll(() => space?.close(), 120_000);

/** A pod that is replaced only once the next one is ready, and goes on for a while after its endpoint is gone. */
function restrictedDeployment(name: string): object {
  const lifecycle = { preStop: { sleep: { seconds: 3 } } };
  const readinessProbe = { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 1 };
  const template = {
    metadata: { labels: { app: name } },
    spec: { ...confined, containers: [confinedContainer({ lifecycle, readinessProbe })] },
  };
  const spec = { replicas: 1, selector: { matchLabels: { app: name } }, template, strategy: { rollingUpdate: { maxUnavailable: 0 } } };
  return space.object("Deployment", name, { apiVersion: "apps/v1", spec });
}

const isForwarded = (address: string): boolean => address.includes("127.0.0.1");

async function ipOf(kind: string, name: string, path: string, of = namespace): Promise<string> {
  return (await kubectl("-n", of, "get", kind, name, "-o", `jsonpath=${path}`)).trim();
}

/** What the node has been told of a service and what it makes of it: why connections to it are refused. */
async function rulesOf(service: string): Promise<string> {
  const address = await ipOf("service", service, "{.spec.clusterIP}", space.name);
  const slices = await kubectl("-n", space.name, "get", "endpointslices", "-l", `kubernetes.io/service-name=${service}`, "-o", "wide");
  const output = (...command: readonly string[]): string => spawnSync([...command]).stdout.toString();
  const rules = output("nft", "list", "table", "ip", "kube-proxy");
  const ofAddress = rules.split("\n").filter((line) => line.includes(address));
  const said = output("tail", "-n", "20", `${process.env["KT_CLUSTER_DIR"]}/log/proxy.log`);
  return [`${service} at ${address}`, slices, ...ofAddress, said].join("\n");
}

cases("an address without a jump host", () => {
  test("is reached by name, by ClusterIP and by a pod's own address", async () => {
    const clusterIp = await ipOf("service", "web", "{.spec.clusterIP}");
    const podIp = await ipOf("pod", "single", "{.status.podIP}");
    const machine = await space.machine([`web.${namespace}.svc:7000`, `${clusterIp}:7000`, `${podIp}:7000`]).up();
    for (const at of machine.ports.keys()) if (at < 3) (await machine.echoSoon(at)).abort();
    expect((await space.jobs()).length).toBe(1);
  }, 60_000);

  test("that refuses or does not resolve is answered with the relay's words, and others go on", async () => {
    const machine = await space.machine([`web.${namespace}.svc:7000`, `web.${namespace}.svc:7999`, `no-such.${namespace}.svc:80`]).up();
    const open = await machine.echo();
    for (const at of [1, 2]) await machine.refusal(at);
    const logs = await machine.ok("logs");
    expect(logs).toMatch(/the relay cannot connect to web\.\S+:7999: (connection refused|timed out)/);
    expect(logs).toMatch(/the relay cannot connect to no-such\.\S+:80: (no such host name|the host name cannot be resolved now)/);
    open.write("still");
    await within(30_000, "the other connection to go on", open.readUntil("still"));
  }, 60_000);
});

cases("a service that leads to no pod", () => {
  test("as an ExternalName is reached by the relay, also while the pods behind it are replaced", async () => {
    const machine = space.machine(["svc/alias:80"]);
    await apply(
      space.object("Service", "alias", { spec: { type: "ExternalName", externalName: `rolled.${space.name}.svc.cluster.local` } }),
      restrictedDeployment("rolled"),
      space.object("Service", "rolled", { spec: { selector: { app: "rolled" }, ports: [{ port: 80, targetPort: 8080 }] } }),
    );
    await rolledOut(space.name, "rolled");
    await machine.up();
    // The node's rules for a new service come a moment after its pods.
    await eventually("the alias to answer", async () => (await machine.get("/")).includes("pod=rolled-"), 30_000);
    const answers: string[] = [];
    let over = false;
    const asking = (async () => {
      while (!over) answers.push(await machine.get("/"));
    })();
    const [before = ""] = await podsOf(space.name, "rolled");
    await kubectl("-n", space.name, "rollout", "restart", "deployment/rolled");
    await rolledOut(space.name, "rolled");
    await kubectl("-n", space.name, "wait", "--for=delete", `pod/${before}`, "--timeout=60s");
    // The nodes may hear later still that it has gone.
    const known = answers.length;
    await eventually("more answers", () => answers.length > known + 50, 60_000);
    over = true;
    await asking;
    const wrong = answers.filter((answer) => !answer.startsWith("HTTP/1.1 200"));
    // Where the node's rules lag behind the pod's own delay, one may have begun when it ended. Any that had not is kt's to try again.
    const begun = wrong.filter((answer) => answer === "" || answer.includes("X-Kt-Error: connection-lost"));
    if (begun.length > 1 || wrong.length > begun.length)
      throw new Error(`${wrong.length} of ${answers.length} answers: ${JSON.stringify(wrong)}\n${await machine.ok("logs")}`);
  }, 120_000);

  test("is forwarded with its namespace, by its own name", async () => {
    const { name } = space;
    const alias = { type: "ExternalName", externalName: `aliased.${name}.svc.cluster.local`, ports: [{ port: 8080 }] };
    await apply(
      space.object("Service", "by-alias", { spec: alias }),
      restrictedDeployment("aliased"),
      space.object("Service", "aliased", { spec: { selector: { app: "aliased" }, ports: [{ port: 8080 }] } }),
    );
    await rolledOut(name, "aliased");
    const forward = `[addresses]\nbase = "127.67.1.1"\n[[forward]]\nnamespaces = ["${name}"]\ninclude = ["by-alias"]\n`;
    const machine = space.machine([], { more: () => forward });
    await machine.ok("allow");
    const ask = [
      "run",
      "-q",
      "--",
      "curl",
      "-sS",
      "--retry",
      "90",
      "--retry-all-errors",
      "--retry-delay",
      "1",
      `http://by-alias.${name}:8080/`,
    ];
    const answer = await machine.ok(...ask);
    if (!answer.includes("pod=aliased-")) throw new Error(`${answer.slice(-200)}\n${await rulesOf("aliased")}`);
  }, 180_000);

  test("as one with an endpoint outside of the cluster is reached by the relay", async () => {
    const outside = listen({ hostname: "10.244.0.1", port: 0, socket: { data: (socket, bytes) => void socket.write(bytes) } });
    await apply(space.object("Service", "outside", { spec: { ports: [{ name: "echo", port: 7000, targetPort: outside.port }] } }), {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { namespace: space.name, name: "outside", labels: { "kubernetes.io/service-name": "outside" } },
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.244.0.1"], conditions: { ready: true } }],
      ports: [{ name: "echo", port: outside.port, protocol: "TCP" }],
    });
    const machine = await space.machine(["svc/outside:7000"]).up();
    (await machine.echoSoon()).abort();
    outside.stop(true);
  }, 60_000);
});

cases("connections over the relay", () => {
  test("carry a gigabyte each way in eight streams, every byte in its place", async () => {
    const machine = await space.machine([`web.${namespace}.svc:80`]).up();
    const { port } = machine;
    const each = 128 * 1024 * 1024;
    await machine.get("/");
    const down = async (seed: number): Promise<void> => {
      const wanted = (await machine.get(`/sha256?n=${each}&seed=${seed}`)).split("\r\n\r\n")[1];
      const response = await fetch(`http://127.0.0.1:${port}/bytes?n=${each}&seed=${seed}`);
      const hasher = new CryptoHasher("sha256");
      for await (const bytes of response.body ?? []) hasher.update(bytes);
      expect(`${hasher.digest("hex")} ${each}\n`).toBe(wanted ?? "");
    };
    const up = async (seed: number): Promise<void> => {
      const bytes = new Uint8Array(each).fill(seed);
      bytes.set(Uint8Array.from({ length: 251 }, (_, at) => at));
      const response = await fetch(`http://127.0.0.1:${port}/sha256`, { method: "POST", body: bytes });
      expect(await response.text()).toBe(`${new CryptoHasher("sha256").update(bytes).digest("hex")} ${each}\n`);
    };
    await Promise.all([1, 2, 3, 4].flatMap((seed) => [down(seed), up(seed)]));
  }, 180_000);

  test("that are not read stop no others, and go on when they are", async () => {
    const machine = await space.machine([`web.${namespace}.svc:80`]).up();
    const { port } = machine;
    const stalled = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(port)));
    for (const client of stalled) {
      client.write("GET /bytes?n=50000000 HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");
      await within(30_000, "the first bytes", client.received(1));
      client.pause();
    }
    for (let round = 0; round < 50; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => machine.get("/")));
      expect(answers.every((answer) => answer.startsWith("HTTP/1.1 200"))).toBe(true);
    }
    for (const client of stalled) client.resume();
    for (const client of stalled) await within(60_000, "the whole download", client.received(50_000_000));
  }, 180_000);

  test("pass on a half-close, and a reset ends only its own", async () => {
    const machine = await space.machine([`web.${namespace}.svc:7002`, `web.${namespace}.svc:7004`, `web.${namespace}.svc:7000`]).up();
    const other = await machine.echo(2);
    const sum = await RawClient.open(machine.port);
    sum.write("counted");
    sum.end();
    expect(await within(30_000, "the sum", sum.readToEnd())).toContain("7");
    // Often: the reset comes at once, before or after what is written to it.
    for (let round = 0; round < 50; round++) {
      const reset = await RawClient.open(machine.ports[1] ?? 0);
      reset.write("x");
      await within(30_000, "the reset", reset.whenClosed());
    }
    other.write("still here");
    await within(30_000, "the other connection to go on", other.readUntil("still here"));
  }, 60_000);
});

cases("with mode always", () => {
  const relay = 'mode = "always"';

  test("connections go over the relay once it is ready, by port-forward while it is gone, and none that had not begun is lost", async () => {
    await space.applyTeller("teller", "8080");
    const machine = await space.machine(["pod/teller:8080"], { relay }).up();
    await eventually("a connection over the relay", async () => !isForwarded(await machine.seenFrom()), 30_000);
    const answers: string[] = [];
    let over = false;
    const asking = Array.from({ length: 4 }, async () => {
      while (!over) answers.push(await machine.seenFrom());
    });
    await kubectl("-n", space.name, "delete", "pod", ...(await space.pods()), "--grace-period=0", "--force");
    await eventually("a connection by port-forward", () => answers.some(isForwarded), 30_000);
    const before = answers.length;
    await eventually(
      "connections over the next relay",
      () => answers.slice(before).some((from) => from !== "" && !isForwarded(from)),
      // Sooner than what a relay cannot reach is tried over it again.
      45_000,
    );
    over = true;
    await Promise.all(asking);
    // Only what had begun when the relay was killed: at most one of each client.
    expect(answers.filter((from) => from === "").length).toBeLessThanOrEqual(4);
  }, 120_000);

  test("a port that is open on its pod's loopback only is reached by port-forward", async () => {
    await space.applyTeller("inside", "127.0.0.1:9000");
    const machine = await space.machine(["pod/inside:9000"], { relay }).up();
    await eventually("an answer", async () => isForwarded(await machine.seenFrom()), 30_000);
    await space.ready();
    for (let times = 0; times < 5; times++) expect(await machine.seenFrom()).toContain("127.0.0.1");
  }, 90_000);
});
