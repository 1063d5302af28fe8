/** Jump hosts on a real cluster: every byte both ways, ends and resets, each failure told from the others, and nothing left in the pods. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CryptoHasher, sleep } from "bun";
import {
  apply,
  createUser,
  deployment,
  kubectl,
  namespace,
  ownCluster,
  ownNamespace,
  podsOf,
  readKubeconfig,
  rolledOut,
  service,
  writeKubeconfig,
} from "#test/support/cluster.ts";
import { goClient } from "#test/support/client.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { refuseSpdy, type SpdyRefuser } from "#test/support/spdy-refuser.ts";
import { eventually, within } from "#test/support/wait.ts";

const images = { socat: "kt.test/jump:1", nc: "kt.test/nconly:1", app: "kt.test/app:1" };

/** Of the test app, and of its service; nothing listens on the last. */
const targetPorts = { echo: 7000, sum: 7002, push: 7003, reset: 7004, greet: 7005, refused: 7999 };

/** A pod with these containers, by name. */
function pod(name: string, containers: Readonly<Record<string, string>>): object {
  const list = Object.entries(containers).map(([container, image]) => ({ name: container, image, imagePullPolicy: "IfNotPresent" }));
  return { metadata: { namespace: space.name, name, labels: { app: name } }, spec: { terminationGracePeriodSeconds: 1, containers: list } };
}

let space: Awaited<ReturnType<typeof ownNamespace>>;
let kt: Kt;
let gateway: SpdyRefuser;
/** Where the targets listen: a name and an address that only the cluster knows. */
let target: { readonly name: string; readonly ip: string };

/** Local ports, by what they lead to. */
const ports: Record<string, number> = {};

interface Route {
  readonly to: string;
  readonly via: string;
  readonly more?: string;
}

function routes(): Readonly<Record<string, Route>> {
  const socat = `${space.name}/svc/jump`;
  const nc = `${space.name}/pod/nconly`;
  const container = `${space.name}/pod/pair`;
  const side = 'container = "side"';
  const through = (kind: string, via: string, more?: string): Record<string, Route> =>
    Object.fromEntries(
      Object.entries({ ...targetPorts, web: kind === "nc" ? 8080 : 8081 }).map(([what, port]) => [
        `${kind} ${what}`,
        { to: `${kind === "nc" ? target.ip : target.name}:${port}`, via, ...(more === undefined ? {} : { more }) },
      ]),
    );
  return {
    ...through("socat", socat),
    ...through("nc", nc),
    ...through("container", container, side),
    "nc asked for": { to: `${target.ip}:7000`, via: socat, more: 'method = "nc"' },
    "unknown name": { to: `nosuch.${space.name}.svc.cluster.local:80`, via: socat },
    unreachable: { to: "10.255.255.1:80", via: socat },
    "no tool": { to: `${target.ip}:7000`, via: `${space.name}/pod/pair` },
    "no container": { to: `${target.ip}:7000`, via: container, more: 'container = "nope"' },
    ipv6: { to: "[::1]:7000", via: container, more: side },
    "no pods": { to: `${target.ip}:7000`, via: `${space.name}/svc/empty` },
    "over WebSocket": { to: `${target.ip}:7000`, via: socat, more: 'context = "gateway"' },
    "over WebSocket sum": { to: `${target.ip}:7002`, via: socat, more: 'context = "gateway"' },
    forbidden: { to: `${target.ip}:7000`, via: socat, more: 'context = "limited"' },
  };
}

/** One key of `[tcp]` for each route, and two HTTP routes. */
function profile(http: number): string {
  const tables = Object.entries(routes()).map(([name, { to, via, more = "" }]) => {
    const port = ports[name] ?? 0;
    return `[tcp."127.0.0.1:${port}"]\ntarget = "${to}"\nvia = "${via}"\n${more}\n`;
  });
  const web = (host: string, port: number): string =>
    `[routes."${host}"]\ntarget = "${target.name}:${port}"\nvia = "${space.name}/svc/jump"\n`;
  return `context = "kt"\n[http]\nlisten = ["127.0.0.1:${http}"]\n${web("web.localhost", 8081)}${web("refused.localhost", 7999)}${tables.join("")}`;
}

