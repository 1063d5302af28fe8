/** The other way: a pod of the cluster calls a port of this machine by a Service's name; what kt made or replaced is as before afterwards. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { connect as connectH2, createServer as createH2 } from "node:http2";
import { CryptoHasher, listen, serve } from "bun";
import { apply, createUser, kubectl, ownCluster, ownNamespace, run, adminKubeconfig, writeKubeconfig } from "#test/support/cluster.ts";
import { Chromium } from "#test/support/browser.ts";
import { DashboardPage } from "#test/support/dashboard-page.ts";
import { binary, Home } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { importRelayImage } from "#test/support/relay-image.ts";
import { noTerminal, Terminal } from "#test/support/terminal.ts";
import { eventually, within } from "#test/support/wait.ts";

/** The image can only be put into the runtime of our own cluster. */
const cases = describe.skipIf(!ownCluster);

const bulkBytes = 200_000_000;

let space: Awaited<ReturnType<typeof ownNamespace>>;
let image: Awaited<ReturnType<typeof importRelayImage>>;
const homes: Home[] = [];
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  if (!ownCluster) return;
  image = await importRelayImage();
  space = await ownNamespace("reverse");
  await kubectl("label", "namespace", space.name, "pod-security.kubernetes.io/enforce=restricted");
  await apply(caller("caller"), caller("backend", { app: "backend" }, ["/bin/httpd", "-f", "-p", "8080", "-h", "/etc"]));
  await kubectl("-n", space.name, "wait", "--for=condition=Ready", "pod/caller", "pod/backend", "--timeout=60s");
}, 180_000);
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  for (const home of homes.splice(0)) await home.close();
  await eventually("the relays to be gone", async () => (await list("jobs")).length === 0, 60_000, 200);
}, 90_000);
afterAll(async () => {
  await space?.remove();
  await image?.remove();
});

/** A restricted pod with a shell. */
function caller(name: string, labels: Readonly<Record<string, string>> = {}, command = ["/bin/sleep", "1000000"]): object {
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: space.name, name, labels },
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
      terminationGracePeriodSeconds: 1,
      containers: [{ name: "app", image: "kt.test/jump:1", imagePullPolicy: "IfNotPresent", securityContext, command }],
    },
  };
}

interface Listed {
  readonly metadata: { readonly name: string; readonly uid: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: object;
}

async function list(kind: string): Promise<readonly Listed[]> {
  return (JSON.parse(await kubectl("-n", space.name, "get", kind, "-o", "json")) as { items: Listed[] }).items;
}

async function service(name: string): Promise<Listed | undefined> {
  return (await list("services")).find(({ metadata }) => metadata.name === name);
}

/** Of kt itself: the names of all that it made besides its Jobs and Services. */
async function grants(): Promise<readonly string[]> {
  const all = (await Promise.all(["serviceaccounts", "roles", "rolebindings"].map(list))).flat();
  return all.flatMap(({ metadata: { name } }) => (name.startsWith("kt-reverse-") ? [name] : []));
}

/** What a shell command in the calling pod prints. */
async function inPod(script: string): Promise<string> {
  const ran = await run(["kubectl", "--kubeconfig", adminKubeconfig, "-n", space.name, "exec", "caller", "--", "/bin/sh", "-c", script]);
  return `${ran.stdout}${ran.stderr}`;
}

/** The node's rules for a new service come a moment after its endpoints, and until then it refuses. */
async function callSoon(url: string, answer: string): Promise<void> {
  await eventually(`${url} to answer`, async () => (await inPod(`wget -q -O - ${url}`)).includes(answer), 60_000, 250);
}

interface Exposed {
  readonly service: string;
  readonly local: number;
  readonly replace?: boolean;
}

/** One user's machine. */
class Machine {
  readonly home: Home;
  readonly #ports = freePorts(3);

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.home = new Home(env);
    homes.push(this.home);
  }

  /** Local ports that lead to services through the calling pod, so that it is a pod which calls. */
  get through(): readonly number[] {
    return this.#ports.slice(0, 2);
  }

  write(exposed: readonly Exposed[], through: readonly string[] = []): void {
    const tables = exposed.map(
      ({ service: name, local, replace }) =>
        `[[reverse]]\nservice = "${name}"\nlocal = "127.0.0.1:${local}"\n${replace === undefined ? "" : `replace = ${replace}\n`}`,
    );
    const routes = through.map((target, at) => `"127.0.0.1:${this.through[at]}" = { target = "${target}", via = "pod/caller" }\n`);
    const head = `namespace = "${space.name}"\n[http]\nlisten = ["127.0.0.1:${this.#ports[2]}"]\n[relay]\nimage = "${image.name}"\n`;
    this.home.write("tunnels.toml", `${head}[tcp]\n${routes.join("")}${tables.join("")}`);
  }

