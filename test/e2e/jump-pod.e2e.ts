/** Pods that kt makes for jump hosts: made once, shared, adopted, replaced, refused, and gone in every way that a hub can end. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  adminKubeconfig,
  apply,
  createUser,
  kubectl,
  namespace,
  ownCluster,
  ownNamespace,
  run,
  writeKubeconfig,
} from "#test/support/cluster.ts";
import { Home } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { eventually, within } from "#test/support/wait.ts";

/** The images with socat and nc are only on our own cluster. */
const cases = describe.skipIf(!ownCluster);

let space: Awaited<ReturnType<typeof ownNamespace>>;
/** A pod's address, which only the cluster reaches. */
let address: string;
const homes: Home[] = [];

beforeAll(async () => {
  space = await ownNamespace("jump-pod");
  await kubectl("label", "namespace", space.name, "pod-security.kubernetes.io/enforce=restricted");
  address = (await kubectl("-n", namespace, "get", "pod", "single", "-o", "jsonpath={.status.podIP}")).trim();
}, 60_000);
afterEach(async () => {
  for (const home of homes.splice(0)) await home.close();
  await kubectl("-n", space.name, "delete", "pods,resourcequotas", "--all", "--now", "--wait=true");
}, 60_000);
afterAll(async () => await space?.remove());

interface PodObject {
  readonly metadata: { readonly uid: string; readonly annotations?: Record<string, string>; readonly labels?: Record<string, string> };
  readonly status: { readonly phase: string; readonly startTime: string };
}

/** One machine with one profile, whose routes go to the echo server over a pod that is made for it. */
class Machine {
  readonly home: Home;
  readonly http: number;
  readonly tcp: number;

  constructor(kubeconfig = adminKubeconfig) {
    this.home = new Home({ KUBECONFIG: kubeconfig });
    homes.push(this.home);
    [this.http = 0, this.tcp = 0] = freePorts(2);
  }

  write(create: string, more = ""): void {
    this.writeVia(`{ pod = "kt-jump", create = { ${create} } }`, more);
  }

  writeVia(via: string, more = ""): void {
    const front = `namespace = "${space.name}"\n[http]\nlisten = ["127.0.0.1:${this.http}"]\n`;
    const route = `[tcp."127.0.0.1:${this.tcp}"]\ntarget = "${address}:7000"\nvia = ${via}\n`;
    this.home.write("tunnels.toml", front + route + more);
  }

  async up(create = 'image = "kt.test/jump:1"', more = ""): Promise<this> {
    this.write(create, more);
    // Another image than kt's own needs consent.
    await this.ok("allow");
    await this.ok("up", "-d");
    return this;
  }

  async ok(...args: readonly string[]): Promise<string> {
    return await this.home.ok(...args);
  }

  async logs(): Promise<string> {
    return await this.ok("logs");
  }

  /** Sends a text through the route and waits for it to come back. */
  async echo(text = "hello", port = this.tcp): Promise<RawClient> {
    const client = await RawClient.open(port);
    client.write(text);
    try {
      await within(60_000, `the echo of "${text}"`, client.readUntil(text));
      return client;
    } catch (error) {
      throw new Error(`${String(error)}\n${await this.logs()}`);
    }
  }

  /** A connection that is refused, and why. */
  async problem(pattern: RegExp): Promise<string> {
    const client = await RawClient.open(this.tcp);
    client.write("hello");
    await within(60_000, "the connection to be closed", client.readToEnd());
    return await eventually(`${pattern} in the logs`, async () => {
      const logs = await this.logs();
      if (pattern.test(logs)) return logs;
      throw new Error(logs);
    });
  }

  killHub(): void {
    for (const pid of this.home.pids()) process.kill(pid, "SIGKILL");
  }
}

const machine = (kubeconfig?: string): Machine => new Machine(kubeconfig);

async function podNow(): Promise<PodObject | undefined> {
  const ran = await run(["kubectl", "--kubeconfig", adminKubeconfig, "-n", space.name, "get", "pod", "kt-jump", "-o", "json"]);
  return ran.exitCode === 0 ? (JSON.parse(ran.stdout) as PodObject) : undefined;
}

const uidNow = async (): Promise<string | undefined> => (await podNow())?.metadata.uid;
const gone = (withinMs = 30_000): Promise<true> =>
  eventually("the pod to be gone", async () => (await podNow()) === undefined, withinMs, 100);

/** A pod that kt did not make. */
async function foreignPod(image: string): Promise<void> {
  const restricted = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
  const spec = {
    terminationGracePeriodSeconds: 0,
    securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
    containers: [{ name: "main", image, command: ["sleep", "1000"], securityContext: restricted }],
  };
  await apply({ apiVersion: "v1", kind: "Pod", metadata: { namespace: space.name, name: "kt-jump" }, spec });
}

