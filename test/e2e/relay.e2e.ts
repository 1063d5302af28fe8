/** The relay: what only it reaches, as a Job that is there while it is used and gone afterwards, however the hub ends. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { CryptoHasher, listen } from "bun";
import { apply, kubectl, namespace, ownCluster, ownNamespace, podsOf, rolledOut } from "#test/support/cluster.ts";
import { Home } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { importRelayImage } from "#test/support/relay-image.ts";
import { eventually, within } from "#test/support/wait.ts";

/** The image can only be put into the runtime of our own cluster. */
const cases = describe.skipIf(!ownCluster);

let space: Awaited<ReturnType<typeof ownNamespace>>;
let image: Awaited<ReturnType<typeof importRelayImage>>;
const homes: Home[] = [];

beforeAll(async () => {
  if (!ownCluster) return;
  image = await importRelayImage();
  space = await ownNamespace("relay");
  await kubectl("label", "namespace", space.name, "pod-security.kubernetes.io/enforce=restricted");
}, 120_000);
afterEach(async () => {
  for (const home of homes.splice(0)) await home.close();
  await eventually("the relay to be gone", async () => (await jobs()).length === 0, 40_000, 200);
}, 60_000);
afterAll(async () => {
  await space?.remove();
  await image?.remove();
});

interface JobObject {
  readonly metadata: { readonly name: string; readonly uid: string };
}

async function jobs(): Promise<readonly JobObject[]> {
  return (JSON.parse(await kubectl("-n", space.name, "get", "jobs", "-o", "json")) as { items: JobObject[] }).items;
}

/** One user's machine with a profile whose relay is in the namespace of these tests. */
class Machine {
  readonly home = new Home();
  readonly ports: readonly number[];

  constructor(routes: readonly string[]) {
    homes.push(this.home);
    this.ports = freePorts(routes.length + 1);
    const lines = routes.map((route, at) => `"127.0.0.1:${this.ports[at]}" = ${route}`);
    this.write(`[relay]\nimage = "${image.name}"\n[tcp]\n${lines.join("\n")}\n`);
  }

  write(rest: string): void {
    this.home.write("tunnels.toml", `namespace = "${space.name}"\n[http]\nlisten = ["127.0.0.1:${this.ports.at(-1)}"]\n${rest}`);
  }

  async up(): Promise<this> {
    await this.ok("allow");
    await this.ok("up", "-d");
    return this;
  }

  async ok(...args: readonly string[]): Promise<string> {
    return await this.home.ok(...args);
  }

  /** As `echo`, of a new service: the node's rules for it come a moment after its endpoints, and until then it refuses. */
  async echoSoon(at = 0): Promise<RawClient> {
    return await eventually("the service to accept", () => this.echo(at), 30_000, 250);
  }

  /** Sends a text through a route and waits for it to come back. */
  async echo(at = 0, text = "hello"): Promise<RawClient> {
    const client = await RawClient.open(this.ports[at] ?? 0);
    client.write(text);
    try {
      await within(30_000, `the echo of "${text}"`, client.readUntil(text));
      return client;
    } catch (error) {
      throw new Error(`${String(error)}\n${await this.ok("logs")}`);
    }
  }
}

const named = (kind: string, name: string) => ({ apiVersion: "v1", kind, metadata: { namespace: space.name, name } });

const confined = {
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
  terminationGracePeriodSeconds: 5,
};
const container = (extra: object): object => ({
  name: "app",
  image: "kt.test/app:1",
  imagePullPolicy: "IfNotPresent",
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
  ...extra,
});

/** A pod that is replaced only once the next one is ready, and goes on for a while after its endpoint is gone. */
function restrictedDeployment(name: string): object {
  const lifecycle = { preStop: { sleep: { seconds: 3 } } };
  const readinessProbe = { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 1 };
  const template = { metadata: { labels: { app: name } }, spec: { ...confined, containers: [container({ lifecycle, readinessProbe })] } };
  const spec = { replicas: 1, selector: { matchLabels: { app: name } }, template, strategy: { rollingUpdate: { maxUnavailable: 0 } } };
  return { ...named("Deployment", name), apiVersion: "apps/v1", spec };
}

/** A pod that tells each client from which address it came, listening on its own address or on its loopback only. */
function tellingPod(name: string, listen: string): object {
  const script = "#!/bin/sh\\necho\\necho peer=$REMOTE_ADDR\\n";
  const made = `cd /tmp; /bin/busybox mkdir -p cgi-bin; printf '${script}' >cgi-bin/who; /bin/busybox chmod +x cgi-bin/who`;
  const command = ["/bin/sh", "-c", `${made}; exec /bin/httpd -f -p ${listen} -h /tmp`];
  return { ...named("Pod", name), spec: { ...confined, containers: [container({ image: "kt.test/jump:1", command })] } };
}