  async up(exposed: readonly Exposed[], through: readonly string[] = []): Promise<this> {
    this.write(exposed, through);
    await this.home.ok("allow");
    await this.home.ok("up", "-d");
    return this;
  }

  async states(): Promise<readonly { readonly name: string; readonly state: string; readonly problem?: { readonly message: string } }[]> {
    const { profiles } = JSON.parse(await this.home.ok("status", "--json"));
    return profiles.flatMap((profile: { routes: { kind: string }[] }) => profile.routes.filter(({ kind }) => kind === "reverse"));
  }

  async running(): Promise<void> {
    const isUp = async (): Promise<boolean> => (await this.states()).every(({ state }) => state === "running");
    await eventually("the service to lead here", isUp, 60_000, 100).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${JSON.stringify(await this.states())}\n${await this.home.ok("logs")}`);
    });
  }

  async problem(): Promise<string> {
    return await eventually("a problem", async () => (await this.states())[0]?.problem?.message, 60_000, 100);
  }

  async kill(): Promise<void> {
    const pids = this.home.pids();
    for (const pid of pids) process.kill(pid, "SIGKILL");
    await eventually("the hub to be dead", () => this.home.pids().length === 0);
  }
}

const bytesOf = (seed: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(bulkBytes).fill(seed);
  for (let at = 0; at < bulkBytes; at += 4093) bytes[at] = (at >> 8) & 0xff;
  return bytes;
};
const sha256 = (bytes: Uint8Array<ArrayBuffer>): string => new CryptoHasher("sha256").update(bytes).digest("hex");

/** HTTP/1.1 and WebSocket. */
function webServer(text = "hello from here"): number {
  const bulk = bytesOf(7);
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    maxRequestBodySize: 2 * bulkBytes,
    async fetch(request, self) {
      const { pathname } = new URL(request.url);
      if (pathname === "/ws") return self.upgrade(request) ? undefined : new Response("no", { status: 400 });
      if (pathname === "/bulk") return new Response(bulk);
      if (pathname === "/sha256") return new Response(sha256(new Uint8Array(await request.arrayBuffer())));
      return new Response(text);
    },
    websocket: { message: (socket, message) => void socket.send(`echo ${String(message)}`) },
  });
  closing.push(() => server.stop(true));
  return server.port ?? 0;
}

/** HTTP/2 without TLS. */
async function h2Server(): Promise<number> {
  const server = createH2((request, response) => response.end(`h2 ${request.url}`));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  closing.push(() => void server.close());
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

cases("a service that kt makes", () => {
  test("brings HTTP/1, WebSocket, HTTP/2 and 200 MB each way to two local ports", async () => {
    const [web, h2] = [webServer(), await h2Server()];
    const exposed = [
      { service: `${space.name}/my-api:80`, local: web },
      { service: "my-api:8080", local: h2 },
    ];
    const machine = await new Machine().up(exposed, [`my-api.${space.name}.svc:80`, `my-api.${space.name}.svc:8080`]);
    await machine.running();
    await callSoon("http://my-api/", "hello from here");
    expect((await list("jobs")).length).toBe(1);
    expect(await grants()).toEqual([]);
    const sum = sha256(bytesOf(7));
    expect(await within(120_000, "the download", inPod("wget -q -O - http://my-api/bulk | /bin/busybox sha256sum"))).toContain(sum);
    const [webPort = 0, h2Port = 0] = machine.through;
    const uploaded = fetch(`http://127.0.0.1:${webPort}/sha256`, { method: "POST", body: bytesOf(9) });
    expect(await (await within(120_000, "the upload", uploaded)).text()).toBe(sha256(bytesOf(9)));
    const socket = new WebSocket(`ws://127.0.0.1:${webPort}/ws`);
    const message = new Promise<unknown>((resolve, reject) => {
      socket.onopen = () => socket.send("hi");
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = () => reject(new Error("the WebSocket failed"));
    });
    expect(await within(30_000, "the echo", message)).toBe("echo hi");
    socket.close();
    expect(await within(30_000, "the answer in HTTP/2", askH2(h2Port, "/over-h2"))).toBe("h2 /over-h2");
    const counted = JSON.parse(await machine.home.ok("status", "--json")).profiles[0].routes.find(
      ({ name }: { name: string }) => name === `${space.name}/my-api:80`,
    );
    expect(counted).toMatchObject({ kind: "reverse", state: "running" });
    expect(counted.receivedBytes).toBeGreaterThan(bulkBytes);
    expect(counted.sentBytes).toBeGreaterThan(bulkBytes);
  }, 300_000);

  test("is gone once its table is, and after kt down", async () => {
    const machine = await new Machine().up([{ service: "first:80", local: webServer() }]);
    await machine.running();
    machine.write([{ service: "second:80", local: webServer() }]);
    await machine.home.ok("allow");
    await eventually("the first to be gone", async () => (await service("first")) === undefined, 60_000, 200);
    await eventually("the second to be there", async () => (await service("second")) !== undefined, 60_000, 200);
    await machine.home.ok("down");
    await eventually("the second to be gone", async () => (await service("second")) === undefined, 60_000, 200);
  }, 150_000);

  test.skipIf(noTerminal !== undefined)(
    "is removed while kt tui has stopped it, made again by a start, and by a reconnect",
    async () => {
      const machine = await new Machine().up([{ service: "halted:80", local: webServer() }]);
      await machine.running();
      using at = Terminal.open(machine.home.path, `${binary} tui`, { cwd: `${machine.home.path}/project`, env: machine.home.env });
      await at.sees("running");
      at.press("x");
      await at.sees("halted:80: stopped");
      expect(await service("halted")).toBeUndefined();
      expect(await machine.states()).toMatchObject([{ name: "halted:80", state: "stopped" }]);
      expect((await machine.home.run(["explain", "halted:80"])).stdout).toContain("was stopped");
      at.press("x");
      await at.sees("halted:80: started");
      await callSoon("http://halted/", "hello from here");
      const [before] = await list("jobs");
      at.press("r");
      await at.sees("halted:80: connected anew");
      await callSoon("http://halted/", "hello from here");
      expect((await list("jobs")).map(({ metadata: { uid } }) => uid)).not.toContain(before?.metadata.uid ?? "none");
      at.press("Enter");
      await at.sees("is ready");
    },
    150_000,
  );

  test("is removed while the dashboard has stopped it, made again by a start, and by a reconnect", async () => {
    const machine = await new Machine().up([{ service: "paused:80", local: webServer() }]);
    await machine.running();
    const browser = await Chromium.start();
    closing.push(() => browser.close());
    // What Chromium drops while pods come and go the page asks for again by itself; nothing here can be done twice.
    const page = await browser.page({ width: 1440 });
    const dashboard = new DashboardPage(page);
    await eventually("the dashboard to be open", async () => {
      const url = (await machine.home.ok("dashboard", "--url")).trim();
      return await page.goto(url).then(
        async () => await dashboard.live().then(() => true),
        () => false,
      );
    });
    await page
      .getByRole("row", { name: `paused.${space.name}:80` })
      .locator(".target")
      .click();
    const route = page.getByRole("region", { name: "Route paused:80" });
    await route.getByRole("button", { name: "Stop" }).click();
    await route.locator("header .state").getByText("stopped").waitFor();
    await eventually("the service to be gone", async () => (await service("paused")) === undefined, 60_000, 200);
    expect(await machine.states()).toMatchObject([{ name: "paused:80", state: "stopped" }]);
    await route.getByRole("button", { name: "Start" }).click();
    await page.getByText("paused:80: started").waitFor();
    await callSoon("http://paused/", "hello from here");
    const [before] = await list("jobs");
    await route.getByRole("button", { name: "Reconnect" }).click();
    await page.getByText("paused:80: connected anew").waitFor();
    await callSoon("http://paused/", "hello from here");
    expect((await list("jobs")).map(({ metadata: { uid } }) => uid)).not.toContain(before?.metadata.uid ?? "none");
    expect(await dashboard.violations()).toEqual([]);
  }, 150_000);

  test("resets its callers while nothing listens here, and says so", async () => {
    const [unused = 0] = freePorts(1);
    const machine = await new Machine().up([{ service: "silent:80", local: unused }]);
    await machine.running();
    const says = `nothing listens on 127.0.0.1:${unused} of this machine`;
    const isReset = async (): Promise<boolean> =>
      /reset/i.test(await inPod("wget -q -O - http://silent/")) && (await machine.home.ok("logs")).includes(says);
    await eventually("a reset, and why", isReset, 60_000, 250);
    expect((await machine.home.run(["explain", "silent:80"])).stdout).toContain(`nothing listens on 127.0.0.1:${unused}`);
    const server = listen({
      hostname: "127.0.0.1",
      port: unused,
      socket: { data: (socket) => void socket.end("HTTP/1.0 200 OK\r\n\r\nnow") },
    });
    closing.push(() => server.stop(true));
    await callSoon("http://silent/", "now");
    expect(await machine.home.ok("explain", "silent:80")).toMatch(/leads here by the pod kt-reverse-/);
  }, 120_000);
});

