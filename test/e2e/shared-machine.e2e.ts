/** Whole namespaces where one cluster, one user and root's rights cannot be taken for granted: two of each, and few rights. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { spawn, spawnSync } from "bun";
import { ApiServer } from "#demo/api-server.ts";
import { startJsonApi } from "#demo/samples.ts";
import { apply, createUser, deploy, kubectl, ownNamespace, run, service, writeKubeconfig } from "#test/support/cluster.ts";
import { Home, Kt, statusOf } from "#test/support/kt.ts";
import { PlainUser } from "#test/support/plain-user.ts";
import { freePorts } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";

interface Route {
  readonly name: string;
  readonly url: string;
  readonly problem?: { readonly message: string };
}
interface NamespaceState {
  readonly namespace: string;
  readonly notes: readonly string[];
}
interface Profile {
  readonly routes: readonly Route[];
  readonly namespaces: readonly NamespaceState[];
}

const isRoot = process.getuid?.() === 0;
/** Where this file has its addresses. */
const base = "127.64.1.1";

let shop: { name: string; remove(): Promise<void> };

function profileOf(forward: string): string {
  return `[http]\nlisten = ["127.0.0.1:${freePorts(1)[0]}"]\n[addresses]\nbase = "${base}"\n${forward}`;
}
const shopForward = (): string => `[[forward]]\nnamespaces = ["${shop.name}"]\n`;

async function profileIn(home: Home | PlainUser): Promise<Profile> {
  const status = home instanceof Home ? await statusOf(home) : JSON.parse((await home.run(["status", "--json"])).stdout);
  const [profile] = (status as { profiles: Profile[] }).profiles;
  if (!profile) throw new Error("no profile is attached");
  return profile;
}

async function serve(forward: string, env: Readonly<Record<string, string>> = {}): Promise<Kt> {
  const text = profileOf(forward);
  return await Kt.serve(Number(/:(\d+)"/.exec(text)?.[1]), text, env);
}

async function addressOf(kt: Kt, name: string): Promise<string> {
  return await eventually(
    `a listener for ${name}`,
    async () => (await profileIn(kt.home)).routes.find((route) => route.name === name)?.url,
  );
}

beforeAll(async () => {
  shop = await ownNamespace("shared");
  await deploy(shop.name, "web");
});
afterAll(async () => await shop?.remove());

test("two clusters: the second one's names end with its short name, and its services have addresses of their own", async () => {
  const api = new ApiServer({ graceMs: 50 });
  const program = startJsonApi({ pod: "web-0", service: "web" });
  api.cluster.setService({
    namespace: shop.name,
    name: "web",
    selector: { app: "web" },
    ports: [{ name: "http", port: 80, targetPort: 8080 }],
  });
  api.cluster.setPod({
    namespace: shop.name,
    name: "web-0",
    labels: { app: "web" },
    containerPorts: [],
    backends: new Map([[8080, program.port]]),
  });
  const folder = mkdtempSync(`${tmpdir()}/kt-two-clusters-`);
  writeFileSync(`${folder}/second`, api.kubeconfig({ context: "user@second/cluster" }));
  const kubeconfig = `${await writeKubeconfig({ first: { namespace: shop.name } })}:${folder}/second`;
  try {
    await using kt = await serve(
      `${shopForward()}[[forward]]\ncontext = "tiny"\nnamespaces = ["${shop.name}"]\n[contexts]\ntiny = "user@second/cluster"\n`,
      {
        KUBECONFIG: kubeconfig,
      },
    );
    const first = (await addressOf(kt, `web.${shop.name}:80`)).split(":")[0] ?? "";
    const second = (await addressOf(kt, `web.${shop.name}.tiny:80`)).split(":")[0] ?? "";
    const names = ["web", `web.${shop.name}.svc`, `web.${shop.name}.tiny`, `web.${shop.name}.svc.cluster.local.tiny`];
    const script = names.map((name) => `getent ahostsv4 ${name} | head -1`).join("; ");
    const { stdout } = await kt.home.run(["run", "-q", "-f", kt.profile, "--", "sh", "-c", script]);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0]),
    ).toEqual([first, first, second, second]);
    const ask = ["curl", "-sf", `http://web.${shop.name}.tiny/`];
    expect((await kt.home.run(["run", "-q", "-f", kt.profile, "--", ...ask])).stdout).toContain("web-0");
    expect((await fetch(`http://${first}/`, { keepalive: false })).headers.get("x-pod")).toStartWith("web-");
  } finally {
    program.stop();
    api.close();
    rmSync(folder, { recursive: true });
  }
});

