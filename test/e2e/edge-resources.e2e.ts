/** EdgeNode and PortBinding on a real API server: CRDs applied, defaults and columns, each refusal with its words, and the plan of what is there. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  adminKubeconfig,
  apply,
  createUser,
  kubectl,
  ownCluster,
  ownNamespace,
  type Ran,
  run,
  service,
  writeKubeconfig,
} from "#test/support/cluster.ts";
import {
  accepted,
  binding,
  edgeNode,
  type Manifest,
  manyBindings,
  portBinding,
  readmeExamples,
  refusedCases,
} from "#test/support/edge-manifests.ts";
import { Home } from "#test/support/kt.ts";
import { eventually } from "#test/support/wait.ts";

// The kinds are the whole cluster's: on one that is not the tests' own they may be in use.
const cases = describe.skipIf(!ownCluster);
const why = ownCluster ? "" : " (not run: the kinds are the whole cluster's)";

let home: Home;
let space: Awaited<ReturnType<typeof ownNamespace>>;

const crdNames = ["edgenodes.tunnel.achetronic.com", "portbindings.tunnel.achetronic.com"];
const removeCrds = async (): Promise<string> => await kubectl("delete", "crd", ...crdNames, "--ignore-not-found", "--timeout=60s");

beforeAll(async () => {
  if (!ownCluster) return;
  home = new Home();
  await removeCrds();
  space = await ownNamespace(`edge-${process.pid}`);
}, 120_000);
afterAll(async () => {
  if (!ownCluster) return;
  await removeCrds();
  await space.remove();
  await home.close();
}, 120_000);

/** kubectl with objects on its standard input, in the tests' namespace. */
async function send(words: readonly string[], objects: readonly object[]): Promise<Ran> {
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  return await run(["kubectl", "--kubeconfig", adminKubeconfig, "-n", space.name, ...words, "-f", "-"], { input });
}

async function sent(words: readonly string[], objects: readonly object[]): Promise<string> {
  const ran = await send(words, objects);
  if (ran.exitCode !== 0) throw new Error(`kubectl ${words.join(" ")}: ${ran.stderr}`);
  return ran.stdout;
}

function named(manifest: Manifest, name: string): Manifest {
  return { ...manifest, metadata: { name } };
}