cases("a jump pod", () => {
  test("is made once for twenty first connections, in a restricted namespace, and is gone after kt down", async () => {
    const ann = await machine().up();
    const clients = await Promise.all(Array.from({ length: 20 }, (_, index) => ann.echo(`first ${index};`)));
    expect((await ann.logs()).match(/was made/g)?.length).toBe(1);
    expect((await podNow())?.metadata.labels).toMatchObject({ "app.kubernetes.io/managed-by": "kt" });
    expect((await podNow())?.metadata.annotations?.["kt.dev/routes"]).toBe(`127.0.0.1:${ann.tcp}`);
    for (const client of clients) client.abort();
    await ann.ok("down");
    await gone();
  });

  test("survives a hub that was killed, and is known by the next", async () => {
    const ann = await machine().up();
    (await ann.echo()).abort();
    const uid = await uidNow();
    ann.killHub();
    await ann.ok("up", "-d");
    (await ann.echo()).abort();
    expect(await uidNow()).toBe(uid as string);
    await ann.ok("down");
    await gone();
  });

  test("is made again when it was deleted", async () => {
    const ann = await machine().up();
    (await ann.echo()).abort();
    const uid = await uidNow();
    await kubectl("-n", space.name, "delete", "pod", "kt-jump", "--wait=true");
    (await ann.echo()).abort();
    expect(await uidNow()).not.toBe(uid as string);
  });

  test("is shared by two users: the first who leaves leaves it, the last removes it", async () => {
    const [ann, bob] = [await machine().up(), await machine().up()];
    (await ann.echo()).abort();
    const client = await bob.echo();
    const uid = await uidNow();
    await ann.ok("down");
    await eventually("ann's hub to end", () => ann.home.pids().length === 0);
    client.write("still here");
    await client.readUntil("still here");
    expect(await uidNow()).toBe(uid as string);
    client.abort();
    await bob.ok("down");
    await gone();
  });

  test("is removed with the hub when that gets a signal to end", async () => {
    const ann = await machine().up();
    (await ann.echo()).abort();
    for (const pid of ann.home.pids()) process.kill(pid, "SIGTERM");
    await eventually("the hub to end", () => ann.home.pids().length === 0);
    expect(await podNow()).toSatisfy((pod) => pod === undefined || "deletionTimestamp" in pod.metadata);
    await gone();
  });

  test("ends by itself within its time after the hub was killed", async () => {
    const ttlMs = 10_000;
    const ann = await machine().up('image = "kt.test/jump:1", ttl = "10s"');
    await ann.echo();
    ann.killHub();
    const killedMs = performance.now();
    await eventually("the pod to end", async () => (await podNow())?.status.phase === "Succeeded", ttlMs + 5000, 200);
    expect(performance.now() - killedMs).toBeGreaterThan(ttlMs / 2);
  });

  test("stays beyond its time while a connection is open, and is cleared away after it", async () => {
    const ann = await machine().up('image = "kt.test/jump:1", ttl = "5s"');
    const client = await ann.echo();
    const uid = await uidNow();
    const openedMs = performance.now();
    await eventually("twice its time", () => performance.now() - openedMs > 11_000, 20_000);
    client.write("still here");
    await client.readUntil("still here");
    expect(await uidNow()).toBe(uid as string);
    client.abort();
    await eventually("its end in the logs", async () => (await ann.logs()).includes("ended because it was not used"), 60_000, 500);
    await gone();
    (await ann.echo()).abort();
  });

  test("by another definition is replaced by a reload, and the other routes know nothing of it", async () => {
    const [plain = 0] = freePorts(1);
    const more = `[tcp."127.0.0.1:${plain}"]\ntarget = "${namespace}/svc/web:echo"\n[routes]\n"web.localhost" = "${namespace}/svc/web:http"\n`;
    const ann = await machine().up('image = "kt.test/jump:1"', more);
    const kept = await ann.echo("kept", plain);
    const jumped = await ann.echo();
    const front = (): Promise<Response> => fetch(`http://127.0.0.1:${ann.http}/`, { headers: { Host: "web.localhost" }, keepalive: false });
    expect((await front()).status).toBe(200);
    const uid = await uidNow();
    // The HTTP route alone.
    ann.write('image = "kt.test/jump:1"', more.replace("web.localhost", "other.localhost"));
    await eventually("the route to be gone", async () => (await front()).status === 404);
    jumped.write("the jump stays");
    await jumped.readUntil("the jump stays");
    // The jump pod alone.
    ann.write('image = "kt.test/nconly:1"', more);
    await ann.ok("allow");
    await within(10_000, "the old jump to end", jumped.readToEnd());
    (await ann.echo("by nc")).abort();
    expect(await uidNow()).not.toBe(uid as string);
    kept.write("all the while");
    await kept.readUntil("all the while");
    expect((await front()).status).toBe(200);
    // Without the jump route, without the pod.
    ann.home.write("tunnels.toml", `namespace = "${space.name}"\n[http]\nlisten = ["127.0.0.1:${ann.http}"]\n${more}`);
    await gone();
    kept.write("to the end");
    await kept.readUntil("to the end");
    kept.abort();
  });

  test("runs a command of the user's beside its watch", async () => {
    const ann = await machine().up('image = "kt.test/jump:1", command = ["sleep", "infinity"]');
    (await ann.echo()).abort();
    await ann.ok("down");
    await gone();
  });
});

