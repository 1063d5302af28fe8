/** Whole namespaces on the real cluster: what kubefwd's users do, each as a case of ours, and what they wait for there. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  apply,
  createUser,
  deployment,
  kubectl,
  ownNamespace,
  podsOf,
  rolledOut,
  service,
  writeKubeconfig,
} from "#test/support/cluster.ts";
import { Kt, statusOf } from "#test/support/kt.ts";
import { listeningAt, plainServices } from "#test/support/plain-services.ts";
import { freePorts, isAlive, residentBytes } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";

interface Route {
  readonly name: string;
  readonly url: string;
  readonly kind: string;
  readonly problem?: { readonly message: string };
}
interface NamespaceState {
  readonly namespace: string;
  readonly services?: number;
  readonly notes: readonly string[];
  readonly problem?: { readonly code: string };
}

/** Each file of tests has a part of 127.0.0.0/8 of its own. */
const base = "127.60.1.1";
const range = "127.60.";

let first: { name: string; remove(): Promise<void> };
let second: { name: string; remove(): Promise<void> };
const open: Kt[] = [];

/** An app that goes on serving until the cluster has heard of its end, as one does that is rolled without losing a request. */
function graceful(ns: string, name: string, replicas: number): object {
  const object = deployment(ns, name, { replicas }) as { spec: { template: { spec: { containers: object[] } } } };
  const { spec } = object.spec.template;
  spec.containers = spec.containers.map((each) => ({ ...each, lifecycle: { preStop: { sleep: { seconds: 1 } } } }));
  return object;
}

function statefulSet(ns: string, name: string): object {
  const { spec, metadata } = deployment(ns, name, { replicas: 2 }) as { spec: object; metadata: object };
  return { apiVersion: "apps/v1", kind: "StatefulSet", metadata, spec: { ...spec, serviceName: name, podManagementPolicy: "Parallel" } };
}

async function serve(forward: string, env: Readonly<Record<string, string>> = {}): Promise<Kt> {
  const [port = 0] = freePorts(1);
  const kt = await Kt.serve(port, `[http]\nlisten = ["127.0.0.1:${port}"]\n[addresses]\nbase = "${base}"\n${forward}`, env);
  open.push(kt);
  return kt;
}

async function profileOf(kt: Kt): Promise<{ routes: readonly Route[]; namespaces: readonly NamespaceState[] }> {
  const { profiles } = (await statusOf(kt.home)) as { profiles: { routes: Route[]; namespaces: NamespaceState[] }[] };
  const [profile] = profiles;
  if (!profile) throw new Error("no profile is attached");
  return profile;
}

/** Where a port of a service or pod is listened on: "web.shop:80". */
async function addressOf(kt: Kt, name: string): Promise<string> {
  return await eventually(`a listener for ${name}`, async () => (await profileOf(kt)).routes.find((route) => route.name === name)?.url);
}

/** The name of the pod that answers, on a connection of its own. */
async function podAt(address: string, path = "/"): Promise<string> {
  const response = await fetch(`http://${address}${path}`, { keepalive: false });
  await response.text();
  return response.status === 200 ? (response.headers.get("x-pod") ?? "") : `status ${response.status}`;
}

/** Addresses of our range at which something listens. */
const listening = (): string[] => listeningAt(range);

beforeAll(async () => {
  [first, second] = await Promise.all([ownNamespace("ns-a"), ownNamespace("ns-b")]);
  const names = ["web", "api", "old"];
  await apply(
    ...names.flatMap((name) => [graceful(first.name, name, name === "web" ? 2 : 1), service(first.name, name)]),
    ...[graceful(second.name, "web", 1), service(second.name, "web")],
    statefulSet(first.name, "db"),
    service(first.name, "db", { clusterIP: "None" }),
  );
  await Promise.all([...names.map((name) => rolledOut(first.name, name)), rolledOut(second.name, "web")]);
  await kubectl("-n", first.name, "rollout", "status", "statefulset/db", "--timeout=90s");
});
afterAll(async () => {
  await Promise.all([first?.remove(), second?.remove()]);
});

async function closeAll(): Promise<void> {
  for (const kt of open.splice(0)) await kt.close();
}