cases("a service that is there", () => {
  const ours = (name: string): object => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: space.name, name },
    spec: {
      selector: { app: "backend" },
      ports: [
        { name: "web", port: 80, targetPort: 8080, appProtocol: "http" },
        { name: "other", port: 81, targetPort: 8080 },
      ],
    },
  });

  test("is left alone without replace = true, and one sentence says so", async () => {
    await apply(ours("kept"));
    const before = JSON.stringify(await service("kept"));
    const machine = await new Machine().up([{ service: "kept:80", local: webServer() }]);
    expect(await machine.problem()).toBe(`the service "${space.name}/kept" is there already`);
    expect(await machine.home.ok("status")).toContain("replace = true");
    expect(JSON.stringify(await service("kept"))).toBe(before);
    expect(await list("jobs")).toEqual([]);
  }, 90_000);

  test("leads here with replace = true, and is as before after kt down", async () => {
    await apply(ours("mine"));
    await callSoon("http://mine/passwd", "404");
    const before = JSON.stringify((await service("mine"))?.spec);
    const machine = await new Machine().up([{ service: "mine:80", local: webServer(), replace: true }]);
    await machine.running();
    await callSoon("http://mine/", "hello from here");
    expect((await grants()).length).toBe(3);
    await machine.home.ok("down");
    await eventually("the service to be as before", async () => JSON.stringify((await service("mine"))?.spec) === before, 60_000, 200);
    expect((await service("mine"))?.metadata.annotations?.["kt.dev/replaced"]).toBeUndefined();
    await eventually("what was granted to be gone", async () => (await grants()).length === 0, 60_000, 200);
  }, 150_000);

  test("leads here again when the relay's Job was deleted, and is as before after kt down", async () => {
    await apply(ours("moved"));
    const specOf = async (): Promise<string> => JSON.stringify((await service("moved"))?.spec);
    const before = await specOf();
    const machine = await new Machine().up([{ service: "moved:80", local: webServer(), replace: true }]);
    await machine.running();
    const [job] = await list("jobs");
    await kubectl("-n", space.name, "delete", "job", job?.metadata.name ?? "", "--wait=false");
    const isNext = async (): Promise<boolean> => (await list("jobs")).some(({ metadata: { uid } }) => uid !== job?.metadata.uid);
    await eventually("another Job", isNext, 90_000, 250);
    await eventually("the service to lead here again", async () => (await specOf()) !== before, 60_000, 250);
    await machine.running();
    await callSoon("http://moved/", "hello from here");
    await machine.home.ok("down");
    await eventually("the service to be as before", async () => (await specOf()) === before, 60_000, 200);
  }, 240_000);

  test("is as before within 90 s of a hub that was killed, and one that kt made is gone", async () => {
    await apply(ours("rescued"));
    const specOf = async (): Promise<string> => JSON.stringify((await service("rescued"))?.spec);
    const before = await specOf();
    const machine = await new Machine().up([
      { service: "rescued:80", local: webServer(), replace: true },
      { service: "made:80", local: webServer() },
    ]);
    await machine.running();
    expect(await specOf()).not.toBe(before);
    await machine.kill();
    const isOver = async (): Promise<boolean> => (await specOf()) === before && (await service("made")) === undefined;
    await eventually("both services to be as before", isOver, 90_000, 500);
    await eventually("what was granted to be gone", async () => (await grants()).length === 0, 60_000, 500);
  }, 180_000);
});

cases("without the right to it", () => {
  test("one sentence names what is missing and all that is needed", async () => {
    const token = await createUser(space.name, "watcher", [{ apiGroups: [""], resources: ["services"], verbs: ["get"] }]);
    const machine = new Machine({ KUBECONFIG: await writeKubeconfig({ limited: { user: { token } } }) });
    await machine.up([{ service: "refused:80", local: 3000, replace: true }]);
    const problem = await machine.problem();
    expect(problem).toContain(`not allowed to get jobs in namespace "${space.name}"`);
    expect(problem).toContain("needs the right to get and patch the service");
    expect(await service("refused")).toBeUndefined();
  }, 90_000);
});

async function askH2(port: number, path: string): Promise<string> {
  const session = connectH2(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":path": path });
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  session.close();
  return text;
}
