/** The relay: what only it reaches, as a Job that is there while it is used and gone afterwards, however the hub ends. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { apply, kubectl, namespace, ownCluster, ownNamespace } from "#test/support/cluster.ts";
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
    const ran = await this.home.run(args);
    if (ran.exitCode !== 0) throw new Error(`kt ${args.join(" ")}: ${ran.exitCode}\n${ran.stdout}${ran.stderr}`);
    return ran.stdout;
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

async function ipOf(kind: string, name: string, path: string): Promise<string> {
  return (await kubectl("-n", namespace, "get", kind, name, "-o", `jsonpath=${path}`)).trim();
}

cases("an address without a jump host", () => {
  test("is reached by name, by ClusterIP and by a pod's own address", async () => {
    const clusterIp = await ipOf("service", "web", "{.spec.clusterIP}");
    const podIp = await ipOf("pod", "single", "{.status.podIP}");
    const machine = await new Machine([`"web.${namespace}.svc:7000"`, `"${clusterIp}:7000"`, `"${podIp}:7000"`]).up();
    for (const at of machine.ports.keys()) if (at < 3) (await machine.echo(at)).abort();
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