describe("forwarding", () => {
  afterAll(closeAll);
  const shop = (): string => `[[forward]]\nnamespaces = ["${first.name}"]\n`;

  test("one namespace: every service answers at its own address", async () => {
    const kt = await serve(shop());
    const pods = await Promise.all(["web", "api", "old"].map(async (name) => await podAt(await addressOf(kt, `${name}.${first.name}:80`))));
    expect(pods.map((pod) => pod.split("-")[0])).toEqual(["web", "api", "old"]);
    expect((await profileOf(kt)).namespaces).toMatchObject([{ namespace: first.name, services: 4, notes: [] }]);
  });

  test("several namespaces and a glob, with a domain; one name in two of them leads to the first", async () => {
    const kt = await serve(`[[forward]]\nnamespaces = ["${first.name}", "${second.name.slice(0, -1)}?"]\ndomain = "dev.test"\n`);
    const addresses = await Promise.all([first, second].map(({ name }) => addressOf(kt, `web.${name}:80`)));
    const pods = await Promise.all(addresses.map((address) => podAt(address)));
    expect(new Set(pods).size).toBe(2);
    const explain = async (name: string): Promise<string> => (await kt.home.run(["explain", name])).stdout;
    expect(await explain(`web.${second.name}.dev.test`)).toContain(addresses[1]?.split(":")[0] ?? "");
    expect(await explain("web")).toContain(`${addresses[0]?.split(":")[0]}\n`);
    expect((await profileOf(kt)).namespaces[1]?.notes).toEqual([`"web" leads to namespace "${first.name}", which comes first`]);
  });

  test("selected by label, included and excluded by name", async () => {
    await kubectl("-n", first.name, "label", "service", "web", "api", "old", "tier=backend", "--overwrite");
    const kt = await serve(`${shop()}selector = "tier=backend"\ninclude = ["*"]\nexclude = ["old*"]\n`);
    await addressOf(kt, `api.${first.name}:80`);
    const services = new Set((await profileOf(kt)).routes.map(({ name }) => name.split(".")[0]));
    expect([...services]).toEqual(["api", "web"]);
  });

  test("ports mapped by the profile; two that meet: one is listened on, and the other is said", async () => {
    const kt = await serve(`${shop()}include = ["web"]\nports = { 80 = 7000 }\n`);
    const address = await addressOf(kt, `web.${first.name}:80`);
    expect(address).toEndWith(":7000");
    expect(await podAt(address)).toStartWith("web-");
    expect((await profileOf(kt)).namespaces[0]?.notes).toEqual([
      "svc/web: port 7000 is not listened on: local port 7000 stands for port 80 already",
    ]);
  });

  test("headless: each ready pod by its own name, the service by any of them", async () => {
    const kt = await serve(shop());
    for (const pod of ["db-0", "db-1"]) expect(await podAt(await addressOf(kt, `${pod}.db.${first.name}:80`))).toBe(pod);
    expect(await podAt(await addressOf(kt, `db.${first.name}:80`))).toStartWith("db-");
    const before = await addressOf(kt, `db-1.db.${first.name}:80`);
    await kubectl("-n", first.name, "delete", "pod", "db-1", "--wait=true");
    await kubectl("-n", first.name, "rollout", "status", "statefulset/db", "--timeout=60s");
    await eventually("db-1 to answer again", async () => (await podAt(await addressOf(kt, `db-1.db.${first.name}:80`))) === "db-1", 20_000);
    expect(await addressOf(kt, `db-1.db.${first.name}:80`)).toBe(before);
  });
});

/** Asks on connections of their own for as long as `during` takes; the failures. */
async function failuresWhile(
  address: string,
  during: () => Promise<void>,
): Promise<{ readonly asked: number; readonly failed: readonly string[] }> {
  let [asked, isOver] = [0, false];
  const failed: string[] = [];
  const client = async (): Promise<void> => {
    while (!isOver) {
      asked += 1;
      const pod = await podAt(address).catch((error: Error) => error.message);
      if (!/^web-/.test(pod)) failed.push(pod);
    }
  };
  const clients = Array.from({ length: 4 }, client);
  await during();
  isOver = true;
  await Promise.all(clients);
  return { asked, failed };
}