/** The address that a telling pod sees its client have: by port-forward the pod's own loopback. */
async function seenFrom(port: number): Promise<string> {
  return /peer=(\S+)/.exec(await get(port, "/cgi-bin/who"))?.[1] ?? "";
}

const isForwarded = (address: string): boolean => address.includes("127.0.0.1");

/** All of the answer to a request on a connection of its own. */
async function get(port: number, path: string): Promise<string> {
  const client = await RawClient.open(port);
  client.write(`GET ${path} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n`);
  return await within(30_000, path, client.readToEnd());
}

async function ipOf(kind: string, name: string, path: string): Promise<string> {
  return (await kubectl("-n", namespace, "get", kind, name, "-o", `jsonpath=${path}`)).trim();
}

cases("an address without a jump host", () => {
  test("is reached by name, by ClusterIP and by a pod's own address", async () => {
    const clusterIp = await ipOf("service", "web", "{.spec.clusterIP}");
    const podIp = await ipOf("pod", "single", "{.status.podIP}");
    const machine = await new Machine([`"web.${namespace}.svc:7000"`, `"${clusterIp}:7000"`, `"${podIp}:7000"`]).up();
    for (const at of machine.ports.keys()) if (at < 3) (await machine.echoSoon(at)).abort();
    expect((await jobs()).length).toBe(1);
  }, 60_000);

  test("that refuses or does not resolve is answered with the relay's words, and others go on", async () => {
    const machine = await new Machine([`"web.${namespace}.svc:7000"`, `"web.${namespace}.svc:7999"`, `"no-such.${namespace}.svc:80"`]).up();
    const open = await machine.echo();
    for (const at of [1, 2]) {
      const client = await RawClient.open(machine.ports[at] ?? 0);
      client.write("hello");
      await within(30_000, "the connection to be closed", client.readToEnd());
    }
    const logs = await machine.ok("logs");
    expect(logs).toMatch(/the relay cannot connect to web\.\S+:7999: (connection refused|timed out)/);
    expect(logs).toMatch(/the relay cannot connect to no-such\.\S+:80: (no such host name|the host name cannot be resolved now)/);
    open.write("still");
    await within(5_000, "the other connection to go on", open.readUntil("still"));
  }, 60_000);
});

