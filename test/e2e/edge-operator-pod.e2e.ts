/** The operator in a pod, by the objects of `kt edge manifests`: it leads, reads with its own rights, and gives its lease back when it ends. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { apply, kubectl, ownCluster, ownNamespace, rolledOut } from "#test/support/cluster.ts";
import { edgeNode } from "#test/support/edge-manifests.ts";
import { Home } from "#test/support/kt.ts";
import { importRelayImage } from "#test/support/relay-image.ts";
import { eventually } from "#test/support/wait.ts";

// The image can only be put into the runtime of our own cluster, and the kinds are the whole cluster's.
const cases = describe.skipIf(!ownCluster);
const why = ownCluster ? "" : " (not run: the kinds are the whole cluster's)";

let space: Awaited<ReturnType<typeof ownNamespace>>;
let image: Awaited<ReturnType<typeof importRelayImage>>;
let home: Home;
const name = `kt-e2e-operator-${process.pid}`;

interface Made {
  readonly items: readonly {
    readonly kind: string;
    readonly spec?: { readonly template?: { readonly spec: { readonly containers: { readonly args: string[] }[] } } };
  }[];
}

beforeAll(async () => {
  if (!ownCluster) return;
  image = await importRelayImage();
  space = await ownNamespace("operator-pod");
  home = new Home();
  await kubectl("label", "namespace", space.name, "pod-security.kubernetes.io/enforce=restricted");
  const words = ["edge", "manifests", "--json", "-n", space.name, "--name", name, "--image", image.name, "--replicas", "2"];
  const { items } = JSON.parse(await home.ok(...words)) as Made;
  // Other tests have EdgeNodes too.
  for (const { spec } of items) spec?.template?.spec.containers[0]?.args.push("--watch-namespace", space.name);
  await apply(...items);
  await rolledOut(space.name, name);
}, 180_000);
afterAll(async () => {
  if (!ownCluster) return;
  await kubectl("delete", "clusterrole,clusterrolebinding", name, "--ignore-not-found");
  await space.remove();
  await home.close();
  await image.remove();
}, 120_000);

async function jsonPath(kind: string, object: string, path: string): Promise<string> {
  return await kubectl("-n", space.name, "get", kind, object, "-o", `jsonpath=${path}`);
}

const holder = async (): Promise<string> => await jsonPath("lease", "6f1468a9.achetronic.com", "{.spec.holderIdentity}");

cases(`the operator in a pod${why}`, () => {
  test("looks after an EdgeNode, and says why its host cannot be entered", async () => {
    const node = edgeNode("vps", {
      address: "127.0.0.1",
      ssh: { port: 9, secretRef: { name: "ssh" }, insecureSkipHostKeyVerification: true },
      uplink: { namespace: space.name },
    });
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { namespace: space.name, name: "ssh" }, stringData: { password: "x" } };
    await apply(secret, { ...node, metadata: { ...node.metadata, namespace: space.name } });
    const ready = '{.status.conditions[?(@.type=="Ready")].reason}';
    await eventually("its status", async () => (await jsonPath("edgenode", "vps", ready)) === "SSHConnectionFailed", 60_000, 250);
    const logs = await kubectl("-n", space.name, "logs", "-l", "app.kubernetes.io/name=kt-operator", "--tail=-1");
    expect(logs).not.toContain("forbidden");
    expect(logs).toContain("SSHConnectionFailed");
    await kubectl("-n", space.name, "annotate", "edgenode", "vps", "tunnel.achetronic.com/skip-deprovision=true");
    await kubectl("-n", space.name, "delete", "edgenode", "vps", "--timeout=60s");
  }, 120_000);

  test("has another one lead within seconds when it ends", async () => {
    const before = await eventually("a leader", holder);
    const [pod] = before.split("_");
    await kubectl("-n", space.name, "delete", "pod", pod ?? "", "--wait=false");
    const after = await eventually(
      "another leader",
      async () => {
        const now = await holder();
        return now !== "" && now !== before && now;
      },
      8000,
      100,
    );
    expect(after).not.toContain(pod ?? "-");
  }, 60_000);
});