cases("a jump pod that cannot be had", () => {
  test("since its image never comes, says so in time and leaves nothing", async () => {
    const ann = await machine().up('image = "kt.test/none:1", timeout = "20s"');
    const startedMs = performance.now();
    const logs = await ann.problem(/jump pod .* could not be had/);
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    expect(logs).toMatch(/ErrImagePull|ImagePullBackOff/);
    expect(logs).toContain("kt.test/none:1");
    await gone();
  });

  test("since its image has neither socat nor nc, nor a shell, says so", async () => {
    const ann = await machine().up('image = "kt.test/app:1"');
    expect(await ann.problem(/neither socat nor nc/)).toContain("was made");
  });

  test("since its command ends at once, says how", async () => {
    const ann = await machine().up('image = "kt.test/jump:1", command = ["no-such-command"]');
    await eventually("how it ended", async () => {
      const client = await RawClient.open(ann.tcp);
      client.write("hello");
      await within(60_000, "the connection to be cut", client.readToEnd());
      return /exit code 127/.test(await ann.logs());
    });
  });

  test("since a quota forbids it, says so in the cluster's words", async () => {
    await apply({
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { namespace: space.name, name: "tiny" },
      spec: { hard: { pods: "0" } },
    });
    await eventually("the quota to count", async () =>
      (await kubectl("-n", space.name, "get", "quota", "tiny", "-o", "json")).includes('"used"'),
    );
    const ann = await machine().up();
    expect(await ann.problem(/does not take the pod/)).toContain("exceeded quota");
  });

  const readAndExec = [
    { apiGroups: [""], resources: ["pods", "services"], verbs: ["get", "list", "watch"] },
    { apiGroups: [""], resources: ["pods/exec"], verbs: ["get", "create"] },
  ];

  test("for want of a permission names verb and resource", async () => {
    const token = await createUser(space.name, "reader", readAndExec);
    const ann = await machine(await writeKubeconfig({ kt: { user: { token }, namespace: space.name } })).up();
    expect(await ann.problem(/not allowed to/)).toContain(`not allowed to create pods in namespace "${space.name}"`);
  });

  test("without the permission to delete it is left to its own end, and that is said", async () => {
    const token = await createUser(space.name, "maker", [...readAndExec, { apiGroups: [""], resources: ["pods"], verbs: ["create"] }]);
    const ann = await machine(await writeKubeconfig({ kt: { user: { token }, namespace: space.name } })).up(
      'image = "kt.test/jump:1", ttl = "5s"',
    );
    (await ann.echo()).abort();
    const other = ann.home.write("tunnels.toml", `namespace = "${space.name}"\n`);
    await eventually("what is said", async () =>
      /could not be removed and ends by itself: not allowed to delete pods/.test(await ann.logs()),
    );
    expect(other).toBeDefined();
    await eventually("the pod to end by itself", async () => (await podNow())?.status.phase === "Succeeded", 60_000, 200);
  });
});

cases("a pod of that name that kt did not make", () => {
  /** Ends the hub of a machine and holds what is there then against what was. */
  async function leaves(ann: Machine, uid: string | undefined): Promise<void> {
    await ann.ok("down");
    await eventually("the hub to end", () => ann.home.pids().length === 0);
    const after = await podNow();
    expect(after?.metadata.uid).toBe(uid as string);
    expect(after?.status.phase).toBe("Running");
    expect(JSON.stringify(after?.metadata)).not.toContain("kt.dev/");
  }

  test("is refused with words and stays", async () => {
    await foreignPod("kt.test/jump:1");
    const uid = await uidNow();
    const ann = await machine().up();
    expect(await ann.problem(/could not be had/)).toContain("was not made by kt");
    await leaves(ann, uid);
  });

  test("is used as it is where the profile names it without create, and stays", async () => {
    await foreignPod("kt.test/jump:1");
    const uid = await uidNow();
    await kubectl("-n", space.name, "wait", "--for=condition=Ready", "pod/kt-jump", "--timeout=60s");
    const ann = machine();
    ann.writeVia('"pod/kt-jump"');
    await ann.ok("up", "-d");
    (await ann.echo()).abort();
    await leaves(ann, uid);
  });
});