cases("a service that leads to no pod", () => {
  test("as an ExternalName is reached by the relay, also while the pods behind it are replaced", async () => {
    const machine = new Machine([`"svc/alias:80"`]);
    await apply(
      { ...named("Service", "alias"), spec: { type: "ExternalName", externalName: `rolled.${space.name}.svc.cluster.local` } },
      restrictedDeployment("rolled"),
      { ...named("Service", "rolled"), spec: { selector: { app: "rolled" }, ports: [{ port: 80, targetPort: 8080 }] } },
    );
    await rolledOut(space.name, "rolled");
    await machine.up();
    // The node's rules for a new service come a moment after its pods.
    await eventually("the alias to answer", async () => (await get(machine.ports[0] ?? 0, "/")).includes("pod=rolled-"), 30_000);
    const answers: string[] = [];
    let over = false;
    const asking = (async () => {
      while (!over) answers.push(await get(machine.ports[0] ?? 0, "/"));
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
    const machine = new Machine([]);
    const { name } = space;
    await apply(
      {
        ...named("Service", "by-alias"),
        spec: { type: "ExternalName", externalName: `aliased.${name}.svc.cluster.local`, ports: [{ port: 8080 }] },
      },
      restrictedDeployment("aliased"),
      { ...named("Service", "aliased"), spec: { selector: { app: "aliased" }, ports: [{ port: 8080 }] } },
    );
    await rolledOut(name, "aliased");
    const forward = `[addresses]\nbase = "127.67.1.1"\n[[forward]]\nnamespaces = ["${name}"]\ninclude = ["by-alias"]\n`;
    machine.write(`[relay]\nimage = "${image.name}"\n${forward}`);
    await machine.ok("allow");
    const ask = [
      "run",
      "-q",
      "--",
      "curl",
      "-sS",
      "--retry",
      "30",
      "--retry-all-errors",
      "--retry-delay",
      "1",
      `http://by-alias.${name}:8080/`,
    ];
    expect(await machine.ok(...ask)).toContain("pod=aliased-");
  }, 120_000);

  test("as one with an endpoint outside of the cluster is reached by the relay", async () => {
    const outside = listen({ hostname: "10.244.0.1", port: 0, socket: { data: (socket, bytes) => void socket.write(bytes) } });
    await apply(
      { ...named("Service", "outside"), spec: { ports: [{ name: "echo", port: 7000, targetPort: outside.port }] } },
      {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { namespace: space.name, name: "outside", labels: { "kubernetes.io/service-name": "outside" } },
        addressType: "IPv4",
        endpoints: [{ addresses: ["10.244.0.1"], conditions: { ready: true } }],
        ports: [{ name: "echo", port: outside.port, protocol: "TCP" }],
      },
    );
    const machine = await new Machine([`"svc/outside:7000"`]).up();
    (await machine.echoSoon()).abort();
    outside.stop(true);
  }, 60_000);
});

cases("connections over the relay", () => {
  test("carry a gigabyte each way in eight streams, every byte in its place", async () => {
    const machine = await new Machine([`"web.${namespace}.svc:80"`]).up();
    const port = machine.ports[0] ?? 0;
    const each = 128 * 1024 * 1024;
    await get(port, "/");
    const down = async (seed: number): Promise<void> => {
      const wanted = (await get(port, `/sha256?n=${each}&seed=${seed}`)).split("\r\n\r\n")[1];
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
    const machine = await new Machine([`"web.${namespace}.svc:80"`]).up();
    const port = machine.ports[0] ?? 0;
    const stalled = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(port)));
    for (const client of stalled) {
      client.write("GET /bytes?n=50000000 HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");
      await within(30_000, "the first bytes", client.received(1));
      client.pause();
    }
    for (let round = 0; round < 50; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => get(port, "/")));
      expect(answers.every((answer) => answer.startsWith("HTTP/1.1 200"))).toBe(true);
    }
    for (const client of stalled) client.resume();
    for (const client of stalled) await within(60_000, "the whole download", client.received(50_000_000));
  }, 180_000);

  test("pass on a half-close, and a reset ends only its own", async () => {
    const machine = await new Machine([`"web.${namespace}.svc:7002"`, `"web.${namespace}.svc:7004"`, `"web.${namespace}.svc:7000"`]).up();
    const other = await machine.echo(2);
    const sum = await RawClient.open(machine.ports[0] ?? 0);
    sum.write("counted");
    sum.end();
    expect(await within(30_000, "the sum", sum.readToEnd())).toContain("7");
    const reset = await RawClient.open(machine.ports[1] ?? 0);
    reset.write("x");
    await within(30_000, "the reset", reset.whenClosed());
    other.write("still here");
    await within(5_000, "the other connection to go on", other.readUntil("still here"));
  }, 60_000);
});

cases("with mode always", () => {
  async function always(routes: string): Promise<Machine> {
    const machine = new Machine(["none"]);
    machine.write(`[relay]\nmode = "always"\nimage = "${image.name}"\n${routes.replaceAll("PORT", String(machine.ports[0]))}`);
    return await machine.up();
  }

  /** Also runs `kubectl` to see the relay's pod. */
  const relayPods = async (): Promise<string> => await kubectl("-n", space.name, "get", "pods", "-l", "app.kubernetes.io/name=kt-relay");

  test("connections go over the relay once it is ready, by port-forward while it is gone, and none that had not begun is lost", async () => {
    await apply(tellingPod("teller", "8080"));
    await kubectl("-n", space.name, "wait", "--for=condition=Ready", "pod/teller", "--timeout=60s");
    const machine = await always(`[tcp]\n"127.0.0.1:PORT" = "pod/teller:8080"\n`);
    const port = machine.ports[0] ?? 0;
    await eventually("a connection over the relay", async () => !isForwarded(await seenFrom(port)), 30_000);
    const answers: string[] = [];
    let over = false;
    const asking = Array.from({ length: 4 }, async () => {
      while (!over) answers.push(await seenFrom(port));
    });
    await kubectl("-n", space.name, "delete", "pod", "-l", "app.kubernetes.io/name=kt-relay", "--grace-period=0", "--force");
    await eventually("a connection by port-forward", () => answers.some(isForwarded), 30_000);
    const before = answers.length;
    await eventually(
      "connections over the next relay",
      () => answers.slice(before).some((from) => from !== "" && !isForwarded(from)),
      60_000,
    );
    over = true;
    await Promise.all(asking);
    // Only what had begun when the relay was killed: at most one of each client.
    expect(answers.filter((from) => from === "").length).toBeLessThanOrEqual(4);
  }, 120_000);

  test("a port that is open on its pod's loopback only is reached by port-forward", async () => {
    await apply(tellingPod("inside", "127.0.0.1:9000"));
    await kubectl("-n", space.name, "wait", "--for=condition=Ready", "pod/inside", "--timeout=60s");
    const machine = await always(`[tcp]\n"127.0.0.1:PORT" = "pod/inside:9000"\n`);
    const port = machine.ports[0] ?? 0;
    await eventually("an answer", async () => isForwarded(await seenFrom(port)), 30_000);
    await eventually("the relay", async () => (await relayPods()).includes("Running"), 30_000);
    for (let times = 0; times < 5; times++) expect(await seenFrom(port)).toContain("127.0.0.1");
  }, 90_000);
});