beforeAll(async () => {
  space = await ownNamespace("jump");
  const jump = deployment(space.name, "jump", { image: images.socat }) as { spec: { template: { spec: object } } };
  const { template } = jump.spec;
  template.spec = {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: "main", image: images.socat, imagePullPolicy: "IfNotPresent" }],
  };
  const pods = [pod("nconly", { main: images.nc }), pod("pair", { app: images.app, side: images.socat })];
  await apply(
    jump,
    service(space.name, "jump"),
    service(space.name, "empty"),
    service(space.name, "target", { selector: { app: "pair" } }),
    ...pods.map((each) => ({ apiVersion: "v1", kind: "Pod", ...each })),
  );
  await rolledOut(space.name, "jump");
  await kubectl("-n", space.name, "wait", "--for=condition=Ready", "pod/nconly", "pod/pair", "--timeout=60s");
  const ip = (await kubectl("-n", namespace, "get", "pod", "single", "-o", "jsonpath={.status.podIP}")).trim();
  target = { name: `web.${namespace}.svc.cluster.local`, ip };
  const watching = {
    apiGroups: ["", "discovery.k8s.io"],
    resources: ["services", "pods", "endpointslices"],
    verbs: ["get", "list", "watch"],
  };
  const token = await createUser(space.name, "no-exec", [watching]);
  const exec = { apiGroups: [""], resources: ["pods/exec"], verbs: ["get", "create"] };
  const execToken = await createUser(space.name, "exec", [watching, exec]);
  gateway = refuseSpdy(String((await readKubeconfig()).clusters[0]?.cluster["server"]), execToken);
  const through = { server: gateway.url, "certificate-authority-data": undefined };
  const kubeconfig = await writeKubeconfig({
    kt: {},
    limited: { user: { token } },
    gateway: { user: {}, cluster: through },
  });
  const names = Object.keys(routes());
  const free = freePorts(names.length + 1);
  for (const [index, name] of names.entries()) ports[name] = free[index + 1] ?? 0;
  kt = await Kt.serve(free[0] ?? 0, profile(free[0] ?? 0), { KUBECONFIG: kubeconfig });
}, 120_000);

afterAll(async () => {
  await kt?.close();
  gateway?.close();
  await space?.remove();
}, 30_000);

const open = (route: string): Promise<RawClient> => RawClient.open(ports[route] ?? 0);
const digest = (bytes: Uint8Array): string => new CryptoHasher("sha256").update(bytes).digest("hex");

/** What runs in a container besides its own program. */
async function processes(podName: string, container?: string): Promise<string[]> {
  const ps = await kubectl(
    "-n",
    space.name,
    "exec",
    podName,
    ...(container === undefined ? [] : ["-c", container]),
    "--",
    "ps",
    "-o",
    "args",
  );
  return ps.split("\n").filter((line) => /socat|\bnc\b|sh -c/.test(line));
}

/** A connection that comes to nothing, and what the log says about it. */
async function problem(route: string, pattern: RegExp, withinMs = 20_000): Promise<void> {
  const client = await open(route);
  client.write("hello");
  expect(await within(withinMs, `the end of "${route}"`, client.readToEnd())).toBe("");
  await eventually(`${pattern} in the log`, async () => {
    const logs = (await kt.home.run(["logs"])).stdout;
    if (pattern.test(logs)) return true;
    throw new Error(logs.slice(-1500));
  });
}