describe("pods that come and go", () => {
  let kt: Kt;
  let address: string;
  beforeAll(async () => {
    kt = await serve(`[[forward]]\nnamespaces = ["${first.name}"]\ninclude = ["web"]\n`);
    address = await addressOf(kt, `web.${first.name}:80`);
  });
  afterAll(closeAll);

  test("a rolling update while four clients ask: none of their requests fails", async () => {
    const old = await podsOf(first.name, "web");
    const { asked, failed } = await failuresWhile(address, async () => {
      await kubectl("-n", first.name, "rollout", "restart", "deployment/web");
      await rolledOut(first.name, "web");
    });
    expect(failed).toEqual([]);
    expect(asked).toBeGreaterThan(100);
    expect(old).not.toContain(await podAt(address));
  }, 60_000);

  test("a deleted pod: the next request is answered by another", async () => {
    const [pod = ""] = await podsOf(first.name, "web");
    const { failed } = await failuresWhile(address, async () => {
      await kubectl("-n", first.name, "delete", "pod", pod, "--wait=true");
    });
    expect(failed).toEqual([]);
    await rolledOut(first.name, "web");
  }, 60_000);

  test("scaled to none and to three: all three answer, on every port of the service", async () => {
    await kubectl("-n", first.name, "scale", "deployment/web", "--replicas=0");
    await kubectl("-n", first.name, "wait", "--for=delete", "pod", "-l", "app=web", "--timeout=30s");
    expect(await podAt(address)).toStartWith("status 50");
    await kubectl("-n", first.name, "scale", "deployment/web", "--replicas=3");
    await rolledOut(first.name, "web");
    const pods = new Set<string>();
    await eventually("all three", async () => pods.add(await podAt(address)).size === 3, 20_000);
    const others = await Promise.all(["8081"].map(async (port) => await podAt(await addressOf(kt, `web.${first.name}:${port}`))));
    expect(others.every((pod) => pods.has(pod))).toBe(true);
  }, 60_000);

  test("a service that is created is reachable within half a second, and one that is deleted is gone", async () => {
    kt.rewrite(readFileSync(kt.profile, "utf8").replace('include = ["web"]', ""));
    await addressOf(kt, `api.${first.name}:80`);
    for (const pod of ["db-0", "db-1"]) await addressOf(kt, `${pod}.db.${first.name}:80`);
    const before = new Set(listening());
    await apply(service(first.name, "fresh", { selector: { app: "api" } }));
    const createdMs = performance.now();
    const [fresh = ""] = await eventually(
      "another address",
      () => {
        const found = listening().filter((each) => !before.has(each));
        return found.length > 0 && found;
      },
      5_000,
      5,
    );
    expect(await podAt(`${fresh}:80`)).toStartWith("api-");
    expect(performance.now() - createdMs).toBeLessThan(500);
    await kubectl("-n", first.name, "delete", "service", "fresh");
    await eventually("its address to be free", () => !listening().includes(fresh), 1_000, 5);
  });
});

describe("what may not be done, and the end", () => {
  afterAll(closeAll);

  test("a user who may list services and not watch them, nor list namespaces", async () => {
    const token = await createUser(first.name, "forwarder", [
      { apiGroups: [""], resources: ["services"], verbs: ["get", "list"] },
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
      { apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"] },
    ]);
    const kubeconfig = await writeKubeconfig({ few: { namespace: first.name, user: { token } } });
    const kt = await serve(`[[forward]]\nnamespaces = ["${first.name}", "team-*"]\n`, { KUBECONFIG: kubeconfig });
    expect(await podAt(await addressOf(kt, `api.${first.name}:80`))).toStartWith("api-");
    const { namespaces } = await eventually("both to be known", async () => {
      const profile = await profileOf(kt);
      return profile.namespaces.length === 2 && profile.namespaces[0]?.notes.length === 1 && profile;
    });
    expect(namespaces[0]?.notes).toEqual(["watching is not allowed here, so it is asked for every 3 s"]);
    expect(namespaces[1]).toMatchObject({ namespace: "team-*", problem: { code: "forbidden" } });
  });

  test("the end takes less than two seconds, and leaves no listener and no process", async () => {
    await closeAll();
    const kt = await serve(`[[forward]]\nnamespaces = ["${first.name}", "${second.name}"]\n`);
    expect(await podAt(await addressOf(kt, `web.${second.name}:80`))).toStartWith("web-");
    const startedMs = performance.now();
    const { pid } = kt;
    kt.process.kill("SIGTERM");
    await kt.process.exited;
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(listening()).toEqual([]);
    expect(isAlive(pid)).toBe(false);
  });

  test("killed in the middle of a change, the next one has the same addresses", async () => {
    const kt = await serve(`[[forward]]\nnamespaces = ["${first.name}"]\n`);
    const before = await addressOf(kt, `api.${first.name}:80`);
    // Until the addresses are on disk.
    await eventually("the file", () => readFileSync(`${kt.home.env["HOME"]}/.local/state/kt/addresses.json`, "utf8").includes("svc/api"));
    await apply(service(first.name, "aaa"));
    kt.process.kill("SIGKILL");
    await kt.process.exited;
    expect(listening()).toEqual([]);
    kt.home.start(["serve", "-f", kt.profile]);
    expect(await addressOf(kt, `api.${first.name}:80`)).toBe(before);
    await kubectl("-n", first.name, "delete", "service", "aaa");
  });
});

test("sixty services in four namespaces listen within a second, a thousand within three", async () => {
  const names = Array.from({ length: 5 }, (_, at) => `${first.name}-${at}`);
  const remove = await plainServices(Object.fromEntries(names.map((name, at) => [name, at === 4 ? 1000 : 15])));
  try {
    const cases = [
      [names.slice(0, 4), 60, 1_000],
      [names.slice(4), 1000, 3_000],
    ] as const;
    for (const [wanted, count, withinMs] of cases) {
      const startedMs = performance.now();
      const kt = await serve(`[[forward]]\nnamespaces = ${JSON.stringify(wanted)}\n`);
      await eventually(`${count} listeners`, () => listening().length === count, 20_000, 10);
      expect(performance.now() - startedMs).toBeLessThan(withinMs);
      expect(residentBytes(kt.pid)).toBeLessThan(150 * 1024 * 1024);
      await closeAll();
    }
  } finally {
    await remove();
  }
}, 120_000);