cases("the Job", () => {
  test("fits the restricted standard, mounts no token, and has limits and an end", async () => {
    const machine = await new Machine([`"web.${namespace}.svc:7000"`]).up();
    await machine.echo();
    const { spec } = JSON.parse(await kubectl("-n", space.name, "get", "job", "-o", "jsonpath={.items[0]}"));
    expect(spec).toMatchObject({ backoffLimit: 0, ttlSecondsAfterFinished: 10 });
    expect(spec.activeDeadlineSeconds).toBeGreaterThan(0);
    const pod = spec.template.spec;
    expect(pod).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } });
    const [container] = pod.containers;
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
    expect(container.resources.limits.memory).toBeString();
  }, 60_000);

  test("is gone within 30 s of kt down", async () => {
    const machine = await new Machine([`"web.${namespace}.svc:7000"`]).up();
    await machine.echo();
    await machine.ok("down");
    await eventually("the Job to be gone", async () => (await jobs()).length === 0, 30_000, 200);
  }, 60_000);

  test("is shared by two users, and stays for the one who goes on", async () => {
    const routes = [`"web.${namespace}.svc:7000"`];
    const [one, other] = [await new Machine(routes).up(), await new Machine(routes).up()];
    const [first, second] = [await one.echo(), await other.echo()];
    expect((await jobs()).length).toBe(1);
    first.abort();
    await one.ok("down");
    second.write("still here");
    await within(5_000, "the other user's connection to go on", second.readUntil("still here"));
    expect((await jobs()).length).toBe(1);
    await other.echo();
  }, 60_000);

  test("is gone within 90 s of a hub that was killed", async () => {
    const machine = await new Machine([`"web.${namespace}.svc:7000"`]).up();
    await machine.echo();
    for (const pid of machine.home.pids()) process.kill(pid, "SIGKILL");
    await eventually("the Job to be gone", async () => (await jobs()).length === 0, 90_000, 500);
  }, 120_000);

  test("is made again when it was deleted under an open connection", async () => {
    const machine = await new Machine([`"web.${namespace}.svc:7000"`]).up();
    const before = await machine.echo();
    const [job] = await jobs();
    await kubectl("-n", space.name, "delete", "job", job?.metadata.name ?? "", "--wait=false");
    await within(40_000, "the connection to be closed", before.readToEnd());
    await machine.echo();
    expect((await jobs())[0]?.metadata.uid).not.toBe(job?.metadata.uid);
  }, 90_000);
});

cases("where the relay cannot run", () => {
  test("the answer says which image is missing", async () => {
    const machine = new Machine([`"web.${namespace}.svc:7000"`]);
    machine.write(`[relay]\nimage = "kt.test/none:1"\n[tcp]\n"127.0.0.1:${machine.ports[0]}" = "web.${namespace}.svc:7000"\n`);
    await machine.up();
    const client = await RawClient.open(machine.ports[0] ?? 0);
    client.write("hello");
    await within(40_000, "the connection to be closed", client.readToEnd());
    expect(await machine.ok("logs")).toMatch(
      /the relay with the image "kt\.test\/none:1" does not start: .*(ErrImagePull|ImagePullBackOff)/,
    );
  }, 60_000);

  test("the answer quotes a quota that forbids pods", async () => {
    await apply({
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { namespace: space.name, name: "none" },
      spec: { hard: { "count/jobs.batch": "0" } },
    });
    const machine = await new Machine([`"web.${namespace}.svc:7000"`]).up();
    const client = await RawClient.open(machine.ports[0] ?? 0);
    client.write("hello");
    await within(40_000, "the connection to be closed", client.readToEnd());
    expect(await machine.ok("logs")).toMatch(/the cluster does not take the relay .*exceeded quota/);
    await kubectl("-n", space.name, "delete", "resourcequota", "none");
  }, 60_000);
});