describe.skipIf(!isRoot)("users without rights on this machine", () => {
  const users: PlainUser[] = [];
  const newUser = (uid: number): PlainUser => {
    const user = new PlainUser(uid);
    users.push(user);
    return user;
  };
  const start = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
  const before = readFileSync(start, "utf8");

  beforeAll(() => writeFileSync(start, "1024"));
  afterAll(async () => {
    writeFileSync(start, before);
    for (const user of users) await user.close();
  });

  test("two at once with one namespace: none has an address of the other, and each keeps its own", async () => {
    const both = [newUser(1235), newUser(1236)];
    for (const user of both) user.write(profileOf(shopForward()));
    const attach = async (): Promise<string[][]> => {
      expect((await Promise.all(both.map((user) => user.run(["up", "-d"])))).map(({ exitCode }) => exitCode)).toEqual([0, 0]);
      return await Promise.all(both.map(async (user) => (await profileIn(user)).routes.map(({ url, problem }) => problem?.message ?? url)));
    };
    const [first = [], second = []] = await attach();
    expect([first.length, second.length]).toEqual([10, 10]);
    for (const url of [...first, ...second]) expect(url).toMatch(/^127\.64\.1\.\d+:\d+$/);
    const hosts = [first, second].map((urls) => new Set(urls.map((url) => url.split(":")[0] ?? "")));
    expect(hosts.map(({ size }) => size)).toEqual([1, 1]);
    expect(hosts[0]).not.toEqual(hosts[1]);
    for (const user of both) await user.run(["down", "--all"]);
    await eventually("both hubs to end", () => both.every(({ home }) => home.pids().length === 0));
    expect(await attach()).toEqual([first, second]);
  });

  test("low ports are 8000 higher, kt status says so, and the service answers there, and at its own in kt run", async () => {
    const user = newUser(1237);
    user.write(profileOf(shopForward()));
    await user.run(["up", "-d"]);
    const { routes, namespaces } = await profileIn(user);
    const urlOf = (port: number): string => routes.find(({ name }) => name === `web.${shop.name}:${port}`)?.url ?? "";
    expect([80, 443, 7000].map((port) => urlOf(port).split(":")[1])).toEqual(["8080", "8443", "7000"]);
    expect(namespaces[0]?.notes).toContain(
      "low ports need a privilege that kt does not have: 80 is 8080, 443 is 8443; commands of kt run have them all the same, and every program after kt setup ports",
    );
    const explained = await user.run(["explain", `web.${shop.name}:80`]);
    expect(explained).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("80 by local port 8080 (80 needs a privilege)") });
    const ask = ["curl", "-sf", "-o", "/dev/null", "-w", "%{http_code}"];
    for (const port of ["", ":80", ":8080"])
      expect(await user.run(["run", "-q", "--", ...ask, `http://web.${shop.name}${port}/`])).toEqual({
        exitCode: 0,
        stdout: "200",
        stderr: "",
      });
    const plain = await user.runWithoutNamespaces(["run", "--", "true"]);
    expect(plain.stderr).toContain("the command reaches port 80 of a service at 8080, port 443 of a service at 8443");
    expect(plain.stderr).toContain("kt: hint: kt setup ports\n");
  });

  test("kt run that is killed while names change leaves nothing behind: no file, no hub, and the command ends as it likes", async () => {
    const user = newUser(1238);
    user.write(profileOf(shopForward()));
    const child = spawn([...user.prefix, user.kt, "run", "-q", "--", "sh", "-c", "echo $$; exec sleep 60"], {
      env: user.env,
      cwd: `${user.home.path}/project`,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const pid = Number(new TextDecoder().decode((await child.stdout.getReader().read()).value));
    const hosts = `/proc/${pid}/root/etc/hosts`;
    await apply(...Array.from({ length: 20 }, (_, at) => service(shop.name, `burst-${at}`, { selector: { app: "web" } })));
    await eventually("a new name", () => readFileSync(hosts, "utf8").includes("burst-"));
    child.kill("SIGKILL");
    await child.exited;
    const text = readFileSync(hosts, "utf8");
    expect(
      text
        .split("\n")
        .filter((line) => line.startsWith("127.64."))
        .every((line) => /^127\.64\.1\.\d+( [a-z0-9.-]+)+$/.test(line)),
    ).toBe(true);
    const isOfCommand = (each: number): boolean => each === pid || readFileSync(`/proc/${each}/comm`, "utf8") === "kt-ports\n";
    await eventually("the hub to end", () => user.home.pids().every(isOfCommand));
    process.kill(pid);
    await eventually("what moves its ports to end with it", () => user.home.pids().length === 0);
    expect(readdirSync(`${user.home.path}/run/kt`).filter((name) => name.startsWith("command."))).toEqual([]);
    await kubectl("-n", shop.name, "delete", "service", ...Array.from({ length: 20 }, (_, at) => `burst-${at}`));
  });
});

