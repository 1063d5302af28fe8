/** kt in a pod, by the objects of `kt manifests`: it reaches pods itself, with few rights, and loses no request when it is replaced. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "bun";
import { adminKubeconfig, apply, kubectl, namespace, ownCluster, ownNamespace, rolledOut, run } from "#test/support/cluster.ts";
import { Home } from "#test/support/kt.ts";
import { importRelayImage } from "#test/support/relay-image.ts";
import { eventually } from "#test/support/wait.ts";

/** The image can only be put into the runtime of our own cluster, whose services this machine reaches as its node. */
const cases = describe.skipIf(!ownCluster);

let space: Awaited<ReturnType<typeof ownNamespace>>;
let image: Awaited<ReturnType<typeof importRelayImage>>;
let home: Home;
/** Of the Service. */
let clusterIp = "";

/** The profile's namespace is that of the test services, kt's own another one. */
const profile = (): string => `
namespace = "${namespace}"
[http]
listen = "0.0.0.0:8989"
expose = true
[routes]
"web.apps.example.com" = "svc/web:80"
"own.apps.example.com" = "${space.name}/svc/own:80"
"headless.apps.example.com" = "svc/web-headless:80"
[[patterns]]
host = "{service}.previews.example.com"
target = "svc/{service}:80"
[tcp]
"0.0.0.0:7000" = { target = "svc/web:7000", expose = true }
"0.0.0.0:7001" = { target = "web.${namespace}.svc:7000", expose = true }
`;

interface Made {
  readonly items: readonly {
    readonly kind: string;
    readonly metadata: { readonly namespace?: string };
    readonly rules?: readonly Rule[];
  }[];
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

async function made(): Promise<Made> {
  return JSON.parse(await home.ok("manifests", "--json", "-n", space.name, "--image", image.name)) as Made;
}

async function get(host: string, path: string, signal: AbortSignal | null = null): Promise<Response> {
  return await fetch(`http://${clusterIp}:8989${path}`, { headers: { Host: host }, signal });
}

async function podNames(): Promise<string[]> {
  return (await kubectl("-n", space.name, "get", "pods", "-l", "app.kubernetes.io/instance=kt", "-o", "name")).trim().split("\n");
}

beforeAll(async () => {
  if (!ownCluster) return;
  image = await importRelayImage();
  space = await ownNamespace("inside");
  await kubectl("label", "namespace", space.name, "pod-security.kubernetes.io/enforce=restricted");
  home = new Home();
  home.write("tunnels.toml", profile());
  await apply(...(await made()).items);
  await rolledOut(space.name, "kt");
  clusterIp = (await kubectl("-n", space.name, "get", "service", "kt", "-o", "jsonpath={.spec.clusterIP}")).trim();
  // The node's rules for a new service come a moment after its pods.
  await eventually(
    "kt's service to answer",
    async () => (await get("web.apps.example.com", "/", AbortSignal.timeout(2000))).ok,
    60_000,
    250,
  );
}, 180_000);
afterAll(async () => {
  await home?.close();
  await space?.remove();
  for (const of of [namespace])
    if (ownCluster) await kubectl("-n", of, "delete", "role,rolebinding", "-l", "app.kubernetes.io/instance=kt");
  await image?.remove();
}, 120_000);

cases("kt in a pod", () => {
  test.each(["web.apps.example.com", "headless.apps.example.com", "web.previews.example.com"])(
    "reaches the pods behind %s without the right to forward ports",
    async (host) => {
      const response = await get(host, "/");
      expect(response.status).toBe(200);
      expect(await response.text()).toContain("pod=web-");
    },
    30_000,
  );

  test("has the rights that the profile's routes need, and no more", async () => {
    const role = (await made()).items.find(({ kind, metadata }) => kind === "Role" && metadata.namespace === namespace);
    const granted = role?.rules?.flatMap(({ resources, verbs }) => resources.map((resource) => `${resource} ${verbs.join(",")}`));
    expect(granted).toEqual(["services get", "endpointslices list,watch", "pods list,watch"]);
    const can = async (...words: readonly string[]): Promise<string> => {
      const account = `system:serviceaccount:${space.name}:kt`;
      const asked = ["kubectl", "--kubeconfig", adminKubeconfig, "auth", "can-i", ...words, "-n", namespace, "--as", account];
      return (await run(asked)).stdout.trim();
    };
    expect(await Promise.all([can("get", "services"), can("watch", "pods")])).toEqual(["yes", "yes"]);
    const forbidden = ["create pods/portforward", "create pods/exec", "get secrets", "list services", "create jobs.batch", "delete pods"];
    expect(await Promise.all(forbidden.map((words) => can(...words.split(" "))))).toEqual(forbidden.map(() => "no"));
  }, 30_000);

  test("carries TCP to pods, and to names of the cluster without a relay", async () => {
    for (const port of [7000, 7001]) {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const socket = await connect({
        hostname: clusterIp,
        port,
        socket: { data: (_, bytes) => resolve(bytes.toString()), close: () => reject(new Error(`port ${port} was closed`)) },
      });
      socket.write("hello");
      expect(await promise).toContain("hello");
      socket.terminate();
    }
  }, 30_000);

  test("says in words what is not there", async () => {
    const response = await get("own.apps.example.com", "/");
    expect(response.status).toBe(502);
    expect(await response.text()).toContain(`there is no service "own" in namespace "${space.name}"`);
  }, 30_000);

  test("is replaced without a failed request", async () => {
    const wrong: string[] = [];
    let answered = 0;
    let isOver = false;
    const ask = async (): Promise<void> => {
      while (!isOver) {
        const response = await get("web.apps.example.com", "/").catch((error: unknown) => String(error));
        if (typeof response === "string") wrong.push(response);
        else if (response.status === 200 && (await response.text()).includes("pod=web-")) answered += 1;
        else wrong.push(String(response.status));
      }
    };
    const asking = [ask(), ask(), ask()];
    await kubectl("-n", space.name, "rollout", "restart", "deployment/kt");
    await rolledOut(space.name, "kt");
    await eventually("the previous pods to have ended", async () => (await podNames()).length === 2, 60_000, 250);
    isOver = true;
    await Promise.all(asking);
    expect(wrong).toEqual([]);
    expect(answered).toBeGreaterThan(100);
  }, 120_000);
});

cases("kt manifests", () => {
  test("refuses what a pod cannot serve, with the way out", async () => {
    const refused = async (text: string): Promise<string> => {
      const file = home.write("tunnels.toml", text, "other");
      const ran = await home.run(["manifests", "-f", file, "--image", "kt:1"]);
      expect(ran.exitCode).not.toBe(0);
      return ran.stderr;
    };
    expect(await refused('[routes]\n"web.localhost" = "svc/web:80"\n')).toContain('listen = "0.0.0.0:8989"');
    const open = '[http]\nlisten = "0.0.0.0:8989"\nexpose = true\n';
    expect(await refused(`context = "prod"\n${open}[routes]\n"web.example.com" = "svc/web:80"\n`)).toContain('names the context "prod"');
    expect(await refused(`extends = ["./team.toml"]\n${open}`)).toContain("team.toml");
    const file = home.write("tunnels.toml", open, "other");
    expect((await home.run(["manifests", "-f", file])).stderr).toContain("--image registry.example.com/kt:");
  }, 30_000);
});