describe.skipIf(!ownCluster).each(["socat", "nc", "container"])("through a jump host (%s)", (way) => {
  test("ten connections at once carry 5 MB both ways", async () => {
    const carry = async (): Promise<void> => {
      const sent = crypto.getRandomValues(new Uint8Array(50_000));
      const client = await open(`${way} echo`);
      for (let count = 0; count < 100; count++) client.write(sent);
      await client.received(5_000_000);
      const received = client.bytes();
      client.end();
      await within(10_000, "the end", client.whenClosed());
      expect(client.receivedBytes).toBe(5_000_000);
      expect(digest(received)).toBe(digest(Buffer.concat(Array.from({ length: 100 }, () => sent))));
    };
    await within(60_000, "ten connections", Promise.all(Array.from({ length: 10 }, carry)));
  }, 60_000);

  test("the client ends first, and the target has all of it and answers then", async () => {
    const sent = crypto.getRandomValues(new Uint8Array(5_000_000));
    const client = await open(`${way} sum`);
    client.write(sent);
    client.end();
    expect(await within(30_000, "the sum", client.readToEnd())).toBe(`${digest(sent)} 5000000\n`);
  }, 30_000);

  test("the client ends first, and still gets a slow answer whole", async () => {
    const client = await open(`${way} web`);
    client.write("GET /slow?d=3s HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");
    client.end();
    expect(await within(15_000, "the answer", client.readToEnd())).toEndWith("slept 3s\n");
  }, 20_000);

  test("the target ends first, and the client has every byte", async () => {
    expect(await goClient("pull", ports[`${way} push`] ?? 0)).toMatchObject({ equal: true, bytes: 8 << 20 });
  });

  test("the target speaks first", async () => {
    const client = await open(`${way} greet`);
    expect(await client.readUntil("\r\n")).toMatch(/^220 \S+ ready\r\n$/);
    client.abort();
  });

  test("the target refuses", async () => {
    await problem(`${way} refused`, /:7999" refused the connection from pod/);
  });
});

describe.skipIf(!ownCluster)("a jump host", () => {
  test("takes the program that is asked for", async () => {
    const client = await open("nc asked for");
    client.write("hello");
    await client.readUntil("hello");
    const [jump = ""] = await podsOf(space.name, "jump");
    expect(await processes(jump)).toContainEqual(expect.stringMatching(/^nc -w 10 [\d.]+ 7000$/));
    client.abort();
  });

  test("passes a reset on", async () => {
    const client = await open("socat reset");
    await within(10_000, "the reset", client.whenClosed());
    expect(client.wasReset).toBe(true);
  });

  test("is reached over a WebSocket where something on the way knows no SPDY", async () => {
    const sent = crypto.getRandomValues(new Uint8Array(3_000_000));
    for (let round = 0; round < 2; round++) {
      const client = await open("over WebSocket");
      client.write(sent);
      await client.received(sent.length);
      expect(digest(client.bytes())).toBe(digest(sent));
      client.end();
      await within(10_000, "the end", client.whenClosed());
    }
    const sum = await open("over WebSocket sum");
    sum.write(sent);
    sum.end();
    expect(await within(20_000, "the sum", sum.readToEnd())).toBe(`${digest(sent)} ${sent.length}\n`);
    expect(gateway.refused).toBe(1);
  }, 40_000);

  test("never cuts a connection that is idle for longer than connecting may take", async () => {
    const clients = await Promise.all(["socat echo", "nc echo", "over WebSocket"].map(open));
    for (const client of clients) {
      client.write("one");
      await client.readUntil("one");
    }
    await sleep(12_000);
    for (const client of clients) {
      client.write("two");
      await client.readUntil("onetwo");
      client.abort();
    }
  }, 30_000);

  test("reaches IPv6 addresses", async () => {
    const client = await open("ipv6");
    client.write("six");
    await client.readUntil("six");
    client.abort();
  });

  test("serves HTTP, with a page where the target refuses", async () => {
    const served = await kt.fetch("web.localhost", "/bytes?n=100000");
    expect([served.status, (await served.arrayBuffer()).byteLength]).toEqual([200, 100_000]);
    const refused = await kt.fetch("refused.localhost", "/", { headers: { Accept: "text/html" } });
    expect([refused.status, refused.headers.get("x-kt-error")]).toEqual([502, "target-refused"]);
    expect(await refused.text()).toContain("refused the connection from pod");
    expect(JSON.stringify(await kt.status())).toContain('"target-refused"');
  });

  test("the name is not known", () => problem("unknown name", /finds no address for "nosuch\./, 30_000), 40_000);

  test(
    "there is no way to the target, which is said in time",
    () => problem("unreachable", /does not get through to "10\.255\.255\.1:80"/),
    30_000,
  );

  test("the image has neither socat nor nc", () => problem("no tool", /container "app" of pod "pair" has neither socat nor nc/));

  test("the pod has no such container", () => problem("no container", /pod "pair" has no container "nope"/));

  test("the service has no pods", () => problem("no pods", /empty/));

  test("exec is not allowed", () => problem("forbidden", /not allowed to create pods\/exec or get pods\/exec/));

  test("is replaced while it is in use, and the next connection goes through the new one", async () => {
    const before = await open("socat echo");
    before.write("before");
    await before.readUntil("before");
    const [old = ""] = await podsOf(space.name, "jump");
    await kubectl("-n", space.name, "delete", "pod", old, "--now", "--wait=false");
    await within(20_000, "the end of what went through the old pod", before.readToEnd());
    const after = await open("socat echo");
    after.write("after");
    expect(await within(30_000, "the echo", after.readUntil("after"))).toBe("after");
    after.abort();
    const [now] = await podsOf(space.name, "jump");
    expect(now).not.toBe(old);
  }, 60_000);
});

describe.skipIf(!ownCluster)("nothing stays in a pod", () => {
  /** What does not end by itself is killed by a command of its own, and a node under load takes seconds to start one. */
  const killedWithinMs = 25_000;

  /** Aborts a download in the middle and an answer that never comes: their targets do not notice by themselves. */
  async function leave(way: string): Promise<void> {
    for (const path of ["/bytes?n=1000000000", "/sse"]) {
      const client = await open(`${way} web`);
      client.write(`GET ${path} HTTP/1.1\r\nHost: web\r\n\r\n`);
      await client.received(100);
      client.abort();
    }
  }

  test.each(["socat", "nc"])(
    "of connections that were given up (%s)",
    async (way) => {
      await leave(way);
      const name = way === "nc" ? "nconly" : ((await podsOf(space.name, "jump"))[0] ?? "");
      await eventually(
        "only the process that waits",
        async () => {
          const left = (await processes(name)).filter((line) => !line.startsWith("sh -c echo"));
          if (left.length === 0) return true;
          throw new Error(left.join("\n"));
        },
        killedWithinMs,
      );
    },
    40_000,
  );

  test("of a kt that was killed", async () => {
    const client = await open("socat echo");
    client.write("hello");
    await client.readUntil("hello");
    const [name = ""] = await podsOf(space.name, "jump");
    await eventually("a connection and a process that waits", async () => {
      const running = await processes(name);
      return running.some((line) => line.startsWith("socat")) && running.some((line) => line.startsWith("sh -c"));
    });
    kt.process.kill("SIGKILL");
    await kt.process.exited;
    await eventually(
      "none",
      async () => {
        const left = await processes(name);
        if (left.length === 0) return true;
        throw new Error(left.join("\n"));
      },
      killedWithinMs,
    );
  }, 40_000);
});