test.skipIf(!isRoot)("a machine that does not look into its hosts file: the command does", async () => {
  await using home = new Home();
  home.write("tunnels.toml", profileOf(shopForward()));
  const folder = mkdtempSync(`${tmpdir()}/kt-nsswitch-`);
  writeFileSync(`${folder}/nsswitch.conf`, "passwd: files\nhosts: dns\n");
  const inside = `mount --bind ${folder}/nsswitch.conf /etc/nsswitch.conf && exec "$@"`;
  const command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", inside, "sh"];
  try {
    const options = { env: home.env, cwd: `${home.path}/project` };
    const kt = new URL("../../dist/kt", import.meta.url).pathname;
    const ran = await run([...command, kt, "run", "-q", "--", "getent", "hosts", `web.${shop.name}`], options);
    expect(ran).toMatchObject({ exitCode: 0, stderr: "", stdout: expect.stringMatching(/^127\.64\./) });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe("rights in the cluster that are few", () => {
  test("services that may be got by name alone: those of include are served, and the others said", async () => {
    await apply(service(shop.name, "secret", { selector: { app: "web" } }));
    const rules = [
      { apiGroups: [""], resources: ["services"], resourceNames: ["web"], verbs: ["get"] },
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
      { apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"] },
    ];
    const kubeconfig = await writeKubeconfig({ few: { user: { token: await createUser(shop.name, "by-name", rules) } } });
    await using kt = await serve(`${shopForward()}include = ["web", "secret"]\n`, { KUBECONFIG: kubeconfig });
    expect((await fetch(`http://${await addressOf(kt, `web.${shop.name}:80`)}/`)).headers.get("x-pod")).toStartWith("web-");
    const { routes, namespaces } = await profileIn(kt.home);
    expect(namespaces[0]?.notes).toEqual([
      'listing is not allowed here, so "web" is asked for by name, every 3 s; "secret" may not be read',
    ]);
    expect(routes.every(({ name }) => name.startsWith("web."))).toBe(true);
  });
});

test("a namespace that does not exist yet is waited for and said, and served once it is there", async () => {
  const late = `${shop.name}-late`;
  await using kt = await serve(`[[forward]]\nnamespaces = ["${late}", "${shop.name}"]\n`);
  await addressOf(kt, `web.${shop.name}:80`);
  const note = "the namespace is not there yet: its services are forwarded as soon as it is";
  await eventually("the note", async () => (await profileIn(kt.home)).namespaces[0]?.notes.includes(note));
  try {
    await kubectl("create", "namespace", late);
    await deploy(late, "web");
    expect((await fetch(`http://${await addressOf(kt, `web.${late}:80`)}/`)).status).toBe(200);
    expect((await profileIn(kt.home)).namespaces[0]?.notes).not.toContain(note);
  } finally {
    await kubectl("delete", "namespace", late, "--wait=false");
  }
}, 60_000);

test("a container that is started again: every port of the service answers, and the end leaves the machine as it was", async () => {
  const machine = (): string => readFileSync("/etc/hosts", "latin1") + spawnSync(["ip", "-o", "addr", "show", "lo"]).stdout.toString();
  const before = machine();
  await using kt = await serve(shopForward());
  const addresses = await Promise.all([80, 8081].map((port) => addressOf(kt, `web.${shop.name}:${port}`)));
  const answers = async (): Promise<number[]> =>
    await Promise.all(addresses.map(async (address) => (await fetch(`http://${address}/`, { keepalive: false })).status));
  expect(await answers()).toEqual([200, 200]);
  const restarts = ["-n", shop.name, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].status.containerStatuses[0].restartCount}"];
  await fetch(`http://${addresses[0]}/die`, { method: "POST", keepalive: false }).catch(() => {});
  await eventually("the container to be started again", async () => (await kubectl(...restarts)) === "1", 30_000);
  await eventually("all ports to answer", async () => (await answers()).every((code) => code === 200), 30_000);
  const startedMs = performance.now();
  await kt.close();
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  expect(machine()).toBe(before);
}, 90_000);