/** What the API server says against each object, by its name. */
function refusalsOf(stderr: string): ReadonlyMap<string, string> {
  const parts = stderr.split(/^(?=Error from server )/m);
  return new Map(parts.map((part) => [/"([^"]+)" is invalid/.exec(part)?.[1] ?? "", part]));
}

const inSpace = async (...words: string[]): Promise<string> => await kubectl("-n", space.name, ...words);

cases(`EdgeNode and PortBinding${why}`, () => {
  test("are not there at first, which kt edge plan says with what to do", async () => {
    const ran = await home.run(["edge", "plan"]);
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain("kt: error: the cluster does not have the kind ");
    expect(ran.stderr).toContain("kt: hint: kt edge manifests | kubectl apply --server-side -f -");
  }, 30_000);

  test("are added by kt edge manifests, applied on the server", async () => {
    const input = await home.ok("edge", "manifests");
    const words = ["kubectl", "--kubeconfig", adminKubeconfig, "apply", "--server-side", "-f", "-"];
    const ran = await run(words, { input });
    expect([ran.exitCode, ran.stderr]).toEqual([0, ""]);
    await kubectl("wait", "--for=condition=Established", "--timeout=60s", ...crdNames.map((name) => `crd/${name}`));
    // What Kubernetes would drop from the schema is none of it, so a second time changes nothing.
    const versions = async (): Promise<string> =>
      await kubectl("get", "crd", ...crdNames, "-o", "jsonpath={.items[*].metadata.generation}");
    const before = await versions();
    await run(words, { input });
    expect(await versions()).toBe(before);
    // The API server publishes a new schema a moment after it serves the kind.
    const explained = async (): Promise<boolean> => (await kubectl("explain", "edgenode.spec.tunnel.transport")).includes("wireguard");
    await eventually("the schema to be explained", explained, 60_000, 500);
  }, 90_000);

  test("of the README's examples are accepted, and have every default, nested ones too", async () => {
    await sent(["apply"], readmeExamples);
    const [node, ...others] = JSON.parse(await inSpace("get", "edgenodes,portbindings", "-o", "json")).items;
    expect(others).toHaveLength(readmeExamples.length - 1);
    expect(node.spec).toEqual({
      address: "203.0.113.10",
      ssh: { port: 22, user: "root", connectTimeout: "30s", insecureSkipHostKeyVerification: false, secretRef: { name: "vps-ssh-secret" } },
      host: { kernelMaxSocketBufferBytes: 26_214_400, disableNicOffloads: false },
      edge: { healthCheck: { interval: "5s", timeout: "2s", healthyThreshold: 2, unhealthyThreshold: 2 } },
      tunnel: { transport: "wireguard", listenPort: 51_821, network: "10.200.0.0/24", mtu: 1420, persistentKeepalive: 25 },
      uplink: { namespace: "tunnel", replicas: 1 },
    });
    const edge = others.find(({ metadata }: Manifest) => metadata.name === "public-edge");
    expect(edge.spec.bindings.map(({ tcp, udp }: { tcp?: object; udp?: object }) => tcp ?? udp)).toEqual([
      { proxyProtocol: true, connectTimeout: "5s", idleTimeout: "1h" },
      { proxyProtocol: false, sessionTimeout: "60s" },
    ]);
    const full = others.find(({ metadata }: Manifest) => metadata.name === "edge-node-ha");
    expect(full.spec).toMatchObject(readmeExamples.at(-1)?.spec ?? {});
  }, 60_000);

  test("show columns, with what a status says", async () => {
    const lastTransitionTime = "2026-01-01T00:00:00Z";
    const ready = { type: "Ready", status: "True", reason: "AllHealthy", message: "", lastTransitionTime };
    const status = (rest: object): string => JSON.stringify({ status: { observedGeneration: 7, conditions: [ready], ...rest } });
    const uplink = [{ ordinal: 0, tunnelIP: "10.200.0.2", publicKey: "k", lastHandshake: lastTransitionTime }];
    const words = ["--subresource=status", "--type=merge"];
    const nodeStatus = status({ uplink, publicKey: "k", appliedConfigHash: "h", appliedBindings: [`${space.name}/public-web`] });
    await inSpace("patch", "en", "edge-node", ...words, "-p", nodeStatus);
    await inSpace("patch", "pb", "public-web", ...words, "-p", status({ bindings: [{ name: "http", state: "Ready" }] }));
    const rows = async (...of: string[]): Promise<string[][]> =>
      (await inSpace("get", ...of))
        .trim()
        .split("\n")
        .map((row) => row.split(/ {2,}/).map((cell) => cell.trim()));
    expect((await rows("en", "edge-node")).map((row) => row.slice(0, 5))).toEqual([
      ["NAME", "ADDRESS", "REPLICAS", "READY", "OBSERVEDGEN"],
      ["edge-node", "203.0.113.10", "1", "True", "7"],
    ]);
    expect((await rows("en", "edge-node", "-o", "wide")).map((row) => row.slice(5))).toEqual([
      ["AGE", "REASON"],
      [expect.any(String), "AllHealthy"],
    ]);
    expect((await rows("pb", "public-web")).map((row) => row.slice(0, 4))).toEqual([
      ["NAME", "NODE", "OBSERVEDGEN", "READY"],
      ["public-web", "edge-node", "7", "True"],
    ]);
    expect(JSON.parse(await inSpace("get", "en", "edge-node", "-o", "json")).status).toMatchObject({ uplink, publicKey: "k" });
  }, 60_000);

  test("keep the uplinks' namespace, also where it was never named", async () => {
    const patch = async (spec: object): Promise<Ran> =>
      await run([
        "kubectl",
        "--kubeconfig",
        adminKubeconfig,
        "-n",
        space.name,
        "patch",
        "en",
        "edge-node",
        "--type=merge",
        "-p",
        JSON.stringify({ spec }),
      ]);
    const moved = await patch({ uplink: { namespace: "elsewhere" } });
    expect(moved.exitCode).toBe(1);
    expect(moved.stderr).toContain("uplink.namespace is immutable");
    expect((await patch({ uplink: { replicas: 2 } })).exitCode).toBe(0);
    expect((await patch({ uplink: null })).exitCode).toBe(0);
  }, 30_000);

  test("that work with achetronic/tunnel, or use what is new, are accepted", async () => {
    const made = await send(
      ["create", "--dry-run=server", "-o", "name"],
      accepted.map(([, manifest], at) => named(manifest, `accepted-${at}`)),
    );
    expect(made.stderr).toBe("");
    expect(made.stdout.trim().split("\n")).toHaveLength(accepted.length);
  }, 60_000);

  test("are checked quickly, also as many bindings as there may be", async () => {
    const startedMs = performance.now();
    await sent(["create", "--dry-run=server", "-o", "name"], [portBinding("many", manyBindings(256))]);
    // Compared binding by binding they took 16 s; this takes less than one.
    expect(performance.now() - startedMs).toBeLessThan(8000);
  }, 60_000);

  test("that cannot work are refused, each with the words that say why", async () => {
    const manifests = refusedCases.map(({ manifest }, at) => named(manifest, `refused-${at}`));
    // kubectl's own look at the schema would end at the first of them.
    const made = await send(["create", "--dry-run=server", "--validate=false", "-o", "name"], manifests);
    expect(made.stdout).toBe("");
    const refusals = refusalsOf(made.stderr);
    const answers = refusedCases.map(({ what, server }, at) => ({ what, server, said: refusals.get(`refused-${at}`) ?? "nothing" }));
    expect(answers.filter(({ server, said }) => !said.includes(server))).toEqual([]);
  }, 60_000);

  test("are planned as the cluster has them, with their Services and Secrets", async () => {
    await inSpace("delete", "edgenodes,portbindings", "--all");
    const tls = { apiVersion: "v1", kind: "Secret", metadata: { namespace: space.name, name: "half" }, stringData: { "tls.crt": "x" } };
    await apply(service(space.name, "web"), service(space.name, "headless", { clusterIP: "None" }), tls);
    const to = (name: string, change: object = {}): object => ({ service: { name, namespace: space.name, port: 80, ...change } });
    const bindings = [
      binding({ target: to("web") }),
      binding({ name: "port", listenPort: 81, target: to("web", { port: 81 }) }),
      binding({ name: "headless", listenPort: 82, target: to("headless") }),
      binding({ name: "gone", listenPort: 83, target: to("gone") }),
      binding({ name: "tls", listenPort: 84, tls: { mode: "mutual", secretRef: { name: "half" } }, target: to("web") }),
      binding({ name: "ssh", listenPort: 22, target: to("web") }),
    ];
    await sent(["create"], [edgeNode("edge-node"), portBinding("older", bindings)]);
    await sent(["create"], [portBinding("younger", [binding({ target: to("web") })])]);
    const ran = await home.run(["edge", "plan", "--json", "-n", space.name]);
    expect([ran.exitCode, ran.stderr]).toEqual([1, ""]);
    const [{ plan }] = JSON.parse(ran.stdout).nodes;
    const address = await inSpace("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}");
    expect(plan.bindings).toMatchObject([{ id: `${space.name}/older/http`, target: { address, port: 80 } }]);
    expect(plan.refused.map(({ name, state }: { name: string; state: string }) => `${name} ${state}`)).toEqual([
      "gone ServiceNotFound",
      "headless ServiceUnusable",
      "port ServicePortNotFound",
      "ssh PortReserved",
      "tls TLSSecretIncomplete",
      "http PortConflict",
    ]);
    const text = await home.run(["edge", "plan", "-n", space.name]);
    expect(text.stdout).toContain(`PortConflict: port 80/TCP is held by the binding "http" of PortBinding "${space.name}/older"`);
  }, 60_000);

  test("are planned without Secrets for a user who may not read those", async () => {
    const rules = [
      { apiGroups: ["tunnel.achetronic.com"], resources: ["edgenodes", "portbindings"], verbs: ["list"] },
      { apiGroups: [""], resources: ["services"], verbs: ["get"] },
    ];
    const token = await createUser(space.name, "planner", rules);
    const kubeconfig = await writeKubeconfig({ planner: { user: { token } } });
    const ran = await home.run(["edge", "plan", "--json", "-n", space.name, "--kubeconfig", kubeconfig]);
    expect(ran.stderr).toBe("");
    const [{ plan }] = JSON.parse(ran.stdout).nodes;
    expect(plan.bindings.map(({ name }: { name: string }) => name)).toEqual(["http", "tls"]);
    const all = await home.run(["edge", "plan", "--kubeconfig", kubeconfig]);
    expect(all.exitCode).toBe(3);
    expect(all.stderr).toContain("kt: error: not allowed to list ");
  }, 60_000);
});
